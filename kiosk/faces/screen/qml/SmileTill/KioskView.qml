import QtQuick
import QtQuick.Layouts
import QtQuick.Window

// The whole screen as one item: header, view, and the way out. Another window may hold it.
Rectangle {
    id: root

    required property var session
    readonly property string view: session.view
    readonly property bool ended: ["paid", "not_paid", "cancelled", "unknown"].includes(view)
    readonly property bool opened: ["about", "other", "staff", "phone", "phone_pin"].includes(view)
    readonly property var grounds: ({
        "paid": Theme.paid, "not_paid": Theme.notPaid,
        "cancelled": Theme.cancelled, "unknown": Theme.unknown
    })
    // The confirmation shows amount and payee itself, larger.
    readonly property bool headed: session.hasOrder && view !== "confirm"
    readonly property color ink: ended && view !== "unknown" ? Theme.paleInk : Theme.ink

    objectName: "kiosk"
    // While the camera looks, the screen's colours say whether a face before it is alive.
    readonly property bool tinted: session.looking && session.tintColour !== ""
    color: ended ? grounds[view] : tinted ? session.tintColour : Theme.paper

    Binding {
        target: Theme
        property: "unit"
        value: Math.max(0.55, Math.min(Math.min(root.width, root.height) / 800, Math.max(root.width, root.height) / 1220))
    }
    Binding {
        target: Theme
        property: "pixelsPerMillimetre"
        value: Screen.pixelDensity
    }

    ColumnLayout {
        anchors.fill: parent
        anchors.margins: Theme.margin
        spacing: Theme.gap

        BillHeader {
            Layout.fillWidth: true
            visible: root.headed
            session: root.session
            ink: root.ink
            quiet: root.ended ? root.ink : Theme.quiet
        }
        Rectangle {
            Layout.fillWidth: true
            Layout.preferredHeight: 2 * Theme.unit
            visible: root.headed
            color: root.ended ? root.ink : Theme.hairline
            opacity: root.ended ? 0.5 : 1
        }
        Pages {
            objectName: "pages"
            Layout.fillWidth: true
            Layout.fillHeight: true
            session: root.session
        }
        ResultFooter {
            Layout.fillWidth: true
            visible: root.ended
            session: root.session
            ink: root.ink
        }
        WayOut {
            Layout.fillWidth: true
            Layout.fillHeight: false
            visible: !root.ended && root.view !== "paying"
            session: root.session
            opened: root.opened
        }
    }
    // The light that says that the camera is on.
    Row {
        objectName: "cameraLight"
        anchors.top: parent.top
        anchors.horizontalCenter: parent.horizontalCenter
        anchors.topMargin: 12 * Theme.unit
        visible: root.session.looking
        Rectangle {
            width: 16 * Theme.unit
            height: width
            radius: width / 2
            color: Theme.accent
        }
    }
}
