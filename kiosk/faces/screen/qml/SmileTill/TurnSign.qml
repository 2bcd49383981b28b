import QtQuick
import QtQuick.Shapes

// A drawn head that turns to one side, and an arrow that says to which. Nobody's face is in it.
Item {
    id: root

    property bool toLeft: true
    // How far the drawn head has turned, 0 to 1; it stays turned where nothing may move.
    property real turned: Theme.reducedMotion ? 1 : 0
    readonly property real way: toLeft ? -1 : 1
    readonly property real head: Math.min(height, width * 0.5)
    readonly property real line: Math.max(4, head * 0.05)

    SequentialAnimation on turned {
        loops: Animation.Infinite
        running: root.visible && !Theme.reducedMotion
        NumberAnimation { from: 0; to: 1; duration: Theme.calm / 3; easing.type: Easing.InOutSine }
        PauseAnimation { duration: Theme.calm / 6 }
        NumberAnimation { from: 1; to: 0; duration: Theme.calm / 3; easing.type: Easing.InOutSine }
        PauseAnimation { duration: Theme.calm / 6 }
    }

    Rectangle {
        anchors.centerIn: parent
        width: root.head * 0.76
        height: root.head
        radius: width / 2
        color: "transparent"
        border.width: root.line
        border.color: Theme.ink
    }
    // Eyes, nose and mouth go to the side that the head turns to; the nose, which stands out, furthest.
    Item {
        anchors.centerIn: parent
        anchors.horizontalCenterOffset: root.way * root.turned * root.head * 0.14
        width: root.head
        height: root.head
        Repeater {
            model: [-0.15, 0.15]
            Rectangle {
                required property real modelData
                anchors.centerIn: parent
                anchors.horizontalCenterOffset: modelData * root.head
                anchors.verticalCenterOffset: -0.12 * root.head
                width: root.head * 0.09
                height: width
                radius: width / 2
                color: Theme.ink
            }
        }
        Rectangle {
            anchors.centerIn: parent
            anchors.horizontalCenterOffset: root.way * root.turned * root.head * 0.06
            anchors.verticalCenterOffset: 0.04 * root.head
            width: root.head * 0.06
            height: root.head * 0.2
            radius: width / 2
            color: Theme.ink
        }
        Rectangle {
            anchors.centerIn: parent
            anchors.verticalCenterOffset: 0.26 * root.head
            width: root.head * 0.24
            height: root.line
            radius: height / 2
            color: Theme.ink
        }
    }

    Shape {
        anchors.fill: parent
        preferredRendererType: Shape.CurveRenderer
        ShapePath {
            id: arrow
            readonly property real tip: root.width / 2 + root.way * root.head * 0.86
            readonly property real tail: root.width / 2 + root.way * root.head * 0.5
            readonly property real barb: root.way * root.head * 0.16
            readonly property real middle: root.height / 2
            strokeColor: Theme.accent
            strokeWidth: root.line * 1.6
            fillColor: "transparent"
            capStyle: ShapePath.RoundCap
            joinStyle: ShapePath.RoundJoin
            startX: arrow.tail
            startY: arrow.middle
            PathLine { x: arrow.tip; y: arrow.middle }
            PathMove { x: arrow.tip - arrow.barb; y: arrow.middle - Math.abs(arrow.barb) }
            PathLine { x: arrow.tip; y: arrow.middle }
            PathLine { x: arrow.tip - arrow.barb; y: arrow.middle + Math.abs(arrow.barb) }
        }
    }
}
