"""The word `keys`: each sub-word on real keyrings, with its JSON, its words and its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.commands import keys as command
from kiosk.domain.errors import BadInputError, SmileTillError
from kiosk.faces.vault.keyring import KdfParameters
from kiosk.faces.vault.keys import derive, unlock
from kiosk.faces.vault.opening import open_vault
from tests.fakes.people import new_person
from tests.fakes.tpm import SoftwareTpm, need_tpm_programs

CHEAP = KdfParameters(memory_kib=1024, passes=1, lanes=1)


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    monkeypatch.setattr(command, "COST", CHEAP)


@pytest.fixture
def env(passphrase: Path) -> dict[str, str]:
    return {"SMILETILL_PASSPHRASE_FILE": str(passphrase)}


@pytest.fixture
def made(data_dir: Path, env) -> list[str]:
    """An installation with two people in its vault."""
    with unlock(data_dir, env=env, prompt=None, kdf=CHEAP) as root:
        vault, gallery = open_vault(data_dir, derive(root, "faces"))
    with vault:
        people = [vault.begin(new_person(number)) for number in range(2)]
        for person in people:
            vault.activate(person)
    gallery.close()
    return people


def call(data_dir: Path, *words: str, typed: str | None = None) -> dict:
    runner = CliRunner()
    arguments = [*words, "--data", str(data_dir), "--json"]
    done = runner.invoke(command.keys, arguments, input=typed, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


def refusal(data_dir: Path, *words: str) -> str:
    with pytest.raises(SmileTillError) as caught:
        CliRunner().invoke(command.keys, [*words, "--data", str(data_dir)], catch_exceptions=False)
    assert caught.value.mend
    return caught.value.code


def people_in(data_dir: Path, env) -> list[str]:
    with unlock(data_dir, env=env, prompt=None) as root:
        vault, gallery = open_vault(data_dir, derive(root, "faces"))
    gallery.close()
    with vault:
        return list(vault.ids())


@pytest.mark.usefixtures("made")
def test_show_says_what_opens_it_and_what_a_guess_costs(data_dir):
    """Source, recovery, epoch and the measured time of Argon2id, without opening anything."""
    shown = call(data_dir, "show")

    assert ("passphrase", False, 0, 2) == tuple(
        shown[key] for key in ("source", "recovery", "epoch", "format")
    )
    assert 0 < shown["kdf_seconds"] < 0.3
    done = CliRunner().invoke(command.keys, ["show", "--data", str(data_dir)])
    assert "which is too little" in done.output


def test_nothing_is_made_where_there_is_no_installation(tmp_path):
    """A slip in --data does not make a new installation."""
    assert "installation_missing" == refusal(tmp_path, "show")
    assert "installation_missing" == refusal(tmp_path, "rotate")
    assert not (tmp_path / "keyring.json").exists()


def test_rotate_keeps_everybody_and_ends_the_old_copies(data_dir, env, made):
    """Root and store key are new; an old keyring.json does not open the vault any more."""
    old = (data_dir / "keyring.json").read_bytes()
    assert {"ok": True, "people": 2, "running": False} == call(data_dir, "rotate")
    assert made == people_in(data_dir, env)

    (data_dir / "keyring.json").write_bytes(old)
    with pytest.raises(SmileTillError) as caught:
        people_in(data_dir, env)
    assert "key_wrong" == caught.value.code


def test_a_rotation_killed_before_the_keyring_is_written_can_be_repeated(
    data_dir, env, made, monkeypatch
):
    """The vault has its new key by then; the old keyring still opens it, and so does the next."""

    class KilledError(BaseException):
        """Stands for SIGKILL."""

    def killed(*_):
        raise KilledError

    old = (data_dir / "keyring.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("kiosk.faces.vault.keyring.replace", killed)
        with pytest.raises(KilledError):
            call(data_dir, "rotate")
    assert old == (data_dir / "keyring.json").read_bytes()
    assert made == people_in(data_dir, env)

    assert 2 == call(data_dir, "rotate")["people"]
    assert made == people_in(data_dir, env)


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("word", ["storekey", "passphrase"])
def test_a_new_key_that_is_none_is_bad_input(data_dir, tmp_path, word):
    """The installation's own key opens it as before: nothing of the machine is amiss."""
    empty = tmp_path / "empty"
    empty.touch()

    with pytest.raises(BadInputError) as caught:
        call(data_dir, word, "--new-file", str(empty))

    assert caught.value.code == "key_malformed"
    assert call(data_dir, "show")["source"] == "passphrase"


def test_a_lost_passphrase_is_replaced_by_the_paper(data_dir, env, made, tmp_path, passphrase):
    """The recovery code opens the installation and gives it the passphrase that is there now."""
    code = call(data_dir, "recovery")["code"]
    assert call(data_dir, "show")["recovery"]
    passphrase.write_text("forgotten, and chosen anew\n")
    paper = tmp_path / "paper"
    paper.write_text(code.lower().replace("-", " ") + "\n")

    assert "passphrase" == call(data_dir, "recover", "--code-file", str(paper))["source"]
    assert made == people_in(data_dir, env)

    last = code[-1]
    paper.write_text(code[:-1] + ("A" if last != "A" else "B"))
    assert "key_malformed" == refusal(data_dir, "recover", "--code-file", str(paper))
    inside = data_dir / "paper"
    inside.write_text(code)
    assert "key_inside_data" == refusal(data_dir, "recover", "--code-file", str(inside))


def test_another_passphrase_and_another_store_key(data_dir, env, made, tmp_path, monkeypatch):
    """Each is taken from a file outside the data; afterwards only the new one opens."""
    new = tmp_path / "new"
    new.write_text("another passphrase\n")
    call(data_dir, "passphrase", "--new-file", str(new))
    with pytest.raises(SmileTillError):
        people_in(data_dir, env)
    assert made == people_in(data_dir, {"SMILETILL_PASSPHRASE_FILE": str(new)})

    monkeypatch.setenv("SMILETILL_PASSPHRASE_FILE", str(new))
    (tmp_path / "storekey").write_bytes(bytes(range(32)))
    call(data_dir, "storekey", "--new-file", str(tmp_path / "storekey"))
    assert made == people_in(data_dir, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_sealed_to_the_tpm_it_opens_without_any_file_and_the_paper_helps_when_it_does_not(
    data_dir, made, tmp_path, monkeypatch
):
    """Provisioning, a start without a key file, a changed machine, and the way back."""
    need_tpm_programs()
    settings = data_dir / "settings.toml"
    with SoftwareTpm() as machine:
        settings.write_text(f'[keys]\nsource = "tpm"\ntcti = "{machine.tcti}"\n')
        assert "tpm_pcrs_unset" == refusal(data_dir, "seal-tpm")
        machine.measure()
        assert [7] == call(data_dir, "seal-tpm")["pcrs"]
        monkeypatch.delenv("SMILETILL_PASSPHRASE_FILE")
        code = call(data_dir, "recovery")["code"]
        assert 2 == call(data_dir, "rotate")["people"]
        from kiosk.faces.vault.sources import KeyWish

        with unlock(
            data_dir, env={}, prompt=None, wish=KeyWish(tpm_only=True, tcti=machine.tcti)
        ) as root:
            vault, gallery = open_vault(data_dir, derive(root, "faces"))
        gallery.close()
        with vault:
            assert made == list(vault.ids())

        machine.measure(what="66")
        assert "tpm_policy" == refusal(data_dir, "rotate")
        paper, new = tmp_path / "paper", tmp_path / "new"
        paper.write_text(code)
        new.write_text("back to a passphrase\n")
        monkeypatch.setenv("SMILETILL_PASSPHRASE_FILE", str(new))
        call(data_dir, "recover", "--code-file", str(paper))
        assert "key_missing" == refusal(data_dir, "rotate")  # the settings still want the TPM
        assert [7] == call(data_dir, "seal-tpm")["pcrs"]


def test_two_changes_at_once_are_refused(data_dir, made):
    """The second command says so and changes nothing."""
    from kiosk.faces.vault.keychange import one_at_a_time

    del made
    before = (data_dir / "keyring.json").read_bytes()
    with one_at_a_time(data_dir):
        assert "keys_busy" == refusal(data_dir, "rotate")
    assert before == (data_dir / "keyring.json").read_bytes()
