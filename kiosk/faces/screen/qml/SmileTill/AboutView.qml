import QtQuick

// What is stored, where, and how it goes away.
Page {
    id: root

    Column {
        anchors.centerIn: parent
        width: Math.min(parent.width, 980 * Theme.unit)
        spacing: Theme.gap * 2

        Headline {
            width: parent.width
            text: root.session.text["about_title"]
        }
        StoredLines {
            width: parent.width
            session: root.session
            size: Theme.body * 1.1
        }
    }
}
