import QtQuick
import QtQuick.Controls.Basic

// A small button of the panel: the kiosk's own are for fingers, these are for a mouse.
Button {
    id: root

    property bool strong: false

    implicitHeight: 40
    font.pixelSize: 15
    background: Rectangle {
        radius: 9
        color: root.strong ? (root.down ? "#1a2f9e" : "#2743d2") : (root.down ? "#39405c" : "#2b314a")
        opacity: root.enabled ? 1 : 0.4
        border.width: root.visualFocus ? 2 : 0
        border.color: "#ffffff"
    }
    contentItem: Text {
        text: root.text
        color: "#ffffff"
        font: root.font
        horizontalAlignment: Text.AlignHCenter
        verticalAlignment: Text.AlignVCenter
        elide: Text.ElideRight
    }
}
