"""`smiletill demo`: an evening at the till, with simulated customers, in processes of their own.

The same processes, isolation, desk, networks and bank as the terminal's, on temporary data that is
removed at the end; nothing of the user's own installation is read or written.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from kiosk.commands.common import emit, json_option
from kiosk.commands.pay import pay_order
from kiosk.commands.run import LIVE_SCENE, screen_words
from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.evidence import CameraKind
from kiosk.domain.order import Outcome
from kiosk.faces.screen.panel.guide import PanelGuest, PanelStory, PanelVisit
from kiosk.link.protocol import (
    CameraSpec,
    Enrolled,
    EnrolPerson,
    EnrolRefused,
    PayHeadless,
    Ping,
    Pong,
    SessionReport,
)
from kiosk.sandbox.bank.oracle import all_debits, executed_debits
from kiosk.sandbox.people.cast import FIGURES
from kiosk.sandbox.story import PACK, Guest, Story, Visit, tell
from kiosk.supervisor import Installation, open_installation

CONSENT_VERSION = "v1"
ENROL_S_MAX = 120.0
DEFAULT_SEED = 7
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


@click.command()
@click.option("--headless", is_flag=True, help="Play the story without a display.")
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True, help="Another evening.")
@click.option(
    "--screenshots",
    type=click.Path(file_okay=False, path_type=Path),
    help="Save a picture of every view of the screen into this folder.",
)
@json_option
def demo(headless: bool, seed: int, screenshots: Path | None, as_json: bool) -> int:
    """Show the whole of it in two minutes, with simulated customers and a sandbox bank.

    With a display: the kiosk, and beside it a panel with the simulated camera, a tiny till and a
    guided story. With --headless the same story plays by itself.
    """
    if screenshots is not None:
        _make(screenshots)
    story = tell(FIGURES, seed)
    if not headless:
        return _show(story)
    with (
        _stage() as (data_dir, env),
        open_installation(data_dir, with_people=True, env=env) as installation,
    ):
        result = _play(installation, story)
        if screenshots is not None:
            result["screenshots"] = _take_pictures(screenshots)
    emit(result, as_json, _as_words(result))
    return 0 if result["ok"] else 1


def _make(folder: Path) -> None:
    """Make the folder for the pictures before the story, not after it.

    Raises:
        BadInputError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(
            f"The folder for the pictures cannot be made: {error.strerror}.",
            code="folder_bad",
            mend="Name another one with --screenshots.",
        ) from error


def _show(story: Story) -> int:
    """Open the kiosk and the panel beside it, until one of them is closed."""
    if not any(os.environ.get(name) for name in _DISPLAYS):
        raise SetupError(
            "There is no display for the kiosk.",
            code="display_missing",
            mend="Start it in a graphical session, or add --headless.",
        )
    # Qt is loaded for windows only: the headless story needs none.
    from kiosk.faces.screen.panel.window import run_panel  # noqa: PLC0415

    words = screen_words(CameraSpec(CameraKind.SIMULATED, path=LIVE_SCENE), windowed=True)
    with (
        _stage() as (data_dir, env),
        open_installation(data_dir, with_people=True, env=env, screen=words) as installation,
    ):
        run_panel(installation.run_dir, _panel_story(story), installation.window_closed)
    return 0


def _panel_story(story: Story) -> PanelStory:
    """Tell the panel what it needs of the story, with advice for whoever plays the guest."""
    press = "Press “Pay with a smile” on the kiosk."
    advice = {
        story.payments[0].order_id: f"{press} When the amount asks for it, press Smile here.",
        story.payments[1].order_id: f"{press} Then press the equal button instead of smiling.",
        story.stranger.order_id: f"{press} The kiosk asks for digits that a stranger cannot know.",
        story.photo.order_id: f"{press} A photo is no guest: watch it being refused.",
    }
    return PanelStory(
        pack=PACK,
        guests=tuple(PanelGuest(it.figure, it.name, it.phone, it.pin) for it in story.guests),
        visits=tuple(
            PanelVisit(
                title=visit.title,
                advice=advice[visit.order_id],
                amount=str(visit.amount).split(" ", maxsplit=1)[0],
                figure=int(visit.scene.split(":")[1]),
                holds_photo=visit is story.photo,
            )
            for visit in story.visits
        ),
    )


@contextmanager
def _stage() -> Iterator[tuple[Path, dict[str, str]]]:
    """Give a temporary installation and the environment that names its key; remove both."""
    with tempfile.TemporaryDirectory(prefix="smiletill-demo-") as folder:
        # Qt and fontconfig keep caches; here they go with everything else.
        os.environ["XDG_CACHE_HOME"] = str(Path(folder) / "cache")
        secret = Path(folder) / "passphrase"
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(24))
        data_dir = Path(folder) / "data"
        data_dir.mkdir(mode=0o700)
        yield data_dir, {"SMILETILL_PASSPHRASE_FILE": str(secret)}


def _play(installation: Installation, story: Story) -> dict[str, Any]:
    """Enrol the guests, let everybody come to the till, and compare with the bank's books."""
    began = time.monotonic()
    with installation.faces() as faces:
        network = faces.call(Ping(), Pong).detail["network"]
    enrolled = [_enrol(installation, guest) for guest in story.guests]
    told = {visit.order_id: _visit(installation, visit) for visit in story.visits}
    payments = [told[visit.order_id] for visit in story.payments]
    stranger, photo = told[story.stranger.order_id], told[story.photo.order_id]
    books = all_debits(installation.data_dir)
    due = [visit.amount.minor_units for visit in story.payments]
    ledger_matches = (books.count, books.sum_minor_units) == (len(due), sum(due))
    as_written = all(told[visit.order_id]["outcome"] == visit.ends.value for visit in story.visits)
    return {
        "ok": ledger_matches and as_written and all(enrolled),
        "enrolled": sum(enrolled),
        "payments": payments,
        "stranger": stranger,
        "photo": photo,
        "ledger_matches": ledger_matches,
        "faces_network": network,
        "seconds": round(time.monotonic() - began, 1),
    }


def _enrol(installation: Installation, guest: Guest) -> bool:
    _say(f"{guest.name} enrols at the counter")
    question = EnrolPerson(
        name=guest.name,
        phone=guest.phone,
        pin=guest.pin,
        consent_version=CONSENT_VERSION,
        camera=CameraSpec(CameraKind.SIMULATED, path=f"customer:{guest.figure}:seed=1"),
        pack=PACK,
    )
    with installation.faces() as faces:
        answer: object = faces.call(question, object, timeout_s=ENROL_S_MAX)
    if isinstance(answer, EnrolRefused):
        _say(f"   refused: {answer.reason}")
    return isinstance(answer, Enrolled)


def _visit(installation: Installation, visit: Visit) -> dict[str, Any]:
    _say(f"{visit.title} ({visit.amount})")
    guest = visit.guest
    request = PayHeadless(
        order_id=visit.order_id,
        nonce=None,
        camera=CameraSpec(CameraKind.SIMULATED, path=visit.scene),
        consent=visit.consent,
        phone_digits=None if guest is None else guest.phone[-4:],
        pin=None if guest is None else guest.pin,
    )
    report = pay_order(installation, request, visit.amount)
    debits = executed_debits(installation.data_dir, visit.order_id)
    _say(f"   {_headline(report)}")
    return {
        "outcome": report.outcome.value,
        "reason": report.reason,
        "bank_debits": debits,
        "order": visit.order_id,
        "amount": str(visit.amount),
        "consent": visit.consent.value,
        "asked": list(report.asked),
        "identify_ms": report.identify_ms,
    }


def _take_pictures(folder: Path) -> int:
    """Save every view of the screen, drawn without a display; return how many there are."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # Qt is loaded for pictures only: the story itself needs none.
    from kiosk.faces.screen.pictures import take_pictures  # noqa: PLC0415

    return len(take_pictures(folder))


def _headline(report: SessionReport) -> str:
    words = report.outcome.value.replace("_", " ").upper()
    if report.outcome is Outcome.PAID:
        return words
    return f"{words}: {report.reason.replace('_', ' ')}"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _as_words(result: dict[str, Any]) -> str:
    verdict = "Everything ended as it should." if result["ok"] else "Something went wrong."
    books = "match" if result["ledger_matches"] else "DO NOT match"
    return f"{verdict} The bank's books {books} what was paid. {result['seconds']} s."
