import QtQuick
import QtQuick.Layouts
import QtQuick.Window

// The customer agrees to the amount: by a smile, or by a button that weighs the same.
Page {
    id: root

    readonly property real card: Math.min(270 * Theme.unit, height * (session.firstVisit ? 0.29 : 0.42))

    // Only what has been painted can be agreed to.
    Connections {
        target: root.Window.window
        function onFrameSwapped() { root.session.amountOnScreen() }
    }

    ColumnLayout {
        anchors.centerIn: parent
        width: Math.min(parent.width, (root.wide ? 1080 : 760) * Theme.unit)
        spacing: Theme.gap

        Note {
            objectName: "confirmAmount"
            Layout.fillWidth: true
            text: root.session.amountText
            color: Theme.ink
            font.pixelSize: Theme.huge * (root.session.firstVisit ? 1.05 : 1.25)
            font.weight: Font.Bold
            lineHeight: 1
        }
        Note {
            objectName: "confirmPayee"
            Layout.fillWidth: true
            text: root.session.text["pay_to"]
            color: Theme.ink
            font.pixelSize: Theme.large
        }
        Note {
            objectName: "account"
            Layout.fillWidth: true
            Layout.bottomMargin: Theme.gap
            text: root.session.accountText
        }
        GridLayout {
            Layout.fillWidth: true
            columns: root.wide ? 2 : 1
            columnSpacing: Theme.gap
            rowSpacing: Theme.gap
            uniformCellWidths: true
            
            Rectangle {
                objectName: "smileCard"
                visible: root.session.canSmile
                Layout.fillWidth: true
                Layout.preferredHeight: root.card
                radius: Theme.radius
                color: Theme.card
                border.width: 4 * Theme.unit
                border.color: Theme.accent
                Column {
                    anchors.centerIn: parent
                    width: parent.width - 2 * Theme.gap
                    spacing: root.card * 0.08
                    SmileGauge {
                        objectName: "gauge"
                        anchors.horizontalCenter: parent.horizontalCenter
                        width: root.card * 0.72
                        height: root.card * 0.46
                        level: root.session.smileLevel
                        ready: root.session.smileReady
                    }
                    Note {
                        objectName: "smileHint"
                        width: parent.width
                        text: root.session.text[root.session.smileReady ? "confirm_title" : "confirm_relax"]
                        color: Theme.ink
                        font.pixelSize: Theme.large
                        font.weight: Font.DemiBold
                    }
                }
            }
            BigButton {
                id: tap
                objectName: "tapAgree"
                Layout.fillWidth: true
                Layout.preferredHeight: root.card
                text: root.session.text["tap_button"]
                onClicked: root.session.tap()
                background: Rectangle {
                    radius: Theme.radius
                    color: tap.down ? Theme.accent : Theme.card
                    border.width: (tap.visualFocus ? 7 : 4) * Theme.unit
                    border.color: Theme.accent
                }
                contentItem: Item {
                    Column {
                        anchors.centerIn: parent
                        width: parent.width
                        spacing: root.card * 0.08
                        Rectangle {
                            anchors.horizontalCenter: parent.horizontalCenter
                            width: root.card * 0.46
                            height: width
                            radius: width / 2
                            color: "transparent"
                            border.width: width * 0.1
                            border.color: Theme.hairline
                            Rectangle {
                                anchors.centerIn: parent
                                width: parent.width * 0.46
                                height: width
                                radius: width / 2
                                color: Theme.accent
                            }
                        }
                        Note {
                            width: parent.width
                            text: tap.text
                            color: Theme.ink
                            font.pixelSize: Theme.large
                            font.weight: Font.DemiBold
                        }
                    }
                }
            }
        }
        StoredLines {
            objectName: "firstVisit"
            Layout.fillWidth: true
            visible: root.session.firstVisit
            session: root.session
            size: Theme.small
            spacing: 5 * Theme.unit
        }
    }
}
