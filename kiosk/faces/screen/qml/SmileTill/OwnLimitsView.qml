import QtQuick
import QtQuick.Layouts

// Lower limits to choose from; higher ones are a matter for the desk.
Page {
    id: root

    readonly property var own: session.own

    component Sums: GridLayout {
        id: sums

        property var choices: []
        property string prefix: ""
        signal chosen(int choice)

        Layout.fillWidth: true
        columns: root.wide ? 4 : 2
        columnSpacing: Theme.gap
        rowSpacing: Theme.gap
        uniformCellWidths: true

        Repeater {
            model: sums.choices
            BigButton {
                required property string modelData
                required property int index
                objectName: sums.prefix + index
                Layout.fillWidth: true
                text: modelData
                onClicked: sums.chosen(index)
            }
        }
    }

    ColumnLayout {
        anchors.centerIn: parent
        width: Math.min(parent.width, 1080 * Theme.unit)
        spacing: Theme.gap

        Headline {
            objectName: "title"
            Layout.fillWidth: true
            text: root.session.text["own_lower"]
        }
        Note {
            objectName: "ownLimitsNow"
            Layout.fillWidth: true
            text: root.own.noteText || root.own.limitsNow
        }
        Note {
            Layout.fillWidth: true
            text: root.session.text["own_per_payment"]
            color: Theme.ink
            font.weight: Font.DemiBold
        }
        Sums {
            choices: root.own.paymentChoices
            prefix: "ownPayment"
            onChosen: choice => root.own.lowerPayment(choice)
        }
        Note {
            Layout.fillWidth: true
            text: root.session.text["own_per_day"]
            color: Theme.ink
            font.weight: Font.DemiBold
        }
        Sums {
            choices: root.own.dayChoices
            prefix: "ownDay"
            onChosen: choice => root.own.lowerDay(choice)
        }
        Note {
            Layout.fillWidth: true
            text: root.session.text["own_higher"]
            font.pixelSize: Theme.small
        }
    }
}
