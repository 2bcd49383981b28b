import QtQuick

// One view for each moment, chosen by the session's `view`.
Loader {
    id: root

    required property var session
    readonly property var pages: ({
        "idle": idle, "offline": offline, "enrolling": enrolling, "offer": offer, "about": about,
        "other": other, "staff": staff, "looking": looking, "turn": turn, "checking": checking, "digits": digits,
        "pin": pin, "phone": phone, "phone_pin": phonePin, "confirm": confirm, "paying": paying,
        "paid": paid, "not_paid": notPaid, "cancelled": cancelled, "unknown": unknown,
        "own_phone": ownPhone, "own_phone_pin": ownPhonePin, "own_intro": ownIntro, "own_looking": looking, "own_pin": ownPin,
        "own_wait": checking,
        "own_data": ownData, "own_limits": ownLimits, "own_erase": ownErase, "own_end": ownEnd
    })

    focus: true
    sourceComponent: pages[session.view]

    Component { id: idle; IdleView { session: root.session } }
    Component { id: offline; IdleView { session: root.session; kind: "offline" } }
    Component { id: enrolling; IdleView { session: root.session; kind: "enrolling" } }
    Component { id: offer; OfferView { session: root.session } }
    Component { id: about; AboutView { session: root.session } }
    Component { id: other; OtherView { session: root.session } }
    Component { id: staff; EntryView { session: root.session; kind: "staff"; focus: true } }
    Component { id: looking; LookingView { session: root.session } }
    Component { id: turn; TurnView { session: root.session } }
    Component { id: checking; CheckingView { session: root.session } }
    Component { id: digits; EntryView { session: root.session; kind: "digits"; focus: true } }
    Component { id: pin; EntryView { session: root.session; kind: "pin"; focus: true } }
    Component { id: phone; EntryView { session: root.session; kind: "phone"; focus: true } }
    Component { id: phonePin; EntryView { session: root.session; kind: "phone_pin"; focus: true } }
    Component { id: confirm; ConfirmView { session: root.session } }
    Component { id: paying; CheckingView { session: root.session; kind: "paying" } }
    Component { id: paid; ResultView { session: root.session; kind: "paid" } }
    Component { id: notPaid; ResultView { session: root.session; kind: "not_paid" } }
    Component { id: cancelled; ResultView { session: root.session; kind: "cancelled" } }
    Component { id: unknown; ResultView { session: root.session; kind: "unknown" } }
    Component { id: ownIntro; OwnIntroView { session: root.session } }
    Component { id: ownPhone; EntryView { session: root.session; kind: "own_phone"; focus: true } }
    Component { id: ownPhonePin; EntryView { session: root.session; kind: "own_phone_pin"; focus: true } }
    Component { id: ownPin; EntryView { session: root.session; kind: "own_pin"; focus: true } }
    Component { id: ownData; OwnDataView { session: root.session } }
    Component { id: ownLimits; OwnLimitsView { session: root.session } }
    Component { id: ownErase; OwnEraseView { session: root.session } }
    Component { id: ownEnd; OwnEndView { session: root.session } }
}
