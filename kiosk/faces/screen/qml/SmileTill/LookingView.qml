import QtQuick

// The camera is on: a ring, a word, no mirror.
Page {
    id: root

    Column {
        anchors.centerIn: parent
        width: Math.min(parent.width, 900 * Theme.unit)
        spacing: Theme.gap * 1.4

        CalmRing {
            objectName: "ring"
            anchors.horizontalCenter: parent.horizontalCenter
            width: Math.min(300 * Theme.unit, root.height * 0.5)
            height: width
            Rectangle {
                anchors.centerIn: parent
                width: parent.width * 0.14
                height: width
                radius: width / 2
                color: Theme.accent
            }
        }
        Headline {
            objectName: "title"
            width: parent.width
            text: root.session.text["looking_title"]
        }
        Note {
            objectName: "hint"
            width: parent.width
            text: root.session.hintText
            color: Theme.ink
            font.pixelSize: Theme.large
            Accessible.role: Accessible.AlertMessage
            Accessible.name: text
        }
        Note {
            width: parent.width
            text: root.session.text["looking_text"]
            font.pixelSize: Theme.small
        }
    }
}
