import QtQuick
import QtQuick.Layouts

// One of four ends, by colour, sign and words.
Page {
    id: root

    property string kind: "paid"
    readonly property color ink: kind === "unknown" ? Theme.ink : Theme.paleInk

    ColumnLayout {
        anchors.centerIn: parent
        width: Math.min(parent.width, 980 * Theme.unit)
        spacing: root.wide ? Theme.gap * 0.6 : Theme.gap * 1.2

        StatusSign {
            objectName: "sign"
            Layout.alignment: Qt.AlignHCenter
            Layout.preferredWidth: Math.min(230 * Theme.unit, root.height * 0.22)
            Layout.preferredHeight: Layout.preferredWidth
            sign: root.kind
            colour: root.ink
        }
        Headline {
            objectName: "title"
            Layout.fillWidth: true
            text: root.session.text[root.kind + "_title"]
            color: root.ink
            // One word, so it shrinks where the screen is narrow.
            wrapMode: Text.NoWrap
            fontSizeMode: Text.HorizontalFit
            minimumPixelSize: Theme.large
            font.pixelSize: Theme.huge
            font.weight: Font.Bold
        }
        Note {
            objectName: "unknownSub"
            Layout.fillWidth: true
            visible: root.kind === "unknown"
            text: root.session.text["unknown_sub"]
            color: root.ink
            font.pixelSize: Theme.title
            font.weight: Font.DemiBold
        }
        Note {
            objectName: "reason"
            Layout.fillWidth: true
            text: root.session.reasonText
            color: root.ink
            font.pixelSize: Theme.large
        }
        Note {
            objectName: "mend"
            Layout.fillWidth: true
            text: root.kind === "unknown" ? root.session.text["unknown_text"] : root.session.mendText
            color: root.ink
            font.pixelSize: Theme.large
            font.weight: Font.DemiBold
        }
        Note {
            objectName: "account"
            Layout.fillWidth: true
            visible: root.kind === "paid" && text !== ""
            text: root.session.accountText
            color: root.ink
        }
        Note {
            objectName: "interrupted"
            Layout.fillWidth: true
            visible: root.session.interrupted
            text: root.session.text["interrupted"]
            color: root.ink
            font.pixelSize: Theme.small
        }
    }
}
