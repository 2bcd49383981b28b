import QtQuick
import QtQuick.Layouts

// The bottom row of an end.
GridLayout {
    id: root

    required property var session
    property color ink: Theme.paleInk

    columns: width > 900 * Theme.unit ? 3 : 1
    columnSpacing: Theme.gap
    rowSpacing: Theme.gap * 0.7

    HoldButton {
        objectName: "holdSeen"
        Layout.fillWidth: true
        Layout.columnSpan: parent.columns
        visible: root.session.mustBeSeen
        ink: root.ink
        text: root.session.text[root.session.view === "unknown" ? "hold_seen" : "hold_done"]
        onActivated: root.session.acknowledge()
    }
    BigButton {
        objectName: "retry"
        Layout.fillWidth: true
        Layout.preferredWidth: 1
        font.pixelSize: Theme.body * 1.15
        visible: root.session.canRetry && !root.session.mustBeSeen
        text: root.session.text["retry"]
        onClicked: root.session.tryAgain()
    }
    BigButton {
        objectName: "payOtherWay"
        Layout.fillWidth: true
        Layout.preferredWidth: 1
        font.pixelSize: Theme.body * 1.15
        visible: root.session.view === "not_paid" && root.session.canPayOtherWay
        text: root.session.text["other_button"]
        onClicked: root.session.payOtherWay()
    }
    BigButton {
        objectName: "done"
        Layout.fillWidth: true
        Layout.preferredWidth: 1
        font.pixelSize: Theme.body * 1.15
        visible: !root.session.mustBeSeen
        ground: "transparent"
        ink: root.ink
        text: root.session.text["done"]
        onClicked: root.session.acknowledge()
    }
}
