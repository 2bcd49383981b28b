import QtQuick

// A sentence.
Text {
    horizontalAlignment: Text.AlignHCenter
    wrapMode: Text.WordWrap
    color: Theme.quiet
    font.pixelSize: Theme.body
    lineHeight: 1.15
    textFormat: Text.PlainText
}
