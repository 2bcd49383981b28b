import QtQuick
import QtQuick.Layouts

// The bottom row while nothing is sent: back or cancel, other ways, what is stored, language.
RowLayout {
    id: root

    required property var session
    property bool opened: false
    readonly property string view: session.view

    spacing: Theme.gap

    BigButton {
        objectName: "back"
        visible: root.opened
        text: root.session.text["back"]
        font.pixelSize: Theme.body
        onClicked: root.session.back()
    }
    BigButton {
        objectName: "cancel"
        visible: root.session.canCancel && root.view !== "about"
        text: root.session.text["cancel"]
        font.pixelSize: Theme.body
        onClicked: root.session.cancel()
    }
    Item {
        Layout.fillWidth: true
    }
    BigButton {
        objectName: "about"
        visible: root.view === "offer"
        text: root.session.text["about_button"]
        font.pixelSize: Theme.body
        onClicked: root.session.about()
    }
    BigButton {
        objectName: "language"
        visible: ["idle", "offline", "enrolling", "offer"].includes(root.view)
        text: root.session.text["other_language"]
        font.pixelSize: Theme.body
        onClicked: root.session.otherLanguage()
    }
    BigButton {
        objectName: "otherWaysBelow"
        visible: root.session.canPayOtherWay && !root.opened && root.view !== "offer"
        text: root.session.text["other_button"]
        font.pixelSize: Theme.body
        onClicked: root.session.otherWays()
    }
}
