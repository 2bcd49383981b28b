import QtQuick
import QtQuick.Layouts

// The customer turns the head a little, or goes on without, by a button that weighs the same.
Page {
    id: root

    readonly property real card: Math.min(270 * Theme.unit, height * (wide ? 0.46 : 0.32))

    ColumnLayout {
        anchors.centerIn: parent
        width: Math.min(parent.width, (root.wide ? 1080 : 760) * Theme.unit)
        spacing: Theme.gap * 1.4

        Headline {
            objectName: "title"
            Layout.fillWidth: true
            text: root.session.text[root.session.turnLeft ? "turn_left" : "turn_right"]
            Accessible.role: Accessible.AlertMessage
        }
        GridLayout {
            Layout.fillWidth: true
            columns: root.wide ? 2 : 1
            columnSpacing: Theme.gap
            rowSpacing: Theme.gap
            uniformCellWidths: true

            Rectangle {
                objectName: "turnCard"
                Layout.fillWidth: true
                Layout.preferredHeight: root.card
                radius: Theme.radius
                color: Theme.card
                border.width: 4 * Theme.unit
                border.color: Theme.accent
                Column {
                    anchors.centerIn: parent
                    width: parent.width - 2 * Theme.gap
                    spacing: root.card * 0.07
                    TurnSign {
                        objectName: "turnSign"
                        width: parent.width
                        height: root.card * 0.58
                        toLeft: root.session.turnLeft
                        Accessible.role: Accessible.Graphic
                        Accessible.name: root.session.text[root.session.turnLeft ? "turn_left" : "turn_right"]
                    }
                    Note {
                        width: parent.width
                        text: root.session.text["turn_text"]
                        color: Theme.ink
                    }
                }
            }
            BigButton {
                id: skip
                objectName: "skipTurn"
                Layout.fillWidth: true
                Layout.preferredHeight: root.card
                text: root.session.text["turn_skip"]
                detail: root.session.text["turn_skip_text"]
                onClicked: root.session.skipTurn()
                background: Rectangle {
                    radius: Theme.radius
                    color: skip.down ? Qt.darker(Theme.card, 1.1) : Theme.card
                    border.width: (skip.visualFocus ? 7 : 4) * Theme.unit
                    border.color: Theme.accent
                }
            }
        }
        Note {
            Layout.fillWidth: true
            text: root.session.text["looking_text"]
            font.pixelSize: Theme.small
        }
    }
}
