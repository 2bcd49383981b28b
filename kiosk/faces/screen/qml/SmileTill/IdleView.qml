import QtQuick

// Nothing to pay; also: staff enrol, and money does not answer.
Page {
    id: root

    property string kind: "idle"

    Column {
        anchors.centerIn: parent
        width: Math.min(parent.width, 900 * Theme.unit)
        spacing: Theme.gap * 1.6

        CalmRing {
            anchors.horizontalCenter: parent.horizontalCenter
            width: 220 * Theme.unit
            height: width
            turning: root.kind !== "offline"
            colour: root.kind === "offline" ? Theme.quiet : Theme.accent
        }
        Headline {
            objectName: "title"
            width: parent.width
            text: root.session.text[root.kind + "_title"]
        }
        Note {
            objectName: "explanation"
            width: parent.width
            text: root.session.text[root.kind + "_text"]
        }
        Note {
            objectName: "idlePayee"
            width: parent.width
            visible: root.kind === "idle"
            text: root.session.payeeText
            font.weight: Font.DemiBold
        }
        BigButton {
            objectName: "ownData"
            anchors.horizontalCenter: parent.horizontalCenter
            visible: root.session.canOwn
            text: root.session.text["own_button"]
            font.pixelSize: Theme.body
            onClicked: root.session.turnToOwn()
        }
    }
}
