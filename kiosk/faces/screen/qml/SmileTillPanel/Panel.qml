import QtQuick
import QtQuick.Controls.Basic
import QtQuick.Layouts
import QtQuick.Window

// The demo's side panel: what the simulated camera sees, the story, and a tiny till.
Window {
    id: root

    required property var panel

    x: 0
    y: 0
    width: 420
    height: 800
    visible: true
    title: "SmileTill demo"
    color: "#15192b"

    ColumnLayout {
        anchors.fill: parent
        anchors.margins: 18
        spacing: 12

        Text {
            Layout.fillWidth: true
            text: "What the simulated camera sees"
            color: "#aab1c8"
            font.pixelSize: 14
        }
        Image {
            objectName: "scene"
            Layout.fillWidth: true
            Layout.preferredHeight: width * 0.75
            cache: false
            asynchronous: false
            fillMode: Image.PreserveAspectFit
            source: "image://scene/" + root.panel.frame
        }
        RowLayout {
            Layout.fillWidth: true
            spacing: 8
            Act {
                objectName: "smile"
                Layout.fillWidth: true
                text: "Smile"
                onClicked: root.panel.gesture("smile")
            }
            Act {
                Layout.fillWidth: true
                text: "Neutral"
                onClicked: root.panel.gesture("neutral")
            }
            Act {
                Layout.fillWidth: true
                text: "Leave"
                onClicked: root.panel.gesture("leave")
            }
            Act {
                Layout.fillWidth: true
                text: "Photo"
                onClicked: root.panel.gesture("show_photo")
            }
        }
        RowLayout {
            Layout.fillWidth: true
            spacing: 8
            Act {
                objectName: "turnLeft"
                Layout.fillWidth: true
                text: "Turn left"
                onClicked: root.panel.gesture("turn_left")
            }
            Act {
                objectName: "turnRight"
                Layout.fillWidth: true
                text: "Turn right"
                onClicked: root.panel.gesture("turn_right")
            }
        }
        Repeater {
            model: root.panel.titles
            Text {
                required property string modelData
                required property int index
                Layout.fillWidth: true
                text: (index < root.panel.step ? "•  " : (index === root.panel.step ? "▸  " : "    ")) + modelData
                color: index === root.panel.step ? "#ffffff" : "#8f97b3"
                font.pixelSize: 15
                font.weight: index === root.panel.step ? Font.DemiBold : Font.Normal
                elide: Text.ElideRight
            }
        }
        Text {
            objectName: "words"
            Layout.fillWidth: true
            Layout.fillHeight: true
            text: root.panel.words
            color: "#ffffff"
            font.pixelSize: 16
            wrapMode: Text.WordWrap
            verticalAlignment: Text.AlignVCenter
        }
        Act {
            objectName: "next"
            Layout.fillWidth: true
            implicitHeight: 48
            strong: true
            enabled: !root.panel.busy && root.panel.step < root.panel.steps
            text: root.panel.busy ? "One moment …" : (root.panel.step < root.panel.steps ? "Next: " + root.panel.titles[root.panel.step] : "That was the story. Try things out.")
            onClicked: root.panel.play()
        }
        RowLayout {
            Layout.fillWidth: true
            spacing: 8
            TextField {
                id: amount
                objectName: "amount"
                Layout.fillWidth: true
                Layout.preferredHeight: 40
                text: "12.50"
                font.pixelSize: 15
                Accessible.name: "Amount of a bill of your own"
            }
            Act {
                objectName: "send"
                text: "Send bill"
                onClicked: root.panel.send(amount.text)
            }
            Repeater {
                model: root.panel.guests
                Act {
                    required property string modelData
                    required property int index
                    text: modelData
                    onClicked: root.panel.guest(index)
                }
            }
        }
        Text {
            Layout.fillWidth: true
            text: (root.panel.outcome ? "This bill: " + root.panel.outcome + ".  " : "") + "Till: " + (root.panel.takings || "nothing yet") + "."
            color: "#aab1c8"
            font.pixelSize: 14
            elide: Text.ElideRight
        }
    }
}
