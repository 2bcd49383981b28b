import QtQuick

// How it ended: erased, not recognised, too long; and what to do.
Page {
    id: root

    readonly property var told: session.own.endTexts

    Column {
        anchors.centerIn: parent
        width: Math.min(parent.width, 980 * Theme.unit)
        spacing: Theme.gap * 1.6

        Headline {
            objectName: "title"
            width: parent.width
            text: root.told[0]
        }
        Note {
            objectName: "mend"
            width: parent.width
            text: root.told[1]
            color: Theme.ink
            font.pixelSize: Theme.large
        }
        Note {
            objectName: "ownCertificate"
            width: parent.width
            visible: root.told[2] !== ""
            text: root.session.text["own_certificate"] + " " + root.told[2]
        }
        BigButton {
            objectName: "ownDone"
            anchors.horizontalCenter: parent.horizontalCenter
            width: Math.min(parent.width, 560 * Theme.unit)
            strong: true
            text: root.session.text["done"]
            onClicked: root.session.own.leave()
        }
        Note {
            objectName: "ownStaff"
            width: parent.width
            text: root.session.text["own_staff"]
            font.pixelSize: Theme.small
        }
    }
}
