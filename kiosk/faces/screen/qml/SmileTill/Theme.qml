pragma Singleton

import QtQuick

// Colours, sizes and durations: the only place with numbers of taste.
// `unit` is set by KioskView: 1 on a screen whose shorter side has 800 pixels.
QtObject {
    property real unit: 1
    property real pixelsPerMillimetre: 3.78
    property bool reducedMotion: false

    readonly property color paper: "#f7f5f0"
    readonly property color card: "#ffffff"
    readonly property color hairline: "#d9d4c8"
    readonly property color ink: "#15192b"
    readonly property color quiet: "#545b70"
    readonly property color accent: "#2743d2"
    readonly property color accentDown: "#1a2f9e"
    readonly property color paleInk: "#ffffff"
    readonly property color wrong: "#a8201a"

    readonly property color paid: "#0b6b3a"
    readonly property color notPaid: "#a8201a"
    readonly property color cancelled: "#48506a"
    readonly property color unknown: "#ffb400"

    readonly property real small: 22 * unit
    readonly property real body: 28 * unit
    readonly property real large: 38 * unit
    readonly property real title: 52 * unit
    readonly property real huge: 92 * unit

    readonly property real gap: 20 * unit
    readonly property real margin: 44 * unit
    readonly property real radius: 22 * unit
    // A finger needs 12 mm; a big screen far away needs more pixels than that.
    readonly property real touch: Math.max(84 * unit, 12 * pixelsPerMillimetre)

    readonly property int quick: reducedMotion ? 0 : 140
    readonly property int calm: reducedMotion ? 0 : 3600
}
