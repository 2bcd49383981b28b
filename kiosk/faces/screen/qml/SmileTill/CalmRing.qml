import QtQuick
import QtQuick.Shapes

// Where to look while the camera looks. It is no mirror: nothing in it comes from the camera.
Item {
    id: root

    property bool turning: true
    property color colour: Theme.accent
    readonly property real thickness: Math.max(8, width * 0.045)

    implicitWidth: 300 * Theme.unit
    implicitHeight: implicitWidth

    Rectangle {
        anchors.fill: parent
        radius: width / 2
        color: "transparent"
        border.width: root.thickness
        border.color: Theme.hairline
    }
    Shape {
        anchors.fill: parent
        preferredRendererType: Shape.CurveRenderer
        ShapePath {
            strokeColor: root.colour
            strokeWidth: root.thickness
            fillColor: "transparent"
            capStyle: ShapePath.RoundCap
            PathAngleArc {
                centerX: root.width / 2
                centerY: root.height / 2
                radiusX: (root.width - root.thickness) / 2
                radiusY: radiusX
                startAngle: -90
                sweepAngle: 96
            }
        }
        RotationAnimator on rotation {
            from: 0
            to: 360
            duration: Theme.calm
            loops: Animation.Infinite
            running: root.turning && root.visible && !Theme.reducedMotion
        }
    }
}
