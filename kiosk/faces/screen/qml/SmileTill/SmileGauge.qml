import QtQuick
import QtQuick.Shapes

// A smile that is drawn as far as it has been held; full, it is the consent.
Item {
    id: root

    property real level: 0
    property bool ready: false
    readonly property real thickness: width * 0.075

    implicitWidth: 260 * Theme.unit
    implicitHeight: implicitWidth * 0.62

    component Arc: Shape {
        id: arc

        property color colour: Theme.hairline
        property real share: 1

        anchors.fill: parent
        preferredRendererType: Shape.CurveRenderer
        ShapePath {
            strokeColor: arc.colour
            strokeWidth: root.thickness
            fillColor: "transparent"
            capStyle: ShapePath.RoundCap
            PathAngleArc {
                centerX: root.width / 2
                centerY: root.height * 0.05
                radiusX: root.width * 0.42
                radiusY: root.height * 0.82
                startAngle: 165
                sweepAngle: -150 * arc.share
            }
        }
    }

    Arc { colour: Theme.hairline }
    Arc {
        visible: root.level > 0.001
        colour: Theme.accent
        share: root.level
        Behavior on share { NumberAnimation { duration: Theme.quick } }
    }
    Repeater {
        model: [0.29, 0.71]
        Rectangle {
            required property real modelData
            width: root.thickness * 1.25
            height: width
            radius: width / 2
            x: root.width * modelData - width / 2
            y: 0
            color: root.ready ? Theme.accent : Theme.hairline
        }
    }
}
