"""The word `enrol`: staff add, list, show and erase people.

It attaches to the running processes of an installation or starts them for the call, and asks faces
over the link; it holds no key, opens no camera and no vault.
Names, numbers and PINs given as options can be seen by other users of the machine in the list of
processes; where a terminal is, number and PIN are asked for when they are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click
import segno
from tqdm import tqdm

from enrollment import flow, staff_flow, words
from enrollment.commands import care, rights
from enrollment.commands.audit import audit
from enrollment.commands.importing import import_people
from enrollment.commands.plot import plot
from enrollment.commands.staff import consent, staff
from enrollment.commands.visits import queue
from enrollment.consent_copy import Agreement, code_content, write_copy
from enrollment.flow import FacesClient
from kiosk.commands.common import NewFile, data_option, emit, founded_data_option, json_option
from kiosk.domain.errors import BadInputError
from kiosk.domain.ids import PersonId
from kiosk.link.protocol import EnrolPerson, Progress
from kiosk.link.staff_desk import ReenrolPerson
from kiosk.supervisor import open_installation

EXIT_NO = 1


@click.group()
@click.pass_context
def enrol(context: click.Context) -> None:
    """Enrol people, see who is enrolled, and erase them."""
    context.obj = _faces  # how the words in enrollment/commands reach faces


enrol.add_command(audit)
enrol.add_command(import_people)
enrol.add_command(queue)
enrol.add_command(plot)
enrol.add_command(staff)
enrol.add_command(consent)
for _word in (*rights.WORDS, *care.WORDS):
    enrol.add_command(_word)


@enrol.command()
@click.option("--name", required=True, help="The person's name, for staff.")
@click.option("--camera", type=int, metavar="N", help="Number of the camera; the first is 0.")
@click.option("--video", type=click.Path(path_type=Path), metavar="F", help="Video file.")
@click.option("--frames", type=click.Path(path_type=Path), metavar="DIR", help="Folder of frames.")
@click.option("--consent-version", required=True, metavar="V", help="Text agreed to, such as v1.")
@click.option("--phone", metavar="NUMBER", help="Full phone number. Asked for if left out.")
@click.option("--pin", metavar="PIN", help="The person's PIN. Asked for, unseen, if left out.")
@click.option("--pack", metavar="NAME", help="Model pack; set by the first enrolment.")
@click.option("--limit-per-payment", metavar="AMOUNT", help="Such as 100.00, the default.")
@click.option("--limit-per-day", metavar="AMOUNT", help="Such as 200.00, the default.")
@click.option("--language", default="", metavar="CODE", help="Of the text they read; en if there.")
@click.option("--guided", is_flag=True, help="Ask for poses; needs --adult and --signed.")
@click.option("--adult", is_flag=True, help="The customer was asked and is 18 or older.")
@click.option("--signed", metavar="NAME", help="The customer's signature, as they typed it.")
@click.option("--rehearse", is_flag=True, help="Try a payment at the end; nothing is charged.")
@click.option("--look-alike-of", metavar="ID", help="It is another person than this one.")
@click.option("--copy", type=NewFile(), metavar="F", help="Write the customer's copy, a PDF.")
@data_option
@json_option
def add(
    *,
    name: str,
    camera: int | None,
    video: Path | None,
    frames: Path | None,
    consent_version: str,
    phone: str | None,
    pin: str | None,
    pack: str | None,
    limit_per_payment: str | None,
    limit_per_day: str | None,
    language: str,
    guided: bool,
    adult: bool,
    signed: str | None,
    rehearse: bool,
    look_alike_of: str | None,
    copy: Path | None,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Enrol one person who has agreed to the consent text."""
    # All that can be refused is refused before any process is started.
    spec = flow.camera_spec(camera, video, frames)
    limits = flow.limits(limit_per_payment, limit_per_day)
    phone = phone or _ask("phone number", "phone")
    pin = pin or _ask("PIN", "pin", hidden=True)
    question = EnrolPerson(
        name,
        phone,
        pin,
        consent_version,
        spec,
        pack,
        limits,
        language=language,
        signature=f"typed:{signed}" if signed else "",
        adult=adult,
        guided=guided,
        rehearse=rehearse,
        look_alike_of=None if look_alike_of is None else PersonId(look_alike_of),
    )
    with _faces(data_dir) as client, _bar() as on_progress:
        result = flow.add(client, question, on_progress)
        if copy is not None and result["person"] is not None:
            result["copy"] = str(_write_copy(client, question, result["person"], copy))
    if result["person"] is None:
        emit(result, as_json, words.refusal(result["reason"], result["detail"]))
        return EXIT_NO
    emit(result, as_json, words.enrolled(result))
    return 0


def _write_copy(client: FacesClient, question: EnrolPerson, person: str, path: Path) -> Path:
    """Write the customer's copy of what they agreed to, and show its code on a terminal."""
    text = staff_flow.consent(client, question.language, question.consent_version)
    when = flow.show(client, person)["enrolled_at"]
    agreement = Agreement(text, person, when, question.signature)
    write_copy(path, agreement)
    if sys.stderr.isatty():
        segno.make(code_content(agreement), micro=False).terminal(out=sys.stderr, compact=True)
    return path


@enrol.command()
@click.argument("person", metavar="ID")
@click.option("--camera", type=int, metavar="N", help="Number of the camera; the first is 0.")
@click.option("--video", type=click.Path(path_type=Path), metavar="F", help="Video file.")
@click.option("--frames", type=click.Path(path_type=Path), metavar="DIR", help="Folder of frames.")
@click.option("--guided", is_flag=True, help="Ask for poses.")
@founded_data_option
@json_option
def again(
    *,
    person: str,
    camera: int | None,
    video: Path | None,
    frames: Path | None,
    guided: bool,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Take new samples of somebody who is enrolled; name and mandate stay."""
    question = ReenrolPerson(PersonId(person), flow.camera_spec(camera, video, frames), guided)
    with _faces(data_dir) as client, _bar() as on_progress:
        result = flow.again(client, question, on_progress)
    if result["person"] is None:
        emit(result, as_json, words.refusal(result["reason"], result["detail"]))
        return EXIT_NO
    human = "{person} has new samples: {samples}, quality {quality}, {score} alike to the old ones."
    emit(result, as_json, human.format(**result))
    return 0


@enrol.command(name="list")
@founded_data_option
@json_option
def list_people(*, data_dir: Path, as_json: bool) -> int:
    """List who is enrolled."""
    with _faces(data_dir) as client:
        people = flow.everybody(client)
    rows = [
        "{person}  {phone_hint:>5}  {state:<8}  {name}".format(**person)
        + (f"  (always PIN: {words.spaced(person['pin_always'])})" if person["pin_always"] else "")
        for person in people
    ]
    emit({"people": people}, as_json, "\n".join(rows) or "Nobody is enrolled.")
    return 0


@enrol.command()
@click.argument("person", metavar="ID")
@founded_data_option
@json_option
def show(*, person: str, data_dir: Path, as_json: bool) -> int:
    """Show what staff may see of one person."""
    with _faces(data_dir) as client:
        known = flow.show(client, person)
    rows = [f"{key.replace('_', ' '):<16}{value}" for key, value in known.items()]
    emit(known, as_json, "\n".join(rows))
    return 0


@enrol.command()
@click.argument("person", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask again.")
@founded_data_option
@json_option
def erase(*, person: str, yes: bool, data_dir: Path, as_json: bool) -> int:
    """Erase one person, prove it, and revoke their mandate.

    The exit code is 0 only when nothing of them was found and the bank has confirmed.
    """
    _be_sure(yes=yes or as_json)
    with _faces(data_dir) as client, _bar() as on_progress:
        result = flow.erase(client, person, on_progress)
    found, revoked = result["bytes_found"], result["mandate_revoked"]
    human = [f"Erased. Certificate {result['certificate']}."]
    human.append(
        "Nothing of them was found in any file."
        if not found
        else f"They were still found in {found} places; the certificate names the files."
    )
    human.append(
        "The mandate is revoked."
        if revoked
        else "The bank has not yet confirmed that the mandate is revoked; it is asked again."
    )
    emit(result, as_json, "\n".join(human))
    return 0 if result["erased"] and not found and revoked else EXIT_NO


@enrol.command()
@click.argument("person", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask again.")
@founded_data_option
@json_option
@click.pass_context
def withdraw(
    context: click.Context, *, person: str, yes: bool, data_dir: Path, as_json: bool
) -> int:
    """Withdraw a customer's consent: they are erased at once, as by `erase`, with a certificate."""
    done: int = context.invoke(erase, person=person, yes=yes, data_dir=data_dir, as_json=as_json)
    return done


@enrol.command()
@click.option("--camera", type=int, metavar="N", help="Number of the camera; 0 if left out.")
@click.option("--video", type=click.Path(path_type=Path), metavar="F", help="Video file.")
@click.option("--frames", type=click.Path(path_type=Path), metavar="DIR", help="Folder of frames.")
@click.option("--language", default="en", metavar="CODE", help="Language to begin with: en or de.")
@click.option("--still", is_flag=True, help="Move nothing on the screen.")
@data_option
def gui(
    *,
    camera: int | None,
    video: Path | None,
    frames: Path | None,
    language: str,
    still: bool,
    data_dir: Path,
) -> int:
    """Open the staff tool's window: enrol people and look after them."""
    # Qt and matplotlib take longer to load than every other word takes to run.
    from enrollment.qt.application import application, open_window, run_window  # noqa: PLC0415

    nothing_named = camera is None and video is None and frames is None
    spec = flow.camera_spec(0 if nothing_named else camera, video, frames)
    application()
    prompt = _ask_passphrase if sys.stdin.isatty() else None
    with open_installation(data_dir, prompt=prompt) as running:
        window = open_window(
            running.desk,
            running.faces,
            spec,
            language=language,
            motion=not still,
            now=lambda: datetime.now().astimezone(),
        )
        return run_window(window)


@contextmanager
def _faces(data_dir: Path) -> Iterator[FacesClient]:
    """Connect to the installation's faces process, starting it if need be."""
    prompt = _ask_passphrase if sys.stdin.isatty() else None
    with open_installation(data_dir, prompt=prompt) as running, running.faces() as client:
        yield client


def _ask_passphrase(question: str) -> str:
    answer: str = click.prompt(question, hide_input=True, err=True)
    return answer


def _be_sure(*, yes: bool) -> None:
    """Ask before somebody is erased, unless it was said on the command line.

    Raises:
        BadInputError: There is no terminal to ask on.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInputError(
            "Nobody is erased without a yes.", code="yes_missing", mend="Give it with --yes."
        )
    click.confirm("This cannot be undone. Erase?", abort=True, err=True)


def _ask(what: str, option: str, *, hidden: bool = False) -> str:
    """Ask a person for what was left out.

    Raises:
        BadInputError: There is no terminal to ask on.
    """
    if not sys.stdin.isatty():
        raise BadInputError(
            f"The {what} is missing.",
            code=f"{option}_missing",
            mend=f"Give it with --{option}.",
        )
    words_shown = what[0].upper() + what[1:]
    answer: str = click.prompt(words_shown, hide_input=hidden, confirmation_prompt=hidden, err=True)
    return answer


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    """Show progress on stderr: the step in words and how far it is."""
    shown = ""
    with tqdm(file=sys.stderr, leave=False, bar_format="{desc} {bar} {n_fmt}/{total_fmt}") as bar:

        def on_progress(step: Progress) -> None:
            nonlocal shown
            if step.detail and step.detail != shown:
                shown = step.detail
                tqdm.write(f"The customer approves the mandate here: {shown}", file=sys.stderr)
                if sys.stderr.isatty():
                    segno.make(shown, micro=False).terminal(out=sys.stderr, compact=True)
            bar.set_description_str(words.progress(step.code), refresh=False)
            bar.total = step.total or None
            bar.n = step.done
            bar.refresh()

        yield on_progress
