import QtQuick
import QtQuick.Controls.Basic

// Has to be held: nobody dismisses by accident what staff must see.
DelayButton {
    id: root

    property color ink: Theme.ink

    delay: 1500
    implicitHeight: Math.max(Theme.touch, implicitContentHeight + 1.4 * Theme.gap)
    font.pixelSize: Theme.body
    Accessible.name: text

    background: Rectangle {
        radius: Theme.radius
        color: "transparent"
        border.width: 3 * Theme.unit
        border.color: root.ink
        Rectangle {
            width: parent.width * root.progress
            height: parent.height
            radius: Theme.radius
            color: root.ink
            opacity: 0.3
        }
    }
    contentItem: Note {
        text: root.text
        color: root.ink
        font.pixelSize: root.font.pixelSize
        font.weight: Font.DemiBold
        verticalAlignment: Text.AlignVCenter
    }
}
