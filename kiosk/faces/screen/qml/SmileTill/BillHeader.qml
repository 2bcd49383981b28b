import QtQuick
import QtQuick.Layouts

// Amount and payee: there from the first moment of an order to its end.
Item {
    id: root

    required property var session
    property color ink: Theme.ink
    property color quiet: Theme.quiet

    implicitHeight: row.implicitHeight

    RowLayout {
        id: row
        anchors.left: parent.left
        anchors.right: parent.right
        spacing: Theme.gap

        ColumnLayout {
            Layout.fillWidth: true
            spacing: 0
            Note {
                objectName: "payLabel"
                Layout.fillWidth: true
                horizontalAlignment: Text.AlignLeft
                text: root.session.text[root.session.view === "paid" ? "was_paid" : "to_pay"]
                color: root.quiet
                font.pixelSize: Theme.small
            }
            Note {
                objectName: "payee"
                Layout.fillWidth: true
                horizontalAlignment: Text.AlignLeft
                text: root.session.text["pay_to"]
                color: root.ink
                font.pixelSize: Theme.body
                font.weight: Font.Medium
                maximumLineCount: 2
                elide: Text.ElideRight
            }
        }
        Note {
            objectName: "amount"
            text: root.session.amountText
            color: root.ink
            wrapMode: Text.NoWrap
            font.pixelSize: Theme.huge
            font.weight: Font.Bold
            font.features: { "tnum": 1 }
            lineHeight: 1
        }
    }
}
