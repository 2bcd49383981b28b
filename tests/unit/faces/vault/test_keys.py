"""Keys: refusals with a mend, bounds on what is read, processes that cannot read each other."""

from __future__ import annotations

import json
import time

import pytest

from kiosk.domain.errors import SetupError
from kiosk.faces.vault.keyring import KdfParameters
from kiosk.faces.vault.keys import RootKey, derive, subkey, unlock

SAMPLE_V1 = """{
  "version": 1,
  "install": "975fc8fe3dc17d7ad05a7e87de999850",
  "source": "credential",
  "salt": "8a69a83a756565eecfcc5faa52968eab",
  "kdf": null,
  "wrapped": "01453be7dc60ad5b1cb8025e78ec614335a2f022b93c324b5ccf747012312c86b18ac2aba821a8ba44bdb09345c5179899c7a77f11105d6d69930ea6cc"
}
"""  # noqa: E501 - as it was written
SAMPLE_V1_FACES_KEY = "429663c10a4675027f71053e676a952d77fcafa23ce96cee6a0f1a048ad58d81"

CHEAP = KdfParameters(memory_kib=1024, passes=1, lanes=1)


def code_of(call) -> str:
    with pytest.raises(SetupError) as caught:
        call()
    assert caught.value.mend
    return caught.value.code


@pytest.fixture
def env(tmp_path):
    file = tmp_path / "passphrase"
    file.write_text("correct horse\n")
    return {"SMILETILL_PASSPHRASE_FILE": str(file)}


def open_with(data_dir, env, prompt=None):
    return unlock(data_dir, env=env, prompt=prompt, kdf=CHEAP)


def test_processes_get_unrelated_keys(data_dir, env):
    """The money process cannot read the vault with its own key, nor one purpose another's."""
    root = open_with(data_dir, env)
    keys = [derive(root, "faces"), derive(root, "money"), bytes(root.secret)]
    keys += [bytes(subkey(keys[0], "a")), bytes(subkey(keys[0], "b"))]

    assert len(keys) == len(set(keys))
    assert all(32 == len(key) for key in keys)


def test_no_key_and_no_terminal_is_named(data_dir):
    """A start without anybody to ask ends with what to do about it."""
    assert "key_missing" == code_of(lambda: open_with(data_dir, {}))
    assert not (data_dir / "keyring.json").exists()


@pytest.mark.parametrize(("content", "code"), [(b"", "key_malformed"), (b"\n", "key_malformed")])
def test_an_empty_passphrase_is_refused(data_dir, tmp_path, content, code):
    """An empty file is a mistake, not a passphrase."""
    file = tmp_path / "empty"
    file.write_bytes(content)

    assert code == code_of(lambda: open_with(data_dir, {"SMILETILL_PASSPHRASE_FILE": str(file)}))


def test_a_passphrase_file_that_is_not_there_is_missing(data_dir, tmp_path):
    """A wrong path says so."""
    env = {"SMILETILL_PASSPHRASE_FILE": str(tmp_path / "nowhere")}

    assert "key_missing" == code_of(lambda: open_with(data_dir, env))


def test_only_one_newline_is_taken_off(data_dir, tmp_path):
    """Spaces and a second newline belong to the passphrase."""
    file = tmp_path / "passphrase"
    env = {"SMILETILL_PASSPHRASE_FILE": str(file)}
    file.write_text("correct horse \n")
    open_with(data_dir, env)

    file.write_text("correct horse \n\n")
    assert "key_wrong" == code_of(lambda: open_with(data_dir, env))
    file.write_text("correct horse ")
    open_with(data_dir, env)


@pytest.mark.parametrize("content", [b"short", b"x" * 33, b"zz" * 32, b""])
def test_a_store_key_of_another_size_is_refused(data_dir, tmp_path, content):
    """A truncated credential never becomes a weak key."""
    (tmp_path / "storekey").write_bytes(content)
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}

    assert "key_malformed" == code_of(lambda: open_with(data_dir, env))


def test_the_credential_comes_before_the_passphrase(data_dir, tmp_path, env):
    """The order of the contract; a folder without our credential is passed over."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    open_with(data_dir, {**env, "CREDENTIALS_DIRECTORY": str(credentials)})

    (credentials / "storekey").write_bytes(bytes(range(32)))
    both = {**env, "CREDENTIALS_DIRECTORY": str(credentials)}
    assert "key_wrong" == code_of(lambda: open_with(data_dir, both))
    open_with(tmp_path / "other", both)


@pytest.mark.parametrize("kind", ["inside", "link_inside", "link_to_inside", "hard_link"])
def test_a_key_beside_the_data_is_refused(data_dir, tmp_path, kind):
    """Whoever copies the data directory must not get its key with it, also not by a link."""
    inside, outside = data_dir / "passphrase", tmp_path / "passphrase"
    if kind == "link_inside":
        outside.write_text("correct horse")
        inside.symlink_to(outside)
        named = inside
    else:
        inside.write_text("correct horse")
        named = inside if kind == "inside" else outside
        if kind == "link_to_inside":
            outside.symlink_to(inside)
        if kind == "hard_link":
            (data_dir / "pictures").mkdir()
            (data_dir / "pictures" / "innocent").hardlink_to(inside)
            outside.hardlink_to(inside)
            inside.unlink()

    env = {"SMILETILL_PASSPHRASE_FILE": str(named)}
    assert "key_inside_data" == code_of(lambda: open_with(data_dir, env))


def test_a_store_key_beside_the_data_is_refused(data_dir):
    """The same for the credential."""
    (data_dir / "storekey").write_bytes(bytes(range(32)))
    env = {"CREDENTIALS_DIRECTORY": str(data_dir)}

    assert "key_inside_data" == code_of(lambda: open_with(data_dir, env))


@pytest.mark.parametrize("place", ["vault/vault.db", "money/journal.log", "money/keys/a1"])
def test_data_without_a_keyring_never_gets_a_new_key(data_dir, env, place):
    """A lost keyring is said to be lost; a new key would hide that the data are unreadable."""
    (data_dir / place).parent.mkdir(parents=True)
    (data_dir / place).write_bytes(b"data")

    assert "keyring_missing" == code_of(lambda: open_with(data_dir, env))
    assert not (data_dir / "keyring.json").exists()


def test_a_typed_passphrase_is_asked_twice_only_at_first(data_dir):
    """A slip of the finger must not lock the first enrolments away."""
    answers = iter(["correct horse", "correct house"])
    assert "key_malformed" == code_of(lambda: open_with(data_dir, {}, lambda _: next(answers)))
    assert not (data_dir / "keyring.json").exists()

    asked = []
    open_with(data_dir, {}, lambda q: asked.append(q) or "correct horse")
    open_with(data_dir, {}, lambda q: asked.append(q) or "correct horse")
    assert 3 == len(asked)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("memory_kib", 1_048_577),
        ("memory_kib", 2**62),
        ("memory_kib", 0),
        ("passes", 10**9),
        ("lanes", 255),
        ("lanes", -1),
        ("surprise", 1),
    ],
)
def test_hostile_kdf_parameters_are_refused_before_they_cost_anything(data_dir, env, key, value):
    """A keyring from elsewhere cannot take the machine's memory or its day."""
    open_with(data_dir, env)
    path = data_dir / "keyring.json"
    content = json.loads(path.read_text())
    content["wraps"][0]["kdf"][key] = value
    path.write_text(json.dumps(content))

    began = time.monotonic()
    assert "keyring_damaged" == code_of(lambda: open_with(data_dir, env))
    assert 1.0 > time.monotonic() - began


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"\xff\xfe", b"{}", b'{"version":1}', b"[" * 50_000, b" " * 70_000],
    ids=["empty", "cut", "list", "not_utf8", "bare", "only_version", "deep", "long"],
)
def test_a_damaged_keyring_is_said_to_be_damaged(data_dir, env, raw):
    """Whatever lies there instead, the sentence is clear and the file is not replaced."""
    (data_dir / "keyring.json").write_bytes(raw)

    assert "keyring_damaged" == code_of(lambda: open_with(data_dir, env))
    assert raw == (data_dir / "keyring.json").read_bytes()


def test_a_keyring_of_a_newer_version_is_named(data_dir, env):
    """An older program does not call a newer file damaged."""
    (data_dir / "keyring.json").write_text('{"version": 3, "anything": true}')

    assert "keyring_too_new" == code_of(lambda: open_with(data_dir, env))


def test_an_old_keyring_still_opens(data_dir, tmp_path):
    """Format 1 as it was first written; this sample must open for ever."""
    (tmp_path / "storekey").write_bytes(bytes(range(32)))
    (data_dir / "keyring.json").write_text(SAMPLE_V1)

    root = unlock(data_dir, env={"CREDENTIALS_DIRECTORY": str(tmp_path)}, prompt=None)

    assert SAMPLE_V1_FACES_KEY == derive(root, "faces").hex()


def test_every_flipped_byte_of_the_keyring_is_noticed(data_dir, env):
    """A changed keyring gives an error, never another key."""
    faces = derive(open_with(data_dir, env), "faces")
    path = data_dir / "keyring.json"
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            assert faces == derive(open_with(data_dir, env), "faces")
        except SetupError:
            continue


def test_the_second_of_two_first_starts_takes_the_first_ones_key(data_dir, env, monkeypatch):
    """Two processes that make the key at once end with one key."""
    from kiosk.faces.vault import keyring

    first = derive(open_with(data_dir, env), "faces")
    real = keyring.read
    answers = iter([lambda _folder: None])  # looked before the first one had written
    monkeypatch.setattr(keyring, "read", lambda folder: next(answers, real)(folder))

    assert first == derive(open_with(data_dir, env), "faces")
    assert ["keyring.json"] == [path.name for path in data_dir.iterdir()]


def test_a_wiped_root_key_is_gone(data_dir, env):
    """Leaving the block overwrites the key, and its repr never shows it."""
    with open_with(data_dir, env) as root:
        assert root.secret.hex() not in repr(root)
        secret = root.secret
    assert bytes(32) == bytes(secret)
    assert isinstance(root, RootKey)


def test_the_default_cost_is_felt(data_dir, env):
    """A stolen keyring costs at least 0.3 s a guess on a machine like this one (CPU time)."""
    unlock(data_dir, env=env, prompt=None)
    began = time.process_time()
    unlock(data_dir, env=env, prompt=None)

    assert 0.3 <= time.process_time() - began
