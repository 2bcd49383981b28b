"""What an installation once had, it must have at the next start."""

import errno
import json
import shutil

import pytest

from kiosk import installed
from kiosk.domain.errors import SetupError
from kiosk.faces.vault.database import FILE_NAME as VAULT_NAME
from kiosk.faces.vault.store import FOLDER_NAME
from kiosk.money.ledger import JOURNAL_NAME


@pytest.fixture
def started(data_dir):
    """An installation after its first start, noted."""
    for name in (f"{FOLDER_NAME}/{VAULT_NAME}", f"money/{JOURNAL_NAME}"):
        (data_dir / name).parent.mkdir()
        (data_dir / name).write_bytes(b"content")
    installed.note(data_dir)
    return data_dir


def refused(data_dir):
    with pytest.raises(SetupError) as caught:
        installed.check(data_dir)
    assert caught.value.exit_code == 3
    assert caught.value.mend
    return caught.value.code


def test_a_first_start_and_the_next_are_let_through(data_dir, started):
    """Nothing is missing where nothing ran, nor where everything is still there."""
    installed.check(data_dir / "new")
    installed.check(started)

    noted = json.loads((started / "installed.json").read_text())
    assert noted == {"version": 1, "vault": True, "journal": True}


@pytest.mark.parametrize(("folder", "word"), [("vault", "vault"), ("money", "journal")])
def test_a_lost_folder_is_not_replaced(started, folder, word):
    """The start is refused, and a start that went through all the same does not forget it."""
    shutil.rmtree(started / folder)

    assert refused(started) == f"{word}_missing"
    installed.note(started)
    assert refused(started) == f"{word}_missing"


def test_an_emptied_journal_is_lost(started):
    """A journal begins with a header, so an empty one was emptied."""
    (started / "money" / "journal.log").write_bytes(b"")

    assert refused(started) == "journal_missing"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b"[" * 4_000, b'{"version": 2, "vault": true, "journal": true}',
     b'{"version": 1, "vault": 1, "journal": true}', b'{"version": 1}'],
)  # fmt: skip
def test_a_damaged_note_is_no_empty_one(started, content):
    """It may not turn the check off."""
    (started / "installed.json").write_bytes(content)

    assert refused(started) == "installed_bad"


def test_a_note_is_written_whole_or_not_at_all(data_dir, started, monkeypatch):
    """A full disk leaves the old one, or none, and no draft; the next start tries again."""
    (started / "installed.json").unlink()

    def refuse(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", refuse)
        with pytest.raises(SetupError) as caught:
            installed.note(started)

    assert caught.value.code == "data_dir_not_writable"
    assert sorted(file.name for file in data_dir.iterdir()) == ["money", "vault"]
    installed.note(started)
    assert (started / "installed.json").stat().st_mode & 0o777 == 0o600


def test_it_is_written_once(started):
    """Later starts leave the file alone."""
    before = (started / "installed.json").stat()
    installed.note(started)

    assert (started / "installed.json").stat().st_ino == before.st_ino
