import QtQuick

// How many digits are typed, never which.
Row {
    id: root

    property int filled: 0
    property int total: 6

    spacing: 22 * Theme.unit
    Accessible.role: Accessible.StaticText
    Accessible.name: filled + "/" + total

    Repeater {
        model: root.total
        Rectangle {
            required property int index
            width: 34 * Theme.unit
            height: width
            radius: width / 2
            color: index < root.filled ? Theme.ink : "transparent"
            border.width: 3 * Theme.unit
            border.color: index < root.filled ? Theme.ink : Theme.quiet
        }
    }
}
