import QtQuick
import QtQuick.Layouts

// The bottom row while nothing is sent: back or cancel, other ways, what is stored, language.
RowLayout {
    id: root

    required property var session
    property bool opened: false
    readonly property string view: session.view

    spacing: Theme.gap

    // As wide as its words, and narrower, on two lines, where the row is short.
    component Small: BigButton {
        Layout.fillWidth: true
        Layout.fillHeight: true
        Layout.minimumWidth: Theme.touch
        Layout.preferredWidth: implicitWidth
        Layout.maximumWidth: implicitWidth
        font.pixelSize: Theme.body
    }

    Small {
        objectName: "back"
        visible: root.opened
        text: root.session.text["back"]
        onClicked: root.session.back()
    }
    Small {
        objectName: "ownBack"
        visible: root.view === "own_limits" || root.view === "own_erase"
        text: root.session.text["back"]
        onClicked: root.session.own.back()
    }
    Small {
        objectName: "ownLeave"
        visible: root.view.startsWith("own_") && root.view !== "own_end"
        text: root.session.text["own_leave"]
        onClicked: root.session.own.leave()
    }
    Small {
        objectName: "cancel"
        visible: root.session.canCancel && root.view !== "about"
        text: root.session.text["cancel"]
        onClicked: root.session.cancel()
    }
    Item {
        Layout.fillWidth: true
    }
    Small {
        objectName: "about"
        visible: root.view === "offer"
        text: root.session.text["about_button"]
        onClicked: root.session.about()
    }
    Small {
        objectName: "language"
        visible: ["idle", "offline", "enrolling", "offer", "own_intro", "own_data"].includes(root.view)
        text: root.session.text["other_language"]
        onClicked: root.session.otherLanguage()
    }
    Small {
        objectName: "otherWaysBelow"
        visible: root.session.canPayOtherWay && !root.opened && root.view !== "offer"
        text: root.session.text["other_button"]
        onClicked: root.session.otherWays()
    }
}
