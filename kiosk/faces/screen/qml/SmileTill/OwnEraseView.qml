import QtQuick

// Withdrawing: what goes, what stays, and a button that has to be held.
Page {
    id: root

    Column {
        anchors.centerIn: parent
        width: Math.min(parent.width, 980 * Theme.unit)
        spacing: Theme.gap * 1.3

        Headline {
            objectName: "title"
            width: parent.width
            text: root.session.text["own_erase_title"]
        }
        Repeater {
            model: ["own_erase_1", "own_erase_2", "own_erase_3"]
            Note {
                required property string modelData
                objectName: modelData
                width: parent.width
                text: root.session.text[modelData]
                color: Theme.ink
            }
        }
        HoldButton {
            objectName: "ownEraseHold"
            anchors.horizontalCenter: parent.horizontalCenter
            width: Math.min(parent.width, 760 * Theme.unit)
            height: 120 * Theme.unit
            ink: Theme.wrong
            text: root.session.text["own_erase_hold"]
            onActivated: root.session.own.erase()
        }
    }
}
