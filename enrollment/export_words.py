"""What is kept of a person, in sentences for that person: the export as a document.

English and German; a language that is not here is told in English. Facts come from the export, the
reasons for each stand here once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enrollment.pdf import Cells, Heading, Paragraph, Part

_PAIR = (34.0, 66.0)
_PAYMENT = (24.0, 26.0, 18.0, 16.0, 16.0)

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "What SmileTill keeps of you",
        "intro": "This is all that this till keeps of you. The measurements of your face are not"
        " printed: they are numbers that only this till can use, and a face that was handed out"
        " could not be replaced.",
        "person": "Your number here",
        "name": "Name",
        "phone": "Phone",
        "state": "State",
        "enrolled_at": "Enrolled",
        "last_used": "Last paid with",
        "never": "never",
        "face": "Face",
        "face_text": "{samples} samples, as measurements of the model {pack}; no picture and no"
        " film.",
        "added_text": " Visits that you paid with the PIN have added {added_by_visits} more.",
        "consent": "Consent",
        "consent_text": "Text {version} ({language}), given {given_at}. SHA-256 of the text:"
        " {text_sha256}. You are 18 or older: {age_18_or_older}.",
        "confirmed_to_staff": "confirmed to staff",
        "stated_in_the_text": "stated in the text that you agreed to",
        "not_recorded": "not recorded",
        "pin": "PIN",
        "pin_text": "Kept only as a value that it can be compared with (Argon2id).",
        "pin_always": "Asked at every payment ({why}).",
        "mandate": "Payment mandate",
        "account": "Account",
        "limits": "Your limits",
        "limits_text": "{per_payment} a payment, {per_day} a day",
        "spent": "Paid today",
        "paused": "Paused by you",
        "yes": "yes",
        "no": "no",
        "why": "Why, on what basis, and how long",
        "why_1": "Face, name and number: to recognise you when you press Pay, with your explicit"
        " consent (GDPR Art. 9(2)(a) and 6(1)(a)), until you withdraw it or do not come for the"
        " time that the notice names.",
        "why_2": "Mandate, PIN and limits: to carry out the payments you agree to (Art. 6(1)(b)),"
        " until you withdraw.",
        "why_3": "Amount, time and number of each payment, under a random word: because bookkeeping"
        " law asks for it (Art. 6(1)(c)), as long as it asks.",
        "why_4": "Your bank, or the provider that connects it, receives the payments. Nobody"
        " receives anything of your face.",
        "rights": "Your rights",
        "rights_text": "At this desk, and at the screen under My data: see, correct, limit, pause,"
        " and withdraw, which erases you at once. You can complain to the data protection"
        " authority.",
        "payments": "Payments ({total})",
        "at": "Time (UTC)",
        "order": "Order",
        "amount": "Amount",
        "outcome": "Outcome",
        "refunded": "Back",
    },
    "de": {
        "title": "Was SmileTill von Ihnen speichert",
        "intro": "Das ist alles, was diese Kasse von Ihnen speichert. Die Messwerte Ihres Gesichts"
        " sind nicht abgedruckt: Es sind Zahlen, die nur diese Kasse verwenden kann, und ein"
        " herausgegebenes Gesicht ließe sich nicht ersetzen.",
        "person": "Ihre Nummer hier",
        "name": "Name",
        "phone": "Telefon",
        "state": "Zustand",
        "enrolled_at": "Angemeldet",
        "last_used": "Zuletzt bezahlt",
        "never": "nie",
        "face": "Gesicht",
        "face_text": "{samples} Aufnahmen, als Messwerte des Modells {pack}; kein Bild und kein"
        " Film.",
        "added_text": " Besuche, die Sie mit PIN bezahlt haben, haben {added_by_visits} weitere"
        " hinzugefügt.",
        "consent": "Einwilligung",
        "consent_text": "Text {version} ({language}), gegeben {given_at}. SHA-256 des Textes:"
        " {text_sha256}. Sie sind 18 oder älter: {age_18_or_older}.",
        "confirmed_to_staff": "dem Personal bestätigt",
        "stated_in_the_text": "steht im Text, dem Sie zugestimmt haben",
        "not_recorded": "nicht festgehalten",
        "pin": "PIN",
        "pin_text": "Nur als Vergleichswert gespeichert (Argon2id).",
        "pin_always": "Wird bei jeder Zahlung verlangt ({why}).",
        "mandate": "Zahlungsvollmacht",
        "account": "Konto",
        "limits": "Ihre Grenzen",
        "limits_text": "{per_payment} je Zahlung, {per_day} je Tag",
        "spent": "Heute bezahlt",
        "paused": "Von Ihnen ausgesetzt",
        "yes": "ja",
        "no": "nein",
        "why": "Wozu, auf welcher Grundlage und wie lange",
        "why_1": "Gesicht, Name und Nummer: um Sie zu erkennen, wenn Sie Bezahlen drücken, mit"
        " Ihrer ausdrücklichen Einwilligung (DSGVO Art. 9 Abs. 2 a und 6 Abs. 1 a), bis Sie sie"
        " widerrufen oder so lange nicht kommen, wie der Hinweis sagt.",
        "why_2": "Vollmacht, PIN und Grenzen: um die Zahlungen auszuführen, denen Sie zustimmen"
        " (Art. 6 Abs. 1 b), bis Sie widerrufen.",
        "why_3": "Betrag, Zeit und Nummer jeder Zahlung, unter einem Zufallswort: weil das"
        " Handelsrecht es verlangt (Art. 6 Abs. 1 c), so lange es das verlangt.",
        "why_4": "Ihre Bank, oder der Dienst, der sie anbindet, erhält die Zahlungen. Von Ihrem"
        " Gesicht erhält niemand etwas.",
        "rights": "Ihre Rechte",
        "rights_text": "An diesem Tisch und am Bildschirm unter Meine Daten: ansehen, berichtigen,"
        " begrenzen, aussetzen und widerrufen, womit Sie sofort gelöscht sind. Sie können sich"
        " bei der Datenschutzaufsicht beschweren.",
        "payments": "Zahlungen ({total})",
        "at": "Zeit (UTC)",
        "order": "Bestellung",
        "amount": "Betrag",
        "outcome": "Ergebnis",
        "refunded": "Zurück",
    },
}


def document(export: Mapping[str, Any], language: str = "en") -> list[Part]:
    """Return an export as the parts of a document."""
    words = WORDS.get(language, WORDS["en"])
    consent, mandate, pin = export["consent"], export["mandate"], export["pin"]
    face = words["face_text"].format(**export["face"])
    if export["face"]["added_by_visits"]:
        face += words["added_text"].format(**export["face"])
    age = words[consent["age_18_or_older"]]
    pin_text = words["pin_text"]
    if pin["always_asked"]:
        pin_text += " " + words["pin_always"].format(why=pin["why"].replace("_", " "))

    def row(key: str, value: str) -> Cells:
        return Cells((words[key], value), _PAIR)

    parts: list[Part] = [
        Heading(words["title"], 18),
        Paragraph(words["intro"]),
        row("person", export["person"]),
        row("name", export["name"]),
        row("phone", f"+{export['phone']}"),
        row("state", export["state"]),
        row("enrolled_at", export["enrolled_at"]),
        row("last_used", export["last_used"] or words["never"]),
        row("face", face),
        row("consent", words["consent_text"].format(**consent | {"age_18_or_older": age})),
        row("pin", pin_text),
        Heading(words["mandate"]),
        row("state", mandate["state"] or "-"),
        row("account", mandate["account"] or "-"),
        row(
            "limits", words["limits_text"].format(**mandate["limits"]) if mandate["limits"] else "-"
        ),
        row("spent", mandate["spent_today"] or "-"),
        row("paused", words["yes" if mandate["paused"] else "no"]),
        Heading(words["why"]),
        *(Paragraph(words[f"why_{number}"]) for number in (1, 2, 3, 4)),
        Heading(words["rights"]),
        Paragraph(words["rights_text"]),
        Heading(words["payments"].format(total=export["payments_total"])),
    ]
    keys = ("at", "order", "amount", "outcome", "refunded")
    parts.append(Cells(tuple(words[key] for key in keys), _PAYMENT, is_strong=True))
    parts += [
        Cells((one["at"][:16].replace("T", " "), *(one[key] for key in keys[1:])), _PAYMENT)
        for one in export["payments"]
    ]
    return parts
