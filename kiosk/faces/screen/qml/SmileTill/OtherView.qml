import QtQuick
import QtQuick.Layouts

// Every way to pay that needs no face.
Page {
    id: root

    ColumnLayout {
        anchors.centerIn: parent
        width: Math.min(parent.width, 980 * Theme.unit)
        spacing: Theme.gap

        Headline {
            Layout.fillWidth: true
            Layout.bottomMargin: Theme.gap
            text: root.session.text["other_title"]
        }
        BigButton {
            objectName: "choosePhone"
            Layout.fillWidth: true
            Layout.preferredHeight: 150 * Theme.unit
            text: root.session.text["other_phone"]
            detail: root.session.text["other_phone_text"]
            onClicked: root.session.choosePhone()
        }
        BigButton {
            objectName: "chooseTill"
            Layout.fillWidth: true
            Layout.preferredHeight: 150 * Theme.unit
            visible: root.session.staffCanClose
            text: root.session.text["other_till"]
            detail: root.session.text["other_till_text"]
            onClicked: root.session.chooseTill()
        }
        Rectangle {
            Layout.fillWidth: true
            Layout.preferredHeight: 150 * Theme.unit
            visible: !root.session.staffCanClose
            radius: Theme.radius
            color: "transparent"
            border.width: 2 * Theme.unit
            border.color: Theme.hairline
            Column {
                anchors.centerIn: parent
                width: parent.width - 2 * Theme.gap
                spacing: 4 * Theme.unit
                Note {
                    width: parent.width
                    text: root.session.text["other_till"]
                    color: Theme.ink
                    font.pixelSize: Theme.large
                    font.weight: Font.DemiBold
                }
                Note {
                    objectName: "tillAsk"
                    width: parent.width
                    text: root.session.text["till_ask"]
                    font.pixelSize: Theme.small
                }
            }
        }
    }
}
