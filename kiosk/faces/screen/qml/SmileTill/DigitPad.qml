import QtQuick
import QtQuick.Layouts

// Ten digits, delete and OK; the digits go straight to the model and are kept nowhere here.
GridLayout {
    id: root

    required property var session
    property real key: Theme.touch

    columns: 3
    columnSpacing: Theme.gap * 0.7
    rowSpacing: Theme.gap * 0.7

    Repeater {
        model: ["1", "2", "3", "4", "5", "6", "7", "8", "9"]
        BigButton {
            required property string modelData
            objectName: "digit" + modelData
            text: modelData
            Layout.preferredWidth: root.key * 1.5
            Layout.preferredHeight: root.key
            onClicked: root.session.typeDigit(modelData)
        }
    }
    BigButton {
        objectName: "digitErase"
        text: "⌫"
        Accessible.name: root.session.text["erase"]
        enabled: root.session.typedLength > 0
        Layout.preferredWidth: root.key * 1.5
        Layout.preferredHeight: root.key
        onClicked: root.session.eraseDigit()
    }
    BigButton {
        objectName: "digit0"
        text: "0"
        Layout.preferredWidth: root.key * 1.5
        Layout.preferredHeight: root.key
        onClicked: root.session.typeDigit("0")
    }
    BigButton {
        objectName: "digitEnter"
        text: root.session.text["ok"]
        strong: true
        enabled: root.session.canEnter
        Layout.preferredWidth: root.key * 1.5
        Layout.preferredHeight: root.key
        onClicked: root.session.enter()
    }
}
