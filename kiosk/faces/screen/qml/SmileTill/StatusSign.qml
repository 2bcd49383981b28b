import QtQuick
import QtQuick.Shapes

// The symbol of an end: tick, cross, bar or question mark, so that colour is never alone.
Item {
    id: root

    property string sign: "paid"
    property color colour: Theme.paleInk

    implicitWidth: 190 * Theme.unit
    implicitHeight: implicitWidth

    Rectangle {
        anchors.fill: parent
        radius: width / 2
        color: "transparent"
        border.width: root.width * 0.06
        border.color: root.colour
    }
    Shape {
        anchors.fill: parent
        visible: root.sign !== "unknown"
        preferredRendererType: Shape.CurveRenderer
        ShapePath {
            strokeColor: root.colour
            strokeWidth: root.width * 0.085
            fillColor: "transparent"
            capStyle: ShapePath.RoundCap
            joinStyle: ShapePath.RoundJoin
            PathMultiline {
                paths: root.strokes(root.sign)
            }
        }
    }
    Text {
        anchors.centerIn: parent
        visible: root.sign === "unknown"
        text: "?"
        color: root.colour
        font.pixelSize: root.width * 0.62
        font.weight: Font.Bold
    }

    function at(x: real, y: real): point {
        return Qt.point(x * width, y * height)
    }

    function strokes(sign: string): var {
        switch (sign) {
        case "paid":
            return [[at(0.29, 0.52), at(0.44, 0.67), at(0.72, 0.35)]]
        case "not_paid":
            return [[at(0.34, 0.34), at(0.66, 0.66)], [at(0.66, 0.34), at(0.34, 0.66)]]
        default:
            return [[at(0.30, 0.50), at(0.70, 0.50)]]
        }
    }
}
