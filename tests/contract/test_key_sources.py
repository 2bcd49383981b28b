"""Every source of the store key keeps one promise: the same root key at every start, and no other.

Run against the credential of the service manager (raw and hex), the passphrase file, a person at a
terminal, and a TPM 2.0 (swtpm, started as a process) reached through tpm2-tools.
"""

from __future__ import annotations

import pytest

from kiosk.domain.errors import SetupError
from kiosk.faces.vault.envelope import wipe
from kiosk.faces.vault.keychange import (
    change_source,
    make_recovery,
    open_with_recovery,
    rotate_root,
    seal_to_tpm,
)
from kiosk.faces.vault.keyring import KdfParameters, KeySource
from kiosk.faces.vault.keyring import read as read_keyring
from kiosk.faces.vault.keys import derive, primary_secret, unlock
from kiosk.faces.vault.recovery import parse_code
from kiosk.faces.vault.sources import KeyWish
from tests.fakes.tpm import SoftwareTpm, need_tpm_programs

CHEAP = KdfParameters(memory_kib=1024, passes=1, lanes=1)


class Source:
    """One source, as the start of a terminal sees it."""

    tcti = ""
    wrong_code = "key_wrong"

    def give(self, secret: bytes):
        """Return environment and prompt that give this secret."""
        raise NotImplementedError

    def first(self, data_dir) -> None:
        """Make the installation under the right secret."""
        unlock_with(self, b"correct horse", data_dir)


class CredentialSource(Source):
    def __init__(self, tmp_path, encode) -> None:
        self.folder = tmp_path / "credentials"
        self.folder.mkdir()
        self.encode = encode

    def give(self, secret: bytes):
        (self.folder / "storekey").write_bytes(self.encode(secret.ljust(32, b"#")))
        return {"CREDENTIALS_DIRECTORY": str(self.folder)}, None


class PassphraseFileSource(Source):
    def __init__(self, tmp_path) -> None:
        self.file = tmp_path / "passphrase"

    def give(self, secret: bytes):
        self.file.write_bytes(secret + b"\n")
        return {"SMILETILL_PASSPHRASE_FILE": str(self.file)}, None


class TerminalSource(Source):
    def give(self, secret: bytes):
        return {}, lambda _question: secret.decode()


class TpmSource(Source):
    """Sealed to PCR 7 of one TPM; the "wrong secret" is another TPM."""

    wrong_code = "tpm_other"

    def __init__(self, tmp_path, right: SoftwareTpm, wrong: SoftwareTpm) -> None:
        self.file = tmp_path / "provisioning"
        self.right, self.wrong = right, wrong

    def give(self, secret: bytes):
        self.tcti = (self.right if secret == b"correct horse" else self.wrong).tcti
        return {}, None

    def first(self, data_dir) -> None:
        self.file.write_bytes(b"for provisioning only")
        env = {"SMILETILL_PASSPHRASE_FILE": str(self.file)}
        with unlock(data_dir, env=env, prompt=None, kdf=CHEAP) as root:
            seal_to_tpm(data_dir, root, self.right.tpm, (7,))
        self.file.unlink()


@pytest.fixture(scope="module")
def tpms():
    """Two TPMs whose PCR 7 holds a measurement."""
    need_tpm_programs()
    with SoftwareTpm() as right, SoftwareTpm() as wrong:
        right.measure()
        wrong.measure()
        yield right, wrong


@pytest.fixture(params=["credential", "credential_hex", "passphrase_file", "terminal", "tpm"])
def source(request, tmp_path):
    match request.param:
        case "credential":
            return CredentialSource(tmp_path, lambda key: key)
        case "credential_hex":
            return CredentialSource(tmp_path, lambda key: key.hex().encode() + b"\n")
        case "passphrase_file":
            return PassphraseFileSource(tmp_path)
        case "tpm":
            return TpmSource(tmp_path, *request.getfixturevalue("tpms"))
        case _:
            return TerminalSource()


def unlock_with(source, secret: bytes, data_dir):
    env, prompt = source.give(secret)
    wish = KeyWish(tcti=source.tcti)
    return unlock(data_dir, env=env, prompt=prompt, kdf=CHEAP, wish=wish)


def rotate(source, data_dir, faces_key=None) -> None:
    env, prompt = source.give(b"correct horse")
    kept = read_keyring(data_dir)
    wish = KeyWish(tcti=source.tcti)
    kind, secret = primary_secret(data_dir, kept, env=env, prompt=prompt, wish=wish)
    rotate_root(data_dir, kind, secret, faces_key)
    wipe(secret)


def test_the_same_source_gives_the_same_root_key_at_every_start(source, data_dir):
    """What one start encrypted, the next start can read."""
    source.first(data_dir)
    first = derive(unlock_with(source, b"correct horse", data_dir), "faces")

    assert first == derive(unlock_with(source, b"correct horse", data_dir), "faces")


def test_another_secret_is_a_clear_error_and_changes_nothing(source, data_dir):
    """A wrong key opens nothing and does not touch the keyring."""
    source.first(data_dir)
    before = (data_dir / "keyring.json").read_bytes()

    with pytest.raises(SetupError) as caught:
        unlock_with(source, b"wrong horse", data_dir)

    assert source.wrong_code == caught.value.code
    assert caught.value.mend
    assert before == (data_dir / "keyring.json").read_bytes()


def test_two_installations_with_one_secret_have_unrelated_keys(source, tmp_path):
    """One passphrase used twice does not make two stores readable with one key."""
    keys = set()
    for name in ("north", "south"):
        source.first(tmp_path / name)
        keys.add(derive(unlock_with(source, b"correct horse", tmp_path / name), "faces"))

    assert 2 == len(keys)


def test_the_keyring_holds_no_key(source, data_dir):
    """Neither the secret nor the root key nor a derived key can be read from the disk."""
    source.first(data_dir)
    root = unlock_with(source, b"correct horse", data_dir)
    raw = b"".join(path.read_bytes() for path in data_dir.rglob("*") if path.is_file())

    for secret in (b"correct horse", bytes(root.secret), derive(root, "faces")):
        assert secret not in raw
        assert secret.hex().encode() not in raw
    assert 0o600 == (data_dir / "keyring.json").stat().st_mode & 0o777


def test_after_a_rotation_the_source_opens_a_new_root_and_the_processes_keep_their_keys(
    source, data_dir
):
    """Rotation changes what is leaked with an old file, and nothing that a process relies on."""
    source.first(data_dir)
    with unlock_with(source, b"correct horse", data_dir) as root:
        before = bytes(root.secret), derive(root, "faces"), derive(root, "money")
    old_file = (data_dir / "keyring.json").read_bytes()
    rotate(source, data_dir)
    with unlock_with(source, b"correct horse", data_dir) as root:
        after = bytes(root.secret), derive(root, "faces"), derive(root, "money")

    assert before[0] != after[0]
    assert before[1:] == after[1:]
    assert old_file != (data_dir / "keyring.json").read_bytes()

    rotate(source, data_dir, faces_key=bytes(range(32)))
    with unlock_with(source, b"correct horse", data_dir) as root:
        assert bytes(range(32)) == derive(root, "faces")
        assert before[2] == derive(root, "money")


def test_the_recovery_code_opens_it_also_after_a_rotation_and_gives_it_another_source(
    source, data_dir, tmp_path
):
    """With the source lost, the paper opens the same data; nobody had to type it to rotate."""
    source.first(data_dir)
    with unlock_with(source, b"correct horse", data_dir) as root:
        code = make_recovery(data_dir, root)
        faces = derive(root, "faces")
    rotate(source, data_dir)
    with open_with_recovery(data_dir, parse_code(code.lower())) as root:
        assert faces == derive(root, "faces")
        change_source(data_dir, root, KeySource.PASSPHRASE, bytearray(b"a new one"), CHEAP)
    file = tmp_path / "new"
    file.write_bytes(b"a new one\n")
    env = {"SMILETILL_PASSPHRASE_FILE": str(file)}

    assert faces == derive(unlock(data_dir, env=env, prompt=None), "faces")
    with open_with_recovery(data_dir, parse_code(code)) as root:
        assert faces == derive(root, "faces")


def test_a_newer_recovery_code_ends_the_older_one(source, data_dir):
    """A code that somebody lost is worth nothing once another was made."""
    source.first(data_dir)
    with unlock_with(source, b"correct horse", data_dir) as root:
        older, newer = make_recovery(data_dir, root), make_recovery(data_dir, root)

    with pytest.raises(SetupError) as caught:
        open_with_recovery(data_dir, parse_code(older))
    assert "key_wrong" == caught.value.code
    assert open_with_recovery(data_dir, parse_code(newer))
