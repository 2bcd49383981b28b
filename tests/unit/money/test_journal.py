"""The journal: what is acknowledged is on the disk, cut-off writes heal, damage stops the till."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.money.errors import JournalDamagedError, JournalPoisonedError, JournalWriteError
from kiosk.money.journal import BODY_BYTES_MAX, Journal, format_line, read_journal
from tests.fakes.storage import FakeDisk

CREATED = "2026-11-23T12:00:00.000000Z"
BODIES = [b'{"n":1}', b'{"n":"' + "€".encode() * 700 + b'"}', b'{"n":3}']


def opened(disk):
    bodies = []
    result = Journal.open(disk, bodies.append, CREATED)
    return result.journal, bodies, result.torn_bytes


def written(bodies=BODIES) -> FakeDisk:
    disk = FakeDisk()
    journal, _, _ = opened(disk)
    for body in bodies:
        journal.append(body)
    return disk


def content(bodies=BODIES) -> bytes:
    return written(bodies).durable


def test_what_was_appended_is_read_again_in_order():
    """A second process reads the same records and can go on."""
    disk = written().restart()
    journal, bodies, torn = opened(disk)

    assert (bodies, torn) == (BODIES, 0)
    journal.append(b'{"n":4}')
    assert opened(disk.restart())[1] == [*BODIES, b'{"n":4}']


def test_each_append_is_synced_before_it_returns():
    """Nothing that was acknowledged is lost with the unsynced bytes."""
    disk = FakeDisk()
    journal, _, _ = opened(disk)
    journal.append(b"{}")

    assert disk.unsynced == b""
    assert (disk.appends, disk.syncs) == (2, 2)


def test_what_was_read_is_on_the_disk_before_it_is_acted_on():
    """A killed process wrote a record and did not sync it: the next one does, then a power cut."""
    disk = FakeDisk()
    journal, _, _ = opened(disk)
    line = format_line(b"{}", journal._position)
    after_kill = FakeDisk(durable=disk.durable, unsynced=line)
    _, bodies, _ = opened(after_kill)

    assert [b"{}"] == bodies
    assert [b"{}"] == opened(after_kill.restart())[1]


def test_short_writes_are_completed():
    """A disk that takes 7 bytes at a time gets the whole record."""
    disk = FakeDisk(take_at_most=7)
    journal, _, _ = opened(disk)
    journal.append(BODIES[1])

    assert opened(disk.restart())[1] == [BODIES[1]]


def test_a_tail_cut_off_at_any_byte_heals():
    """Whatever part of the last record reached the disk: the others stay, and selling goes on."""
    whole, start = content(), len(content(BODIES[:2]))
    for end in range(start, len(whole)):
        disk = FakeDisk(durable=whole[:end])
        journal, bodies, torn = opened(disk)

        assert (bodies, torn) == (BODIES[:2], end - start)
        journal.append(b'{"n":4}')
        assert opened(disk.restart())[1] == [*BODIES[:2], b'{"n":4}']


def test_a_header_cut_off_at_any_byte_heals():
    """The very first write may be cut off too."""
    header = content([])
    for end in range(len(header)):
        journal, bodies, torn = opened(FakeDisk(durable=header[:end]))

        assert (bodies, torn, journal.records) == ([], end, 1)


def test_sectors_that_never_reached_the_disk_heal():
    """The file grew, but a sector of the last record, any one, reads as zeros."""
    first = len(content(BODIES[:1]))
    whole = content(BODIES[:2])
    start = first
    while start < len(whole):
        end = min(len(whole), start - start % 512 + 512)
        disk = FakeDisk(durable=whole[:start] + bytes(end - start) + whole[end:])

        assert opened(disk)[1:] == (BODIES[:1], len(whole) - first)
        start = end


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80, 0xFF])
def test_any_changed_byte_is_damage_and_leaves_the_file_alone(flip):
    """Also in the last record, which was acknowledged like the others."""
    whole = content([b'{"n":1}', b'{"n":2}'])
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= flip
        disk = FakeDisk(durable=bytes(changed))

        with pytest.raises(JournalDamagedError) as error:
            opened(disk)

        assert disk.durable == bytes(changed)
        assert error.value.code == "journal_damaged"


@pytest.mark.parametrize("byte", [0x00, 0x0A])
def test_a_byte_overwritten_with_zero_or_a_line_break_is_damage(byte):
    """Single zeros are no missing sector, and a record has one line."""
    whole = content([b'{"n":1}', b'{"n":2}'])
    for place in range(len(whole)):
        if whole[place] == byte:
            continue
        changed = whole[:place] + bytes([byte]) + whole[place + 1 :]

        with pytest.raises(JournalDamagedError):
            opened(FakeDisk(durable=changed))


def test_removed_swapped_repeated_and_foreign_records_are_damage():
    """The chain ties each record to all before it."""
    lines = content([b'{"n":1}', b'{"n":2}', b'{"n":3}']).splitlines(keepends=True)
    foreign = content([b'{"n":1}', b'{"n":2}']).splitlines(keepends=True)
    for broken in (
        [*lines[:1], *lines[2:]],
        [lines[0], lines[2], lines[1], lines[3]],
        [*lines[:2], lines[1], *lines[2:]],
        lines[1:],
        [*lines[:2], foreign[2], lines[3]],
    ):
        with pytest.raises(JournalDamagedError):
            opened(FakeDisk(durable=b"".join(broken)))


def test_another_format_or_version_is_refused():
    """An older program does not sell on a newer journal."""
    from kiosk.money.journal import Position

    header = (
        b'{"type":"header","format":"smiletill-journal","version":2,"created":"x","journal":"y"}'
    )

    with pytest.raises(JournalDamagedError, match="version"):
        opened(FakeDisk(durable=format_line(header, Position())))


def test_a_full_disk_refuses_and_later_goes_on():
    """Half a record is taken back; once there is space, the next one follows cleanly."""
    disk = written()
    journal, _, _ = opened(disk)
    disk.fail_append = [errno.ENOSPC]
    with pytest.raises(JournalWriteError, match="ENOSPC"):
        journal.append(b'{"n":4}')

    journal.append(b'{"n":5}')

    assert opened(disk.restart())[1] == [*BODIES, b'{"n":5}']


def test_a_full_disk_that_cannot_be_cleaned_poisons():
    """If the half record cannot be taken back, nothing may follow it."""
    disk = written()
    journal, _, _ = opened(disk)
    disk.fail_append, disk.fail_truncate = [errno.EIO], [errno.EIO]
    with pytest.raises(JournalWriteError):
        journal.append(b'{"n":4}')

    assert journal.is_poisoned
    with pytest.raises(JournalPoisonedError):
        journal.append(b'{"n":5}')
    assert opened(disk.restart(keep_unsynced=99))[1] == BODIES


def test_a_failed_sync_poisons_and_is_never_repeated():
    """After fsync failed the kernel may forget the bytes and say yes the next time."""
    disk = written()
    journal, _, _ = opened(disk)
    disk.fail_sync = [errno.EIO]
    syncs = disk.syncs
    with pytest.raises(JournalWriteError, match="EIO"):
        journal.append(b'{"n":4}')
    with pytest.raises(JournalPoisonedError):
        journal.append(b'{"n":5}')

    assert (journal.is_poisoned, disk.syncs) == (True, syncs + 1)


def test_a_disk_that_cannot_be_read_or_healed_is_a_clear_error():
    """Opening needs the disk to cut the tail."""
    disk = FakeDisk(durable=content()[:-3], fail_truncate=[errno.EROFS])

    with pytest.raises(JournalWriteError, match="EROFS"):
        opened(disk)


def test_an_endless_line_is_damage_and_takes_no_memory():
    """A record has a limit, and so has what is read to find its end."""
    with pytest.raises(JournalDamagedError, match="too long"):
        opened(FakeDisk(durable=content() + b"x" * (BODY_BYTES_MAX + 2_000)))


@given(st.lists(st.binary(max_size=600).map(lambda raw: raw.replace(b"\n", b"")), max_size=6),
       st.integers(min_value=1, max_value=700))  # fmt: skip
def test_any_records_survive_any_chunking(bodies, size):
    """Reading does not depend on where the pieces of the file end."""
    whole = content(bodies)
    found = []
    reading = read_journal(
        (whole[at : at + size] for at in range(0, len(whole), size)), found.append
    )

    assert (found, reading.torn_bytes) == (bodies, 0)
    assert reading.position.offset == len(whole)
