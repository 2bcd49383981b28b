import QtQuick

// The three lines of what is stored of a customer.
Column {
    id: root

    required property var session
    property real size: Theme.body

    spacing: Theme.gap

    Repeater {
        model: ["about_1", "about_2", "about_3"]
        Row {
            required property string modelData
            required property int index
            width: root.width
            spacing: Theme.gap
            Rectangle {
                id: bullet
                width: root.size * 1.9
                height: width
                radius: width / 2
                color: Theme.accent
                Text {
                    anchors.centerIn: parent
                    text: index + 1
                    color: Theme.paleInk
                    font.pixelSize: root.size
                    font.weight: Font.Bold
                }
            }
            Note {
                objectName: parent.modelData
                width: parent.width - bullet.width - parent.spacing
                anchors.verticalCenter: bullet.verticalCenter
                horizontalAlignment: Text.AlignLeft
                text: root.session.text[parent.modelData]
                color: Theme.ink
                font.pixelSize: root.size
            }
        }
    }
}
