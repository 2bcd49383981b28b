"""Every source of the store key keeps one promise: the same root key at every start, and no other.

Run against the credential of the service manager (raw and hex), the passphrase file, and a person
at a terminal.
"""

from __future__ import annotations

import pytest

from kiosk.domain.errors import SetupError
from kiosk.faces.vault.keyring import KdfParameters
from kiosk.faces.vault.keys import derive, unlock

CHEAP = KdfParameters(memory_kib=1024, passes=1, lanes=1)


class CredentialSource:
    def __init__(self, tmp_path, encode) -> None:
        self.folder = tmp_path / "credentials"
        self.folder.mkdir()
        self.encode = encode

    def give(self, secret: bytes):
        (self.folder / "storekey").write_bytes(self.encode(secret.ljust(32, b"#")))
        return {"CREDENTIALS_DIRECTORY": str(self.folder)}, None


class PassphraseFileSource:
    def __init__(self, tmp_path) -> None:
        self.file = tmp_path / "passphrase"

    def give(self, secret: bytes):
        self.file.write_bytes(secret + b"\n")
        return {"SMILETILL_PASSPHRASE_FILE": str(self.file)}, None


class TerminalSource:
    def give(self, secret: bytes):
        return {}, lambda _question: secret.decode()


@pytest.fixture(params=["credential", "credential_hex", "passphrase_file", "terminal"])
def source(request, tmp_path):
    match request.param:
        case "credential":
            return CredentialSource(tmp_path, lambda key: key)
        case "credential_hex":
            return CredentialSource(tmp_path, lambda key: key.hex().encode() + b"\n")
        case "passphrase_file":
            return PassphraseFileSource(tmp_path)
        case _:
            return TerminalSource()


def unlock_with(source, secret: bytes, data_dir):
    env, prompt = source.give(secret)
    return unlock(data_dir, env=env, prompt=prompt, kdf=CHEAP)


def test_the_same_source_gives_the_same_root_key_at_every_start(source, data_dir):
    """What one start encrypted, the next start can read."""
    first = derive(unlock_with(source, b"correct horse", data_dir), "faces")

    assert first == derive(unlock_with(source, b"correct horse", data_dir), "faces")


def test_another_secret_is_a_clear_error_and_changes_nothing(source, data_dir):
    """A wrong key opens nothing and does not touch the keyring."""
    unlock_with(source, b"correct horse", data_dir)
    before = (data_dir / "keyring.json").read_bytes()

    with pytest.raises(SetupError) as caught:
        unlock_with(source, b"wrong horse", data_dir)

    assert "key_wrong" == caught.value.code
    assert before == (data_dir / "keyring.json").read_bytes()


def test_two_installations_with_one_secret_have_unrelated_keys(source, tmp_path):
    """One passphrase used twice does not make two stores readable with one key."""
    keys = {
        derive(unlock_with(source, b"correct horse", tmp_path / name), "faces")
        for name in ("north", "south")
    }

    assert 2 == len(keys)


def test_the_keyring_holds_no_key(source, data_dir):
    """Neither the secret nor the root key nor a derived key can be read from the disk."""
    root = unlock_with(source, b"correct horse", data_dir)
    raw = (data_dir / "keyring.json").read_bytes()

    for secret in (b"correct horse", bytes(root.secret), derive(root, "faces")):
        assert secret not in raw
        assert secret.hex().encode() not in raw
    assert 0o600 == (data_dir / "keyring.json").stat().st_mode & 0o777
