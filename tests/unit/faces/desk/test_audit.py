"""The audit log: every change is in it, nothing personal is, and no line can be touched unseen."""

from __future__ import annotations

import errno
import itertools
import os
import random

import msgspec
import pytest

from kiosk.faces.desk import audit_files
from kiosk.faces.desk.audit import PROGRAM, AuditLog
from kiosk.faces.desk.errors import AuditWriteError, RoleRefusedError
from kiosk.faces.desk.witness import witnessed
from kiosk.link.audit import AuditEntry
from kiosk.link.protocol import (
    Enrolled,
    EnrolPerson,
    EnrolRefused,
    Erased,
    ErasePerson,
    ListPeople,
    Progress,
)
from tests.fakes.desk import now

KEY = bytes(range(32))
PERSON = "p0123456789abcdef"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "audit"


def open_log(folder, **options) -> AuditLog:
    return AuditLog(folder, KEY, now, **options)


def filled(folder, count: int = 6, **options) -> None:
    """Leave a log of some entries."""
    log = open_log(folder, **options)
    for number in range(count):
        log.append("uid 1000", "freeze_person", PERSON, {"outcome": f"done_{number}"})
    log.close()


def verdict(folder):
    log = open_log(folder)
    try:
        return log.verify()
    finally:
        log.close()


def path_of(folder, number: int = 1):
    return folder / audit_files.file_name(number)


def test_entries_come_back_in_order_over_restarts_and_files(folder):
    """Numbers have no gap; files are begun when the one before is long enough."""
    for count in (3, 4):
        filled(folder, count, file_bytes_max=700)

    log = open_log(folder)
    entries = log.entries()

    assert list(range(1, 8)) == [entry.n for entry in entries]
    assert {"2026-11-23T09:30:00+00:00"} == {entry.at for entry in entries}
    assert [6, 7] == [entry.n for entry in log.entries(after=5)]
    assert [3, 4] == [entry.n for entry in log.entries(after=2, limit=2)]
    assert len(audit_files.file_numbers(folder)) > 1
    assert log.verify().whole
    assert 7 == log.verify().entries
    log.close()


def test_a_changed_byte_anywhere_is_found(folder):
    """Whatever byte of whatever line is changed, the log is whole no more."""
    filled(folder)
    raw = path_of(folder).read_bytes()
    rng = random.Random(7)
    for at in rng.sample(range(len(raw)), 40):
        changed = bytes((*raw[:at], raw[at] ^ (1 << rng.randrange(8)), *raw[at + 1 :]))
        path_of(folder).write_bytes(changed)
        log = open_log(folder)
        assert not log.verify().whole, at
        log.close()
        for later in audit_files.file_numbers(folder)[1:]:
            path_of(folder, later).unlink()
        (folder / "seal").unlink()
        path_of(folder).unlink()
        filled(folder)


@pytest.mark.parametrize("case", ["removed", "swapped", "doubled", "first", "last", "all"])
def test_a_removed_or_moved_line_is_found(folder, case):
    """Also the last ones, which no later line is chained to: the seal counts them."""
    filled(folder)
    header, *lines = path_of(folder).read_bytes().splitlines(keepends=True)
    kept = {
        "removed": [*lines[:2], *lines[3:]],
        "swapped": [lines[1], lines[0], *lines[2:]],
        "doubled": [*lines, lines[-1]],
        "first": lines[1:],
        "last": lines[:-2],
        "all": [],
    }[case]
    path_of(folder).write_bytes(header + b"".join(kept))

    assert not verdict(folder).whole
    assert not verdict(folder).whole, "the next restart does not make it good"


def test_lines_made_up_without_the_key_are_found(folder):
    """Who rewrites the file with chains that fit cannot seal it."""
    filled(folder)
    from kiosk.link.chained import Position, format_line

    header, *lines = [line[86:-1] for line in path_of(folder).read_bytes().splitlines(True)]
    first = msgspec.structs.replace(msgspec.json.decode(lines[0], type=AuditEntry), who="uid 0")
    position, raw = Position(), b""
    for body in (header, msgspec.json.encode(first), *lines[1:]):
        line = format_line(body, position)
        position = position.after(body, len(line))
        raw += line
    path_of(folder).write_bytes(raw)

    assert not verdict(folder).whole


def test_a_removed_file_is_found(folder):
    """In the middle, at the end, or all of them."""
    for gone in ([2], [-1], None):
        for path in folder.glob("*") if folder.exists() else ():
            path.unlink()
        filled(folder, 12, file_bytes_max=700)
        numbers = audit_files.file_numbers(folder)
        assert len(numbers) > 3
        for number in numbers if gone is None else [numbers[place] for place in gone]:
            path_of(folder, number).unlink()
        assert not verdict(folder).whole, gone


def test_work_goes_on_behind_damage_and_the_damage_is_told_for_ever(folder):
    """A damaged file stays as it is; entries go into a new one, with numbers that go on."""
    filled(folder)
    raw = path_of(folder).read_bytes()
    path_of(folder).write_bytes(raw.replace(b"done_2", b"done_9"))
    damaged = path_of(folder).read_bytes()

    log = open_log(folder)
    entry = log.append("uid 1000", "erase_person", PERSON)

    assert (7, "audit_damaged", PROGRAM) == tuple(
        getattr(log.entries(after=6)[0], name) for name in ("n", "what", "who")
    )
    assert 8 == entry.n
    log.close()
    assert damaged == path_of(folder).read_bytes()
    assert not verdict(folder).whole


def test_every_cut_off_write_is_healed(folder):
    """Wherever the last line was cut off, it is gone, and the rest is whole and goes on."""
    filled(folder, 2)
    seal = (folder / "seal").read_bytes()
    before = path_of(folder).read_bytes()
    filled(folder, 1)
    after = path_of(folder).read_bytes()
    for length in range(len(before), len(after), 7):
        path_of(folder).write_bytes(after[:length])
        (folder / "seal").write_bytes(seal)
        found = verdict(folder)
        assert found.whole, length
        assert found.entries == 2


def test_a_crash_between_line_and_seal_is_no_damage(folder):
    """The line is kept, and an entry says that it was taken up again."""
    filled(folder, 2)
    seal = (folder / "seal").read_bytes()
    filled(folder, 1)
    (folder / "seal").write_bytes(seal)

    log = open_log(folder)

    assert ["freeze_person", "audit_resumed"] == [entry.what for entry in log.entries(after=2)]
    assert log.verify().whole
    log.close()


def test_a_torn_seal_leaves_the_other_slot(folder):
    """A seal that was cut off while it was written is no damage either."""
    filled(folder, 3)
    raw = bytearray((folder / "seal").read_bytes())
    newest = audit_files.read_seals(folder)[0].serial % 2
    raw[newest * 512 + 100 : newest * 512 + 500] = bytes(400)
    (folder / "seal").write_bytes(raw)

    assert verdict(folder).whole


def test_another_key_is_told(folder):
    """After the keys were changed the log goes on, with an entry that says so."""
    filled(folder, 2)
    log = AuditLog(folder, b"x" * 32, now)

    assert ["audit_sealed_anew"] == [entry.what for entry in log.entries(after=2)]
    assert log.verify().whole
    log.close()


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_leaves_a_whole_log(folder, monkeypatch, call):
    """What could not be kept is an error, and what was kept before reads as before."""
    log = open_log(folder)
    log.append("uid 1000", "freeze_person", PERSON)
    real = getattr(os, call)

    def full(*arguments):
        if call == "write":
            real(arguments[0], bytes(arguments[1])[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(AuditWriteError):
        log.append("uid 1000", "freeze_person", PERSON)
    monkeypatch.setattr(os, call, real)
    log.close()

    found = verdict(folder)
    assert found.whole
    assert found.entries in {1, 3}  # a failed sync may have kept it: then it is taken up again


def test_an_opaque_id_is_no_number(folder):
    """However many digits chance has put into it."""
    log = open_log(folder)
    log.append("uid 1000", "enrol_person", PERSON, {"look_alike_of": "p1234567890123456"})
    log.close()


@pytest.mark.parametrize("value", ["Ada Lovelace", "07700900123", "a\nb", "äda"])
def test_personal_data_cannot_get_in(folder, value):
    """A name, a number or free text in a detail is our bug, found at once."""
    log = open_log(folder)
    with pytest.raises(AssertionError):
        log.append("uid 1000", "enrol_person", PERSON, {"outcome": value})
    log.close()


def ask(log, message, answers, *, take: int | None = None):
    steps = witnessed(log, lambda: "uid 1000", message, answers)
    try:
        return list(itertools.islice(steps, take))
    finally:
        steps.close()


ENROL = EnrolPerson("Ada Lovelace", "07700900123", "135790", "v1", camera=None)


def test_a_change_is_written_when_it_begins_and_before_its_answer(folder):
    """Who, what, to whom, and how it ended; of what was typed nothing."""
    log = open_log(folder)
    ask(log, ENROL, iter([Progress("checking"), Enrolled(PERSON, 16, 83, None, "••42")]))
    ask(log, ENROL, iter([Progress("checking"), EnrolRefused("duplicate", "p1 looks the same")]))
    ask(log, ErasePerson(PERSON), iter([Erased(True, 0, True, "c1")]))
    ask(log, ListPeople(), iter([Progress("x")]))

    told = [(e.what, e.person, e.detail) for e in log.entries()]
    assert told == [
        ("enrol_person", "", {"outcome": "begun"}),
        ("enrol_person", PERSON, {"outcome": "enrolled", "samples": "16", "quality": "83"}),
        ("enrol_person", "", {"outcome": "begun"}),
        ("enrol_person", "", {"outcome": "enrol_refused", "reason": "duplicate"}),
        (
            "erase_person",
            PERSON,
            {"outcome": "erased", "erased": "yes", "bytes_found": "0", "mandate_revoked": "yes"},
        ),
    ]
    log.close()


def test_staff_who_hang_up_and_refusals_of_rights_are_written(folder):
    """A refusal of anything else that changed nothing is not."""
    log = open_log(folder)

    def refused():
        raise RoleRefusedError
        yield

    ask(log, ENROL, iter([Progress("a"), Progress("b")]), take=1)
    with pytest.raises(RoleRefusedError):
        ask(log, ErasePerson("Ada Lovelace"), refused())

    told = [(e.what, e.person, e.detail["outcome"]) for e in log.entries()]
    assert told == [
        ("enrol_person", "", "begun"),
        ("enrol_person", "", "hung_up"),
        ("erase_person", "", "role_refused"),
    ]
    log.close()


def test_nothing_is_begun_that_cannot_be_written_down(folder):
    """The log is asked before the work goes on."""
    log = open_log(folder)
    log.close()
    done = []

    def work():
        yield Progress("checking")
        done.append(True)

    with pytest.raises(AuditWriteError):
        ask(log, ENROL, work())
    assert not done
