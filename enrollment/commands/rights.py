"""A customer's rights on the command line: `smiletill enrol kept|export|limits|pin|pause|…`.

Each word asks faces one thing; the command line acts as a manager of its user. A PIN given as an
option can be seen in the list of processes; a new one is asked for, unseen, when it is left out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from enrollment import export_words, rights_flow, words
from enrollment.flow import OpenFaces
from enrollment.pdf import write_pdf
from kiosk.commands.common import NewFile, emit, founded_data_option, json_option
from kiosk.domain.errors import BadInputError

EXIT_NO = 1

_person = click.argument("person", metavar="ID")
_pin = click.option(
    "--pin", default="", metavar="PIN", help="The customer's own PIN, instead of a manager's word."
)


@click.command()
@_person
@founded_data_option
@json_option
@click.pass_obj
def kept(faces: OpenFaces, *, person: str, data_dir: Path, as_json: bool) -> None:
    """Show what is kept of one person, for staff and customer to look at together."""
    with faces(data_dir) as client:
        found = rights_flow.kept(client, person)
    emit(found, as_json, json.dumps(found, indent=1, ensure_ascii=False))


@click.command()
@_person
@click.option("--pdf", type=NewFile(), metavar="F", help="PDF.")
@click.option("--language", default="", metavar="L", help="Of the PDF: en or de.")
@founded_data_option
@json_option
@click.pass_obj
def export(
    faces: OpenFaces,
    *,
    person: str,
    pdf: Path | None,
    language: str,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Export all that is kept of one person, for that person: never the template."""
    with faces(data_dir) as client:
        found = rights_flow.export(client, person)
    human = json.dumps(found, indent=1, ensure_ascii=False)
    if pdf is not None:
        spoken = language or found["consent"]["language"]
        pages = write_pdf(pdf, export_words.document(found, spoken), language=spoken)
        found |= {"pdf": str(pdf), "pages": pages}
        human = f"Everything but the template is in {pdf}, on {pages} pages."
    emit(found, as_json, human)


@click.command()
@_person
@click.option("--per-payment", metavar="AMOUNT", help="Such as 20.00.")
@click.option("--per-day", metavar="AMOUNT", help="Such as 50.00.")
@_pin
@founded_data_option
@json_option
@click.pass_obj
def limits(
    faces: OpenFaces,
    *,
    person: str,
    per_payment: str | None,
    per_day: str | None,
    pin: str,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Change a customer's limits, up to what their bank was told."""
    with faces(data_dir) as client:
        taken = rights_flow.set_limits(client, person, per_payment, per_day, pin)
    return _told(taken, as_json=as_json)


@click.command(name="pin")
@_person
@click.option("--new-pin", metavar="PIN", help="Asked for, unseen, if left out.")
@_pin
@founded_data_option
@json_option
@click.pass_obj
def change_pin(
    faces: OpenFaces,
    *,
    person: str,
    new_pin: str | None,
    pin: str,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Give a customer a new PIN; a locked one is unlocked by it."""
    fresh = new_pin or _ask_new_pin()
    with faces(data_dir) as client:
        taken = rights_flow.change_pin(client, person, fresh, pin)
    return _told(taken, as_json=as_json)


@click.command()
@_person
@click.option("--name", default="", help="The right name.")
@click.option("--phone", default="", metavar="NUMBER", help="The right number, in full.")
@founded_data_option
@json_option
@click.pass_obj
def correct(
    faces: OpenFaces, *, person: str, name: str, phone: str, data_dir: Path, as_json: bool
) -> int:
    """Correct a customer's name or phone number."""
    with faces(data_dir) as client:
        taken = rights_flow.correct(client, person, name, phone)
    return _told(taken, as_json=as_json)


@click.command()
@_person
@_pin
@founded_data_option
@json_option
@click.pass_obj
def resume(faces: OpenFaces, *, person: str, pin: str, data_dir: Path, as_json: bool) -> int:
    """End a customer's own pause."""
    with faces(data_dir) as client:
        taken = rights_flow.resume(client, person, pin)
    return _told(taken, as_json=as_json)


def _mover(word: str, means: str) -> click.Command:
    """Make one of the words that only name whom they move."""

    @click.command(name=word, help=means)
    @_person
    @founded_data_option
    @json_option
    @click.pass_obj
    def move(faces: OpenFaces, *, person: str, data_dir: Path, as_json: bool) -> int:
        with faces(data_dir) as client:
            taken = rights_flow.move(client, person, word)
        return _told(taken, as_json=as_json)

    return move


pause = _mover("pause", "Have a customer neither recognised nor charged until they want it again.")
freeze = _mover("freeze", "Have a person recognised no more until staff thaw them.")
unfreeze = _mover("unfreeze", "Thaw a frozen person; a pause of their own from before stays.")


@click.command(name="report-wrong")
@click.argument("order", metavar="ORDER")
@click.option("--person", metavar="ID", help="Who was charged; left out: who the order charged.")
@click.option("--really", metavar="ID", help="Who bought, if that is known.")
@founded_data_option
@json_option
@click.pass_obj
def report_wrong(
    faces: OpenFaces,
    *,
    order: str,
    person: str | None,
    really: str | None,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Report that an order charged the wrong person: PIN for both from now on, and a refund.

    Reported again, nothing more is done and the same is told. Exit 1 if no refund stands.
    """
    with faces(data_dir) as client:
        told = rights_flow.report_wrong(client, order, person, really)
    emit(told, as_json, _report_in_words(told))
    return 0 if told["refund"] is not None else EXIT_NO


@click.command(name="lift-report")
@_person
@founded_data_option
@json_option
@click.pass_obj
def lift_report(faces: OpenFaces, *, person: str, data_dir: Path, as_json: bool) -> int:
    """End the PIN at every payment after a wrong-person report, once its refund is done.

    Exit 1 if nothing was reported or a refund is open. Who looks like somebody else keeps the PIN.
    """
    with faces(data_dir) as client:
        told = rights_flow.lift_report(client, person)
    if told["lifted"]:
        still = f" {words.still_pin(told['pin_always'])}" if told["pin_always"] else ""
        human = f"The report is lifted.{still}"
    else:
        human = words.right_refused(told["reason"], None)
    emit(told, as_json, human)
    return 0 if told["lifted"] else EXIT_NO


WORDS = (
    *(kept, export, correct, limits, change_pin, pause, resume, freeze, unfreeze),
    *(report_wrong, lift_report),
)


def _told(taken: dict[str, Any], *, as_json: bool) -> int:
    if taken["done"]:
        state, is_paused = taken["state"], taken["paused"]
        also = ", and paused by the customer" if is_paused and state != "paused" else ""
        human = f"Done: {state}{also}."
        if taken["limits"] is not None:
            allowed = taken["limits"]
            human += f" {allowed['per_payment']} a payment, {allowed['per_day']} a day."
    else:
        human = words.right_refused(taken["reason"], taken["attempts_left"])
    emit(taken, as_json, human)
    return 0 if taken["done"] else EXIT_NO


def _report_in_words(told: dict[str, Any]) -> str:
    lines = []
    if told["pin_always"]:
        lines.append(f"These pay with PIN only from now on: {', '.join(told['pin_always'])}.")
    refund = told["refund"]
    if refund is not None:
        lines.append(f"Refund {refund['number']} of {refund['amount']}: {refund['state']}.")
    if told["reason"]:
        lines.append(words.right_refused(told["reason"], None))
    return "\n".join(lines)


def _ask_new_pin() -> str:
    if not sys.stdin.isatty():
        raise BadInputError(
            "The new PIN is missing.", code="new_pin_missing", mend="Give it with --new-pin."
        )
    answer: str = click.prompt("New PIN", hide_input=True, confirmation_prompt=True, err=True)
    return answer
