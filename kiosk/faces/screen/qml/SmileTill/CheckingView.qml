import QtQuick

// Somebody else is at work: a check, or the bank.
Page {
    id: root

    property string kind: "checking"

    Column {
        anchors.centerIn: parent
        width: Math.min(parent.width, 900 * Theme.unit)
        spacing: Theme.gap * 1.6

        CalmRing {
            anchors.horizontalCenter: parent.horizontalCenter
            width: 200 * Theme.unit
            height: width
        }
        Headline {
            objectName: "title"
            width: parent.width
            text: root.session.text[root.kind + "_title"]
        }
        Note {
            objectName: "explanation"
            width: parent.width
            visible: root.kind === "paying"
            text: root.kind === "paying" ? root.session.text["paying_text"] : ""
            font.pixelSize: Theme.large
        }
    }
}
