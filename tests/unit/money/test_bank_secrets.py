"""Secrets of a connector: sealed, whole or absent, and gone when deleted."""

import pytest

from kiosk.money.bank_secrets import SealedSecrets
from kiosk.money.errors import BankSecretError
from kiosk.money.keys import MandateKeys

SECRET = b"-----BEGIN PRIVATE KEY-----"


@pytest.fixture
def secrets(tmp_path):
    return open_secrets(tmp_path)


def open_secrets(folder, key=bytes(32)):
    return SealedSecrets(folder / "bank", MandateKeys(folder / "keys", key))


def test_what_is_put_is_there_after_a_restart(secrets, tmp_path):
    """Overwritten whole, for the owner only, and nothing of it in the clear."""
    assert secrets.get("vrp") is None
    secrets.put("vrp", b"old")
    secrets.put("vrp", SECRET)

    assert open_secrets(tmp_path).get("vrp") == SECRET
    (file,) = (tmp_path / "bank").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert SECRET not in file.read_bytes()


def test_deleted_is_gone(secrets, tmp_path):
    """Deleting twice is no error."""
    secrets.put("vrp", SECRET)
    secrets.delete("vrp")
    secrets.delete("vrp")
    assert secrets.get("vrp") is None
    assert list((tmp_path / "bank").iterdir()) == []


def test_a_file_cannot_stand_in_for_another(secrets, tmp_path):
    """The name is sealed in, and another installation's key opens nothing."""
    secrets.put("a", SECRET)
    (tmp_path / "bank" / "a.secret").rename(tmp_path / "bank" / "b.secret")
    for read in (secrets, open_secrets(tmp_path, bytes([1] * 32))):
        with pytest.raises(BankSecretError):
            read.get("b")


@pytest.mark.parametrize("junk", [b"", b"x", b"\xff\xfe", b"AAAA" * 100])
def test_a_changed_file_is_an_error(secrets, tmp_path, junk):
    """Never a wrong secret."""
    secrets.put("a", SECRET)
    (tmp_path / "bank" / "a.secret").write_bytes(junk)
    with pytest.raises(BankSecretError):
        secrets.get("a")


def test_a_disk_that_refuses_leaves_the_old_secret(secrets, tmp_path, monkeypatch):
    """Written aside first."""
    secrets.put("a", SECRET)

    def fail(path, data):
        raise OSError

    monkeypatch.setattr("kiosk.money.bank_secrets.write_synced", fail)
    with pytest.raises(BankSecretError):
        secrets.put("a", b"new")
    assert secrets.get("a") == SECRET


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 129])
def test_a_name_stays_in_its_folder(secrets, name):
    """A name becomes part of a file's name."""
    with pytest.raises(AssertionError):
        secrets.put(name, SECRET)
