import QtQuick
import QtQuick.Controls.Basic

// A button for fingers; `strong` is the one to press, the others are equal in size.
Button {
    id: root

    property bool strong: false
    property string detail: ""
    property color ground: Theme.card
    property color ink: Theme.ink

    implicitHeight: Math.max(Theme.touch, implicitContentHeight + 2 * Theme.gap)
    implicitWidth: implicitContentWidth + 3 * Theme.gap
    opacity: enabled ? 1 : 0.45
    focusPolicy: Qt.StrongFocus
    Accessible.name: text + (detail ? ". " + detail : "")

    background: Rectangle {
        radius: Theme.radius
        color: root.strong ? (root.down ? Theme.accentDown : Theme.accent) : (root.down ? Qt.darker(root.ground, 1.1) : root.ground)
        border.width: root.visualFocus ? 5 * Theme.unit : (root.strong ? 0 : 3 * Theme.unit)
        border.color: root.visualFocus ? (root.strong ? Theme.ink : Theme.accent) : root.ink
    }
    contentItem: Item {
        implicitHeight: face.implicitHeight
        // From the texts and not from the column, whose width follows ours.
        implicitWidth: Math.max(label.implicitWidth, more.implicitWidth)
        Column {
            id: face
            anchors.centerIn: parent
            width: parent.width
            spacing: 4 * Theme.unit
            Note {
                id: label
                width: parent.width
                text: root.text
                color: root.strong ? Theme.paleInk : root.ink
                font.pixelSize: root.font.pixelSize
                font.weight: Font.DemiBold
            }
            Note {
                id: more
                width: parent.width
                visible: root.detail !== ""
                text: root.detail
                color: root.strong ? Theme.paleInk : Theme.quiet
                font.pixelSize: Theme.small
            }
        }
    }
    font.pixelSize: Theme.large
}
