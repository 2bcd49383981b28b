import QtQuick

// What comes, while the camera is off; staff can do all of it too.
Page {
    id: root

    Column {
        anchors.centerIn: parent
        width: Math.min(parent.width, 980 * Theme.unit)
        spacing: Theme.gap * 1.4

        Headline {
            objectName: "title"
            width: parent.width
            text: root.session.text["own_title"]
        }
        StoredLines {
            width: parent.width
            session: root.session
        }
        BigButton {
            objectName: "ownPress"
            anchors.horizontalCenter: parent.horizontalCenter
            width: Math.min(parent.width, 760 * Theme.unit)
            height: 130 * Theme.unit
            strong: true
            text: root.session.text["own_press"]
            detail: root.session.text["camera_off"]
            onClicked: root.session.own.press()
        }
        BigButton {
            objectName: "ownNumber"
            anchors.horizontalCenter: parent.horizontalCenter
            width: Math.min(parent.width, 760 * Theme.unit)
            text: root.session.text["own_number"]
            font.pixelSize: Theme.body
            onClicked: root.session.own.openNumber()
        }
        Note {
            objectName: "ownStaff"
            width: parent.width
            text: root.session.text["own_staff"]
            font.pixelSize: Theme.small
        }
    }
}
