"""The impact assessment as Markdown, from its facts: the order of GDPR Article 35(7).

Pure: the same facts give the same text. Every figure comes from the facts; sentences about how the
program works are true of every installation and have tests of their own.
"""

from __future__ import annotations

from typing import Any

NOT_ASKED = "not asked: SmileTill was not running"

RISKS = (
    ("A face is taken for another's", "the wrong person is charged",
     ("threshold from the measured tail of the worst set, the people enrolled here among them;"
     " digits or PIN in doubt; look-alikes pay with PIN only; the amount is shown and agreed"
     " to; one action reports, binds and refunds")),
    ("A picture, a screen or a mask", "somebody is charged without being there",
     "presentation attack detection that fails closed; PIN above the ceilings of section 2"),
    ("The terminal is stolen", "templates and names are read",
     ("key outside the data directory; one key per person; parts under keys of their own; templates"
     " turned by a secret of this shop, which can be renewed")),
    ("Measurements leave the house", "somebody is recognised elsewhere",
     "the process that sees faces has no network; the process that has one sees no face"),
    ("Staff look or change without reason", "loss of confidentiality",
     ("accounts with roles; a hash-chained audit log of every change; of the number only its end is"
     " shown")),
    ("Somebody feels that they have no choice", "consent is not free",
     "card, cash, and number with PIN are offered at the same place and in the same size"),
    ("A passer-by is filmed", "data of people who never agreed",
     "the camera opens after a press only; pictures are never stored; the session is wiped"),
    ("What was erased comes back", "erasure is not real",
     "keys are destroyed; files are searched; an old vault is detected, an old data folder by TPM"),
)  # fmt: skip
"""Risk, harm, and the measures in this program."""

LEFT_TO_THE_OWNER = (
    "Who the controller is in law, and how the data protection officer, if any, is reached.",
    "Why paying with a face is necessary and proportionate here, with the alternatives offered.",
    (
        "Whether national law asks for more (consent of minors, biometric law, works council,"
        " notice at the door), and whether the authority has to be consulted (Article 36)."
    ),
    "The views of customers and staff (Article 35(9)).",
    (
        "The contract with the bank or the provider that connects it (Article 28, or a controller"
        " of its own)."
    ),
    "Where backups and this terminal stand, and who may reach them.",
    (
        "How long bookkeeping law asks for payments to be kept, and when this assessment is"
        " looked at again."
    ),
)


def render(facts: dict[str, Any]) -> str:
    """Return the assessment."""
    parts = [
        f"# Data protection impact assessment: {facts['controller']}",
        (
            "Filled by SmileTill from this installation. What the program cannot know is listed at"
            " the end; an assessment is finished only when somebody has answered that."
        ),
        "## 1. What is done, and why (Article 35(7)(a))",
        (
            "Customers who have agreed can pay by looking at the till. After a press, a camera"
            " compares the face with those of enrolled people; the amount is shown, and a smile"
            " or a button agrees to it. What is kept of enrolled people's faces is compared with"
            " one another too: to find look-alikes, and to set how alike is alike enough."
        ),
        _table(("What", "Fact"), _description(facts)),
        "### Kinds of data, basis and time",
        _table(("Data", "Where", "Legal basis", "Kept"), _data(facts)),
        "### Who receives what",
        _table(
            ("Who", "Where", "What"),
            [(it["who"], it["where"], it["what"]) for it in facts["recipients"]],
        ),
        "Nobody receives measurements of a face.",
        "## 2. Necessity and proportionality (Article 35(7)(b))",
        (
            "Nobody has to take part: every function is reachable without a face. No picture is"
            " kept, no age, sex or mood is derived, and the smile is read as a movement only."
        ),
        _table(("Rule", "Value"), _proportion(facts)),
        "### Rights",
        (
            "See, export, limits, PIN, pause, withdraw and erase: at the desk with one command"
            " each, and at the screen behind face and PIN (docs/rights.md)."
        ),
        "## 3. Risks and measures (Article 35(7)(c) and (d))",
        _table(("Risk", "Harm", "Measures"), RISKS),
        "### Errors of recognition, as measured",
        _table(("What", "Value"), _errors(facts["pack"])),
        _table(
            ("Set", "Comparisons", "Rarest rate supported", "Score there, upper 95 %"),
            [tuple(str(value) for value in one.values()) for one in facts["pack"]["measured_on"]],
        ),
        "### This machine",
        _table(("Check", "Found"), sorted(facts["machine"].items())),
        "## 4. Left to the owner",
        "\n".join(f"- [ ] {one}" for one in _left(facts)),
    ]
    return "\n\n".join(parts) + "\n"


def _left(facts: dict[str, Any]) -> tuple[str, ...]:
    """Return what only the owner can answer; the texts shipped speak of no learning."""
    own = "Whether the consent text in use says that visits add measurements ([packs] adapt is on)."
    return (*LEFT_TO_THE_OWNER, own) if facts["adaptive_templates"] else LEFT_TO_THE_OWNER


def _description(facts: dict[str, Any]) -> list[tuple[str, str]]:
    staff = facts["staff_accounts"]
    accounts = ", ".join(f"{count} {role}" for role, count in sorted((staff or {}).items()))
    return [
        ("Erased when unused for", f"{facts['retention_unused_months']} months"),
        ("People enrolled", NOT_ASKED if facts["people"] is None else str(facts["people"])),
        ("Staff accounts", NOT_ASKED if staff is None else accounts or "none"),
        ("Staff codes at the screen", str(facts["screen_staff_codes"])),
        ("Country code of numbers", facts["country_code"] or "none"),
        (
            "Learning from visits paid with the PIN (adaptive templates)",
            "on" if facts["adaptive_templates"] else "off",
        ),
        ("Model pack", facts["pack"]["id"]),
        ("Licences of the models", ", ".join(facts["pack"]["licences"])),
        ("Interface for tills", facts["till_interface"]),
        ("Network of the process that sees faces", facts["network_of_faces"] or NOT_ASKED),
    ]


def _data(facts: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    vault = f"vault, {facts['encryption']}; key source: {facts['key_source']}"
    until = (
        f"until withdrawn, or {facts['retention_unused_months']} months unused and"
        f" {facts['retention_notice_days']} days after a warning"
    )
    explicit = "explicit consent, Art. 9(2)(a) and 6(1)(a)"
    contract = "contract, Art. 6(1)(b)"
    return [
        ("measurements of the face", vault, explicit, until),
        ("name and phone number", vault, explicit, until),
        *_adaptive(facts["adaptive_templates"], vault, explicit, until),
        ("consent: version, language, hash, time, how the age is known", vault, "Art. 7(1)", until),
        ("the signature, as drawn or typed, where one was given", vault, "Art. 7(1)", until),
        ("mandate, limits", "journal of payments", contract, until + "; bookkeeping"),
        ("PIN", f"journal, as {facts['pin_verifier']}, sealed", contract, until),
        ("amount, time, order of payments", "journal, under a random word",
         "legal duty, Art. 6(1)(c)", "as bookkeeping law asks"),
        ("how a payment was recognised: rounded scores, codes", "evidence file, no person in it",
         "legitimate interest in settling disputes, Art. 6(1)(f)",
         f"{facts['evidence_days']} days"),
        ("who of the staff did what", "audit log, hash-chained", "Art. 5(2) and 32",
         "until the owner removes it"),
    ]  # fmt: skip


def _adaptive(is_on: bool, vault: str, basis: str, until: str) -> list[tuple[str, str, str, str]]:
    """Return the row of what visits add; none where nothing is added."""
    what = "measurements added at visits paid with the PIN (adaptive templates), at most 4"
    return [(what, vault, basis, f"{until}; or switched off")] if is_on else []


def _proportion(facts: dict[str, Any]) -> list[tuple[str, str]]:
    claim = "always" if facts["claim"] == "first" else "in doubt"
    return [
        ("Last digits of the number are asked", claim),
        ("A payment without PIN up to", facts["no_pin_up_to"]),
        ("A day without PIN up to", facts["no_pin_a_day_up_to"]),
        ("Consent texts", ", ".join(facts["consent_texts"])),
    ]


def _errors(pack: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("Target: a stranger is taken for somebody, per search",
         f"{pack['stranger_taken_for_somebody']:g}"),
        ("Target: the same with the right digits, in the set with the fewest people",
         f"{pack['stranger_with_right_digits']:g}"),
        ("Threshold by these sets; the people enrolled here may raise it",
         f"{pack['threshold_open']:g}"),
        ("Set that decides it", pack["worst_set"]),
        ("Commercial use of the models", "allowed" if pack["commercial_use"] else "not allowed"),
    ]  # fmt: skip


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(it) for it in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
