import QtQuick

// What every view has: the session, and whether the screen is wider than tall.
FocusScope {
    required property var session
    readonly property bool wide: width > height * 1.15
}
