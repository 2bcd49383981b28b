import QtQuick
import QtQuick.Layouts

// A pad: last digits, PIN, phone number, staff code.
Page {
    id: root

    property string kind: "pin"
    readonly property bool number: kind === "phone" || kind === "own_phone"

    Keys.onPressed: event => {
        if (event.key === Qt.Key_Backspace) {
            session.eraseDigit()
        } else if (event.key === Qt.Key_Return || event.key === Qt.Key_Enter) {
            session.enter()
        } else {
            session.typeDigit(event.text)
        }
    }

    GridLayout {
        anchors.centerIn: parent
        columns: root.wide ? 2 : 1
        columnSpacing: Theme.margin * 1.5
        rowSpacing: Theme.gap * 1.6

        ColumnLayout {
            Layout.alignment: Qt.AlignCenter
            Layout.preferredWidth: root.wide ? root.width * 0.46 : Math.min(root.width, 900 * Theme.unit)
            spacing: Theme.gap * 1.2

            Headline {
                objectName: "title"
                Layout.fillWidth: true
                text: root.session.text[({ "phone_pin": "pin", "own_phone_pin": "pin", "own_phone": "phone" }[root.kind] || root.kind) + "_title"]
            }
            Note {
                objectName: "ask"
                Layout.fillWidth: true
                visible: text !== ""
                text: root.session.askText
                color: root.session.refused ? Theme.wrong : Theme.quiet
                font.weight: root.session.refused ? Font.DemiBold : Font.Normal
                Accessible.role: Accessible.AlertMessage
                Accessible.name: text
            }
            Dots {
                objectName: "dots"
                Layout.alignment: Qt.AlignHCenter
                Layout.topMargin: Theme.gap
                visible: !root.number
                filled: root.session.typedLength
                total: root.session.typedMax
            }
            Rectangle {
                Layout.fillWidth: true
                Layout.preferredHeight: Theme.touch
                visible: root.number
                radius: Theme.radius
                color: Theme.card
                border.width: 3 * Theme.unit
                border.color: Theme.quiet
                Note {
                    objectName: "typedPhone"
                    anchors.centerIn: parent
                    text: root.session.typedPhone
                    color: Theme.ink
                    font.pixelSize: Theme.large
                    font.letterSpacing: 4 * Theme.unit
                }
            }
        }
        DigitPad {
            Layout.alignment: Qt.AlignCenter
            session: root.session
            key: Math.max(12 * Theme.pixelsPerMillimetre, Math.min(Theme.touch * 1.15, (root.height - 3 * Theme.gap) * (root.wide ? 0.25 : 0.14)))
        }
    }
}
