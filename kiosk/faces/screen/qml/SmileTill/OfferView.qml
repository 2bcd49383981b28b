import QtQuick
import QtQuick.Layouts

// An order is here: what it is, and two ways to pay it that are equal in size.
Page {
    id: root

    ColumnLayout {
        anchors.centerIn: parent
        width: Math.min(parent.width, 1120 * Theme.unit)
        spacing: Theme.gap

        Column {
            Layout.fillWidth: true
            Layout.bottomMargin: Theme.gap
            visible: root.session.billLines.length > 0
            spacing: 6 * Theme.unit
            Repeater {
                model: root.session.billLines
                Item {
                    required property var modelData
                    width: parent.width
                    height: text.height + 8 * Theme.unit
                    Note {
                        id: text
                        width: parent.width - sum.width - Theme.gap
                        horizontalAlignment: Text.AlignLeft
                        wrapMode: Text.NoWrap
                        elide: Text.ElideRight
                        text: parent.modelData["text"]
                        color: Theme.ink
                    }
                    Note {
                        id: sum
                        anchors.right: parent.right
                        text: parent.modelData["amount"]
                        color: Theme.ink
                    }
                    Rectangle {
                        anchors.bottom: parent.bottom
                        width: parent.width
                        height: 1
                        color: Theme.hairline
                    }
                }
            }
        }
        GridLayout {
            Layout.fillWidth: true
            columns: root.wide ? 2 : 1
            columnSpacing: Theme.gap
            rowSpacing: Theme.gap
            uniformCellWidths: true

            BigButton {
                objectName: "pressSmile"
                Layout.fillWidth: true
                Layout.preferredHeight: 170 * Theme.unit
                strong: true
                enabled: root.session.canPress
                text: root.session.text["smile_button"]
                detail: root.session.text["camera_off"]
                font.pixelSize: Theme.title * 0.9
                onClicked: root.session.press()
            }
            BigButton {
                objectName: "otherWays"
                Layout.fillWidth: true
                Layout.preferredHeight: 170 * Theme.unit
                enabled: root.session.canPayOtherWay
                text: root.session.text["other_button"]
                font.pixelSize: Theme.title * 0.9
                onClicked: root.session.otherWays()
            }
        }
    }
}
