import QtQuick

// What a view is about.
Note {
    color: Theme.ink
    font.pixelSize: Theme.title
    font.weight: Font.DemiBold
    lineHeight: 1.05
    Accessible.role: Accessible.Heading
    Accessible.name: text
}
