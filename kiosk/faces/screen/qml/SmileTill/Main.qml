import QtQuick
import QtQuick.Window

// The window of a real terminal.
Window {
    id: root

    required property var session
    property bool windowed: false

    // In a window there is room for the demo's panel on the left.
    x: windowed ? 430 : 0
    y: 0
    width: windowed ? 1100 : 1280
    height: 800
    minimumWidth: 480
    minimumHeight: 480
    visible: true
    visibility: windowed ? Window.Windowed : Window.FullScreen
    title: "SmileTill"
    color: Theme.paper

    KioskView {
        anchors.fill: parent
        session: root.session
    }
}
