"""The word `backup`: what is made is restored, elsewhere and here, without whoever was erased."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli import run_command
from kiosk.commands import backup as command
from kiosk.commands import keys as keys_command
from kiosk.domain.errors import SmileTillError
from kiosk.faces.vault import archive, keyring, restore, storekey, swap
from kiosk.faces.vault.errors import WrongKeyError
from kiosk.faces.vault.keys import derive, unlock
from kiosk.faces.vault.opening import open_vault
from kiosk.faces.vault.rollback import DataRolledBackError, guard_of
from kiosk.faces.vault.sources import KeyWish
from tests.fakes.restorable import CHEAP, Restorable
from tests.fakes.tpm import SoftwareTpm, need_tpm_programs

KILLS = 20
FLIPS = 40


class KilledError(BaseException):
    """Stands for SIGKILL: nothing that handles errors may see it."""


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    monkeypatch.setattr(command, "COST", CHEAP)
    monkeypatch.setattr(keys_command, "COST", CHEAP)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "backup-passphrase"
    file.write_text("of the backups only\n")
    return file


@pytest.fixture
def north(data_dir: Path, passphrase: Path) -> Restorable:
    return Restorable(data_dir, passphrase)


@pytest.fixture
def south(tmp_path: Path) -> Restorable:
    """Another terminal, with a passphrase of its own and no data yet."""
    file = tmp_path / "south-passphrase"
    file.write_text("of the other terminal\n")
    return Restorable(tmp_path / "south", file)


def call(place: Restorable, monkeypatch, *words: object) -> dict:
    monkeypatch.setenv("SMILETILL_PASSPHRASE_FILE", place.env["SMILETILL_PASSPHRASE_FILE"])
    arguments = [*map(str, words), "--data", str(place.data_dir), "--json"]
    done = CliRunner().invoke(command.backup, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


def refusal(place: Restorable, monkeypatch, *words: object) -> str:
    with pytest.raises(SmileTillError) as caught:
        call(place, monkeypatch, *words)
    assert caught.value.mend
    return caught.value.code


def test_another_terminal_goes_on_under_its_own_key(north, south, secret, tmp_path, monkeypatch):
    """Everybody is there under the new terminal's key, and under no key of the old one."""
    people = north.enrol(1, 2, 3)
    (north.data_dir / "settings.toml").write_text("payee = 'North'\n")
    file = tmp_path / "backup"
    made = call(north, monkeypatch, "make", "--to", file, "--passphrase-file", secret)
    assert made["files"] >= 5
    assert 0o600 == file.stat().st_mode & 0o777
    assert (
        made["bytes"]
        == call(south, monkeypatch, "verify", file, "--passphrase-file", secret)["bytes"]
    )

    done = call(south, monkeypatch, "restore", file, "--passphrase-file", secret)
    assert {"ok": True, "people": 3, "erased": 0, "journal_kept": False, "epoch": 1} == done
    assert people == south.people()
    assert "North" in (south.data_dir / "settings.toml").read_text()
    with north.root() as root, south.root() as other:
        assert derive(root, "money") == derive(other, "money")
        with pytest.raises(WrongKeyError):
            open_vault(south.data_dir, derive(root, "faces"))
    assert 1 == keyring.read(south.data_dir).epoch
    assert people == north.people()


def test_nothing_of_the_archive_is_readable_and_it_holds_no_row_of_the_vault(
    north, secret, tmp_path, monkeypatch
):
    """What lies on a stick is ciphertext under a key of its own, not even the vault's bytes."""
    north.enrol(1, 2)
    file = tmp_path / "backup"
    call(north, monkeypatch, "make", "--to", file, "--passphrase-file", secret)
    raw = file.read_bytes()
    for path in ("vault/vault.db", "money/journal.log"):
        whole = (north.data_dir / path).read_bytes()
        assert not any(
            whole[at : at + 16] in raw
            for at in range(0, len(whole) - 16, 1000)
            if any(whole[at : at + 16])
        )
    assert b"vault.db" not in raw


def test_whoever_was_erased_since_does_not_come_back(north, south, secret, tmp_path, monkeypatch):
    """Here by the journal and the vault's own waiting messages, elsewhere by the list."""
    people = north.enrol(1, 2, 3, 4)
    file, listed = tmp_path / "backup", tmp_path / "erasures.json"
    call(north, monkeypatch, "make", "--to", file, "--passphrase-file", secret)
    north.erase(people[0])
    assert 1 == call(north, monkeypatch, "erasures", "--to", listed)["erased"]
    with north.vault() as vault:
        assert vault.alias(people[1]) not in listed.read_text()
    north.erase(people[1], delivered=False)

    elsewhere = call(
        south, monkeypatch,
        "restore", file, "--passphrase-file", secret, "--erasures", listed,
    )  # fmt: skip
    assert (1, people[1:]) == (elsewhere["erased"], south.people())

    here = call(north, monkeypatch, "restore", file, "--passphrase-file", secret)
    assert (2, True) == (here["erased"], here["journal_kept"])
    assert people[2:] == north.people()


def test_the_newer_journal_here_is_kept_and_a_lost_vault_comes_back(
    north, secret, tmp_path, monkeypatch
):
    """Orders and wrong PINs since the backup are not forgotten with a broken vault."""
    people = north.enrol(1)
    file = tmp_path / "backup"
    call(north, monkeypatch, "make", "--to", file, "--passphrase-file", secret)
    north.enrol(2)
    journal = (north.data_dir / "money" / "journal.log").read_bytes()
    (north.data_dir / "vault" / "certificates").mkdir()
    (north.data_dir / "vault" / "certificates" / "c1.json").write_text("{}")
    (north.data_dir / "vault" / "vault.db").write_bytes(b"broken" * 1000)
    # Its keyring is lost too; a new passphrase takes over.
    (north.data_dir / "keyring.json").unlink()

    assert call(north, monkeypatch, "restore", file, "--passphrase-file", secret)["journal_kept"]
    assert people == north.people()
    assert journal == (north.data_dir / "money" / "journal.log").read_bytes()
    assert (north.data_dir / "vault" / "certificates" / "c1.json").exists()
    with north.ledger() as (ledger, keys):
        assert 2 == len(keys.aliases())
        assert ledger.records == journal.count(b"\n")


def test_the_recovery_code_opens_what_was_made_without_anybody_typing_it(
    north, south, tmp_path, monkeypatch
):
    """Backups by a timer need no secret of their own; a wrong code or none is named."""
    north.enrol(1)
    file, paper = tmp_path / "backup", tmp_path / "paper"
    assert "recovery_missing" == refusal(north, monkeypatch, "make", "--to", file)
    done = CliRunner().invoke(
        keys_command.keys, ["recovery", "--data", str(north.data_dir), "--json"]
    )
    paper.write_text(json.loads(done.stdout)["code"])
    call(north, monkeypatch, "make", "--to", file)

    assert "no_terminal" == refusal(south, monkeypatch, "verify", file)
    from kiosk.faces.vault.recovery import new_code

    wrong = tmp_path / "wrong"
    wrong.write_text(new_code())
    assert "key_wrong" == refusal(south, monkeypatch, "restore", file, "--code-file", wrong)
    assert not (south.data_dir / "vault").exists()
    assert 1 == call(south, monkeypatch, "restore", file, "--code-file", paper)["people"]


def test_a_terminal_that_is_sealed_to_its_tpm_keeps_its_source_and_its_counter(
    north, south, secret, tmp_path, monkeypatch
):
    """What is restored there opens by that TPM alone, and older copies are noticed from then on."""
    need_tpm_programs()
    people = north.enrol(1, 2)
    file = tmp_path / "backup"
    call(north, monkeypatch, "make", "--to", file, "--passphrase-file", secret)
    with SoftwareTpm() as machine:
        machine.measure()
        south.data_dir.mkdir(mode=0o700)
        settings = f'[keys]\nsource = "tpm"\ntcti = "{machine.tcti}"\n'
        (south.data_dir / "settings.toml").write_text(settings)
        monkeypatch.setenv("SMILETILL_PASSPHRASE_FILE", south.env["SMILETILL_PASSPHRASE_FILE"])
        words = ["seal-tpm", "--data", str(south.data_dir)]
        CliRunner().invoke(keys_command.keys, words, catch_exceptions=False)

        call(south, monkeypatch, "restore", file, "--passphrase-file", secret)
        assert settings == (south.data_dir / "settings.toml").read_text()
        wish = KeyWish(tpm_only=True, tcti=machine.tcti)
        with unlock(south.data_dir, env={}, prompt=None, wish=wish) as root:
            vault, gallery = open_vault(south.data_dir, derive(root, "faces"))
            guard = guard_of(south.data_dir, keyring.read(south.data_dir), root, machine.tcti)
        gallery.close()
        with vault:
            assert people == list(vault.ids())
        guard.check()
        older = (south.data_dir / "rollback.json").read_bytes()
        guard.advance()
        (south.data_dir / "rollback.json").write_bytes(older)
        with pytest.raises(DataRolledBackError):
            guard.check()


def test_a_backup_never_lies_inside_never_replaces_one_and_never_mixes_two_houses(
    north, south, secret, tmp_path, monkeypatch
):
    """Three refusals before anything is written."""
    north.enrol(1)
    south.enrol(5)
    file = tmp_path / "backup"
    words = ("--passphrase-file", secret)
    inside = north.data_dir / "backup"
    assert "backup_inside_data" == refusal(north, monkeypatch, "make", "--to", inside, *words)
    call(north, monkeypatch, "make", "--to", file, *words)
    assert "backup_exists" == refusal(north, monkeypatch, "make", "--to", file, *words)
    before = south.files()
    assert "restore_foreign" == refusal(south, monkeypatch, "restore", file, *words)
    assert before == south.files()
    assert not (tmp_path / "backup.part").exists()


def test_a_mistyped_folder_file_or_code_is_bad_input_before_any_key_is_asked(
    north, tmp_path, monkeypatch, capsys
):
    """Exit code 2, and the sentence blames what was typed, not the vault."""
    north.enrol(1)
    monkeypatch.setenv("SMILETILL_PASSPHRASE_FILE", north.env["SMILETILL_PASSPHRASE_FILE"])
    backup = tmp_path / "backup"
    call(
        north,
        monkeypatch,
        "make",
        "--to",
        backup,
        "--passphrase-file",
        north.env["SMILETILL_PASSPHRASE_FILE"],
    )
    paper = tmp_path / "paper"
    paper.write_text("ABCD-EFGH")
    data = ("--data", str(north.data_dir), "--json")
    gone = str(tmp_path / "gone" / "file")
    told = {}
    for words in (
        ("backup", "make", "--to", gone),
        ("backup", "erasures", "--to", gone),
        ("dpia", "--out", gone),
        ("keys", "recover", "--code-file", gone),
        ("keys", "recover", "--code-file", str(paper)),
        ("backup", "restore", gone, "--code-file", str(paper)),
        ("backup", "restore", str(backup), "--passphrase-file", gone),
    ):
        assert run_command([*words, *data]) == 2, words
        told[words] = json.loads(capsys.readouterr().out.splitlines()[-1])
    said = [answer["message"] for answer in told.values()]
    assert not [message for message in said if "vault" in message]
    assert [str(tmp_path / "gone") in message for message in said] == [True] * 4 + [False] + [
        True
    ] * 2
    assert said[4].startswith("That is not a recovery code")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_refused_restore_leaves_nothing_where_nothing_was(
    north, south, secret, tmp_path, monkeypatch, is_there
):
    """No keyring, no lock and no folder: the next try, or another key, finds it as it was."""
    north.enrol(1)
    file, bad, wrong = tmp_path / "backup", tmp_path / "bad", tmp_path / "wrong"
    call(north, monkeypatch, "make", "--to", file, "--passphrase-file", secret)
    bad.write_bytes(file.read_bytes()[:-1])
    wrong.write_text("another")
    if is_there:
        south.data_dir.mkdir()
        (south.data_dir / "settings.toml").write_text("payee = 'South'\n")
    before = south.files()

    for source, key in ((file, wrong), (bad, secret), (tmp_path / "wrong", secret)):
        refusal(south, monkeypatch, "restore", source, "--passphrase-file", key)
        assert before == south.files()
        assert south.data_dir.exists() is is_there
        assert not (south.data_dir / "run").exists()

    assert 1 == call(south, monkeypatch, "restore", file, "--passphrase-file", secret)["people"]


def test_a_changed_or_cut_backup_is_refused_and_changes_nothing(
    north, south, secret, tmp_path, monkeypatch
):
    """A flipped bit or a lost end anywhere is noticed before anything is restored."""
    north.enrol(1)
    south.enrol()
    file, bad = tmp_path / "backup", tmp_path / "bad"
    call(north, monkeypatch, "make", "--to", file, "--passphrase-file", secret)
    whole = file.read_bytes()
    before = south.files()
    chance = random.Random(1)
    for number in range(FLIPS):
        at = chance.randrange(len(whole))
        raw = bytearray(whole)
        if number % 4 == 0:
            del raw[at:]
        elif number % 4 == 1 and number > 1:
            raw += b"x"
        else:
            raw[at] ^= 1 << chance.randrange(8)
        bad.write_bytes(raw)
        code = refusal(south, monkeypatch, "restore", bad, "--passphrase-file", secret)
        assert code in {"backup_damaged", "key_wrong", "vault_unusable"}, (number, at)
        assert before == south.files()


def test_a_restore_killed_at_any_step_leaves_the_old_or_the_new(
    north, secret, tmp_path, monkeypatch
):
    """Whichever it is, it opens whole at the next start, and the erased stay erased."""
    people = north.enrol(1, 2, 3)
    file = tmp_path / "backup"
    call(north, monkeypatch, "make", "--to", file, "--passphrase-file", secret)
    north.erase(people[2])
    north.enrol(4)
    newest = north.people()
    came, total = {"old": 0, "new": 0}, 0
    for seed in range(KILLS):
        place = Restorable(tmp_path / f"run-{seed}", Path(north.env["SMILETILL_PASSPHRASE_FILE"]))
        shutil.copytree(north.data_dir, place.data_dir)
        # The first run is not killed: it counts the steps that there are.
        die_at = random.Random(seed).randrange(total) if seed else -1
        steps = iter(range(10_000))

        def dying(real, die_at=die_at, steps=steps):
            def step(*arguments, **options):
                if next(steps) == die_at:
                    raise KilledError
                return real(*arguments, **options)

            return step

        with monkeypatch.context() as patch:
            for where, name in (
                (restore, "write_below"),
                (restore, "write_durably"),
                (storekey, "write_durably"),
                (swap, "write_durably"),
                (swap, "sync_folder"),
                (swap, "_remove"),
                (Path, "rename"),
                (restore.Vault, "erase"),
                (restore.Vault, "compact"),
            ):
                patch.setattr(where, name, dying(getattr(where, name)))
            with contextlib.suppress(KilledError):
                call(place, monkeypatch, "restore", file, "--passphrase-file", secret)
        total = max(total, next(steps))
        swap.finish_swap(place.data_dir)
        found = place.people()
        came["new" if found == people[:2] else "old"] += 1
        assert found in (people[:2], newest), seed
        assert not (place.data_dir / swap.STAGING_NAME).exists()
        if seed % 6 == 0:
            again = call(place, monkeypatch, "restore", file, "--passphrase-file", secret)
            assert (people[:2], 1) == (place.people(), again["erased"])

    assert min(came.values()) >= 3, came


def test_accepting_an_older_copy_ends_every_other_and_erases_first(north, tmp_path, monkeypatch):
    """The newest there is may be an older one: then it goes on in a new epoch."""
    people = north.enrol(1, 2)
    shutil.copytree(north.data_dir / "vault", tmp_path / "older")
    north.erase(people[0])
    shutil.rmtree(north.data_dir / "vault")
    shutil.copytree(tmp_path / "older", north.data_dir / "vault")

    done = call(north, monkeypatch, "accept")
    assert (1, 1, 1) == (done["people"], done["erased"], done["epoch"])
    assert people[1:] == north.people()
    assert 2 == call(north, monkeypatch, "accept")["epoch"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a//b", "./a", ""])
def test_a_path_that_leads_elsewhere_is_refused(tmp_path, path):
    """Whoever could make a backup could not write outside of where it is unpacked."""
    header, key = archive.header_for_passphrase(bytearray(b"x"), CHEAP, "", "")
    with (tmp_path / "bad").open("w+b") as file:
        writer = archive.ArchiveWriter(file, header, key)
        writer.add(path, 1, iter((b"x",)))
        writer.finish()
        file.seek(0)
        _, bound = archive.read_header(file)
        reader = archive.ArchiveReader(file, bound, key)
        with pytest.raises(archive.BackupDamagedError):
            list(reader.files())
