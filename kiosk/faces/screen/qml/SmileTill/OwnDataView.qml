import QtQuick
import QtQuick.Layouts

// What is kept of the customer, and what they can do about it.
Page {
    id: root

    readonly property var own: session.own

    ColumnLayout {
        anchors.centerIn: parent
        width: Math.min(parent.width, 1080 * Theme.unit)
        spacing: Theme.gap * 0.7

        Headline {
            objectName: "title"
            Layout.fillWidth: true
            text: root.session.text["own_data_title"]
            font.pixelSize: Theme.large
        }
        Column {
            id: rows
            Layout.fillWidth: true
            spacing: 3 * Theme.unit
            Repeater {
                model: root.own.rowTexts
                Item {
                    required property var modelData
                    width: rows.width
                    height: Math.max(label.height, value.height) + 5 * Theme.unit
                    Note {
                        id: label
                        width: parent.width * 0.34
                        horizontalAlignment: Text.AlignLeft
                        text: parent.modelData["label"]
                        font.pixelSize: Theme.small
                    }
                    Note {
                        id: value
                        anchors.right: parent.right
                        width: parent.width * 0.64
                        horizontalAlignment: Text.AlignRight
                        text: parent.modelData["value"]
                        color: Theme.ink
                        font.pixelSize: Theme.small
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
        Note {
            objectName: "ownNote"
            Layout.fillWidth: true
            visible: text !== ""
            text: root.own.noteText
            color: Theme.ink
            font.weight: Font.DemiBold
            Accessible.role: Accessible.AlertMessage
            Accessible.name: text
        }
        GridLayout {
            Layout.fillWidth: true
            Layout.topMargin: Theme.gap * 0.5
            columns: root.wide ? 3 : 1
            columnSpacing: Theme.gap
            rowSpacing: Theme.gap
            uniformCellWidths: true

            BigButton {
                objectName: "ownLimits"
                Layout.fillWidth: true
                text: root.session.text["own_lower"]
                font.pixelSize: Theme.body
                enabled: root.own.limitsNow !== ""
                onClicked: root.own.openLimits()
            }
            BigButton {
                objectName: "ownPause"
                Layout.fillWidth: true
                text: root.session.text[root.own.paused ? "own_resume" : "own_pause"]
                font.pixelSize: Theme.body
                onClicked: root.own.pause()
            }
            BigButton {
                objectName: "ownErase"
                Layout.fillWidth: true
                text: root.session.text["own_withdraw"]
                font.pixelSize: Theme.body
                ink: Theme.wrong
                onClicked: root.own.openErase()
            }
        }
    }
}
