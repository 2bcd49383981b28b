"""What staff read: progress and refusals in words, one place for all of them.

A code without words of its own is shown as it is, spaced; nothing is hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROGRESS = {
    "checking": "checking what was typed",
    "looking": "taking samples",
    "pose_plain": "look straight at the camera",
    "pose_turn": "turn the head a little to one side",
    "pose_glasses": "glasses off, or on; without any just wait",
    "rehearsing": "rehearsing a payment: nothing is charged",
    "comparing": "looking for the same face",
    "keeping": "keeping the record",
    "mandate": "setting up the mandate",
    "approve_mandate": "waiting for the customer's approval at their bank",
    "erasing": "destroying key and record",
    "searching": "searching all files for leftovers",
    "revoking": "revoking the mandate",
    "renewing": "renewing the templates",
    "no_face": "no face: step before the camera",
    "two_faces": "two faces: one at a time, please",
    "too_far": "come closer",
    "too_close": "step back a little",
    "not_centred": "move to the middle",
    "too_dark": "more light on the face, please",
    "too_bright": "less light on the face, please",
    "backlit": "the light is behind you: turn towards it",
    "low_contrast": "the picture is flat: change the light",
    "blurred": "hold still",
    "turned_away": "look at the camera",
    "poor_picture": "the picture is not clear enough: more light, and hold still",
}

REFUSALS = {
    "phone_taken": "Somebody is enrolled with this number already.",
    "duplicate": "Somebody who looks the same is enrolled already.",
    "look_alike": "Somebody who looks alike is enrolled. The same person is not enrolled twice;"
    " if it is somebody else, a manager says so with --look-alike-of, and both need their PIN.",
    "not_the_same": "The face is not the one that was enrolled; nothing was changed.",
    "age_not_confirmed": "The customer was not asked whether they are 18 or older.",
    "not_signed": "The customer has not signed.",
    "too_few_frames": "There were too few pictures.",
    "no_face": "No face was seen.",
    "two_faces": "More than one face was seen.",
    "frames_disagree": "The pictures do not show one and the same face.",
    "face_changed": "The face before the camera changed.",
    "pad_texture": "This does not look like a living face.",
    "pad_stream": "The camera's pictures are not those of a camera before a person.",
    "pad_context": "What is around the face moves with it, as in a picture.",
    "pad_undecided": "It is not certain that this is a living face.",
    "no_picture": "A picture that the list names is not there.",
    "picture_unreadable": "A picture cannot be read.",
    "pictures_elsewhere": "A picture lies outside the folder of the import.",
    "consent_date_bad": "The date of the consent is no date, or lies ahead.",
    "consent_given_at_missing": "When they agreed is missing.",
    "pin_bad": "The PIN is too simple or has not six digits.",
    "phone_bad": "The phone number is not usable.",
    "name_bad": "The name is not usable.",
    "pad_turn": "This did not turn as a head does.",
    "pad_movement": "The face did not move as asked.",
    "pad_light": "The light on the face was not the screen's.",
    "mandate_rejected": "The bank did not agree to the mandate.",
    "mandate_pending": "The bank has not yet agreed to the mandate.",
}

RIGHTS_REFUSED = {
    "proof_needed": "This takes the customer's PIN, or a manager.",
    "proof_stale": "That took too long: the PIN is needed again.",
    "above_granted": "The bank was told of lower limits: only a new enrolment raises them.",
    "mandate_unknown": "There is no mandate of this person any more.",
    "pin_wrong": "The PIN is wrong.",
    "pin_format": "A PIN has six digits.",
    "pin_locked": "The PIN is locked after wrong tries; a manager can set a new one.",
    "pin_too_soon": "Too soon after a wrong PIN: wait a moment.",
    "pin_terminal_paused": "Too many wrong PINs at this terminal: wait an hour.",
    "order_unknown": "There is no such order.",
    "nobody_charged": "This order has charged nobody.",
    "not_the_payer": "This order has charged somebody else.",
    "nothing_paid": "Nothing was paid yet; report again when the payment's end is known.",
    "phone_taken": "Somebody else is enrolled with this number.",
    "not_reported": "No wrong-person report holds this person to the PIN.",
    "report_open": "The refund of a report is still open: see smiletill money refunds.",
    "nothing_left": "All of it has gone back already.",
}


def right_refused(reason: str, attempts_left: int | None) -> str:
    """Return why a customer's right or a report was not carried out, in words."""
    known = RIGHTS_REFUSED.get(reason, f"{reason.replace('_', ' ')}.")
    return known if attempts_left is None else f"{known} Tries left: {attempts_left}."


def still_pin(why: str) -> str:
    """Return why a PIN is asked at every payment all the same."""
    known = {"look_alike": "Somebody enrolled looks the same, so the PIN is still asked."}
    return known.get(why, f"The PIN is still asked: {spaced(why)}.")


def spaced(code: str) -> str:
    """Return a code as words, where it has none of its own."""
    return code.replace("_", " ")


def progress(code: str) -> str:
    """Return a step of progress in words."""
    return PROGRESS.get(code, code.replace("_", " "))


def enrolled(result: Mapping[str, Any]) -> str:
    """Return what an enrolment came to, in words."""
    lines = [
        "Enrolled {person}: {samples} samples, quality {quality}, mandate {mandate}.".format(
            **result
        )
    ]
    skipped = [it["pose"] for it in result.get("poses", ()) if it["skipped"]]
    if skipped:
        lines.append(f"Not seen: {', '.join(skipped)}.")
    if result.get("pin_always"):
        lines.append("Somebody who looks alike is enrolled: both always need their PIN. Tell them.")
    tried = result.get("rehearsal")
    if tried is not None and not tried["recognised"]:
        lines.append(f"The rehearsal did not recognise them: {progress(tried['reason'])}.")
    elif tried is not None:
        asked = " and ".join(it.replace("_", " ") for it in tried["asked"]) or "nothing more"
        lines.append(f"The rehearsal recognised them; a payment would have asked for {asked}.")
    if "copy" in result:
        lines.append(f"The customer's copy is in {result['copy']}.")
    return "\n".join(lines)


def refusal(reason: str, detail: str) -> str:
    """Return why somebody was not enrolled, in words."""
    known = REFUSALS.get(reason) or f"{PROGRESS.get(reason, reason.replace('_', ' '))}."
    return known if not detail or detail == known else f"{known} {detail}"
