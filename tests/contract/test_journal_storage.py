"""What the journal may count on from any storage: the real file and the simulated disk alike."""

import os

import pytest

from kiosk.money.errors import JournalBusyError, JournalWriteError
from kiosk.money.journal import Journal
from kiosk.money.storage import FileStorage
from tests.fakes.storage import FakeDisk

CREATED = "2026-11-23T12:00:00.000000Z"


@pytest.fixture(params=["file", "fake"])
def storage(request, tmp_path):
    made = (
        FileStorage(tmp_path / "money" / "journal.log") if request.param == "file" else FakeDisk()
    )
    yield made
    made.close()


def read(storage) -> bytes:
    return b"".join(storage.chunks())


def test_a_new_storage_is_empty(storage):
    """There is nothing before the first append."""
    assert read(storage) == b""


def test_appends_are_read_in_order_after_a_sync(storage):
    """The bytes come back as they were given, wherever reading had stopped before."""
    assert storage.append(b"one\n") == 4
    assert read(storage) == b"one\n"
    storage.append(b"two\n" * 1_000_000)
    storage.sync()

    assert read(storage) == b"one\n" + b"two\n" * 1_000_000


def test_after_truncating_the_next_append_follows_what_is_left(storage):
    """A cut leaves no hole."""
    storage.append(b"one\ntwo\n")
    storage.sync()
    storage.truncate(4)
    storage.append(b"three\n")

    assert read(storage) == b"one\nthree\n"


def test_a_journal_lives_in_it(storage):
    """Written by one process, read by the next."""
    journal = Journal.open(storage, lambda _: None, CREATED).journal
    journal.append(b"{}")
    found = []

    assert Journal.open(storage, found.append, CREATED).torn_bytes == 0
    assert found == [b"{}"]


def test_a_second_owner_is_refused(tmp_path):
    """Two processes never write one journal."""
    first = FileStorage(tmp_path / "journal.log")
    with pytest.raises(JournalBusyError) as error:
        FileStorage(tmp_path / "journal.log")
    first.close()

    assert error.value.code == "journal_busy"
    FileStorage(tmp_path / "journal.log").close()


def test_the_file_is_for_its_owner_only(tmp_path):
    """Whatever the shell's umask is."""
    old = os.umask(0)
    try:
        storage = FileStorage(tmp_path / "money" / "journal.log")
    finally:
        os.umask(old)
    storage.close()

    assert (tmp_path / "money" / "journal.log").stat().st_mode & 0o077 == 0
    assert (tmp_path / "money").stat().st_mode & 0o077 == 0


def test_a_link_instead_of_the_file_is_refused(tmp_path):
    """The journal is never written to where a link points."""
    (tmp_path / "journal.log").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(JournalWriteError):
        FileStorage(tmp_path / "journal.log")


def test_a_folder_instead_of_the_file_is_a_clear_error(tmp_path):
    """An error of the world, not a trace."""
    (tmp_path / "journal.log").mkdir()

    with pytest.raises(JournalWriteError, match="EISDIR"):
        FileStorage(tmp_path / "journal.log")
