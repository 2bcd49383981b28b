"""Bad input: a clear sentence, the contract's exit code, and nothing is lost."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.sandbox.bank.oracle import executed_debits
from tests.e2e.conftest import Smiletill
from tests.fakes.installation import enrol_without_camera, running

PHONE, PIN = "447700900123", "135790"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One enrolled person, for questions that must not change anything."""
    folder = tmp_path_factory.mktemp("bad") / "data"
    folder.mkdir(mode=0o700)
    secret = folder.parent / "passphrase"
    secret.write_text("correct horse battery staple\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMILETILL_PASSPHRASE_FILE", str(secret))
        enrol_without_camera(folder, PHONE, PIN)
    return folder


@pytest.fixture(autouse=True)
def key(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMILETILL_PASSPHRASE_FILE", str(installation.parent / "passphrase"))


def pictures(folder: Path, image: np.ndarray, count: int = 12) -> Path:
    folder.mkdir()
    for number in range(count):
        assert cv2.imwrite(str(folder / f"{number:04}.png"), image)
    return folder


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0", "amount_zero"),
        ("-5", "amount_bad"),
        ("nan", "amount_bad"),
        ("1.999", "amount_bad"),
        ("10 000 000", "amount_bad"),
        ("10000000", "amount_above_ceiling"),
        ("1000000", "amount_above_ceiling"),
        ("abc", "amount_bad"),
        ("", "amount_bad"),
        ("1e3", "amount_bad"),
        ("٣", "amount_bad"),
    ],
)
def test_amounts_that_are_none(
    amount: str, code: str, installation: Path, smiletill: Smiletill
) -> None:
    """An amount that no till would send is refused before anything is started."""
    call = smiletill(
        "pay",
        f"--amount={amount}",
        "--phone",
        PHONE,
        "--pin",
        PIN,
        "--data",
        installation,
        "--json",
    )

    assert (call.code, call.result["error"]) == (2, code)
    assert "Traceback" not in call.stderr


def test_folders_that_are_no_camera(
    installation: Path, smiletill: Smiletill, tmp_path: Path
) -> None:
    """A missing folder, an empty one and one without a readable picture: each says so."""
    empty = tmp_path / "empty"
    empty.mkdir()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "0001.jpg").write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    found = {}
    for folder in (tmp_path / "missing", empty, broken):
        call = smiletill(
            "pay", "--amount", "1.00", "--frames", folder, "--data", installation, "--json"
        )
        found[folder.name] = (call.code, call.result["error"])

    assert found == {
        "missing": (2, "folder_missing"),
        "empty": (2, "folder_empty"),
        "broken": (2, "no_readable_picture"),
    }


def test_frames_without_a_face_or_in_the_dark_are_a_no(
    installation: Path, smiletill: Smiletill, tmp_path: Path
) -> None:
    """Nobody, and darkness: the answer is no, with the reason, and no debit."""
    wall = pictures(tmp_path / "wall", np.full((480, 640, 3), 128, np.uint8))
    night = pictures(tmp_path / "night", np.zeros((480, 640, 3), np.uint8))
    told = {}
    for folder in (wall, night):
        call = smiletill(
            "pay", "--amount", "1.00", "--frames", folder, "--data", installation, "--json"
        )
        told[folder.name] = (call.code, call.result["outcome"], call.result["reason"])
        assert call.result["bank_debits"] == 0
        assert call.result["frames_seen"] == 12

    assert told == {
        "wall": (1, "not_paid", "no_face"),
        "night": (1, "not_paid", "too_dark"),
    }


def test_two_faces_are_asked_to_be_one(
    installation: Path, smiletill: Smiletill, shared: Path, tmp_path: Path
) -> None:
    """Two live people side by side: nobody is charged, and the reason is that there are two."""
    folder = tmp_path / "couple"
    folder.mkdir()
    sessions = [shared / "pad" / "client" / name for name in ("0004_01_00_01", "0005_00_00_01")]
    for number, pair in enumerate(zip(*(sorted(s.iterdir()) for s in sessions), strict=False)):
        halves = [cv2.imread(str(file))[:, 160:480] for file in pair]
        assert cv2.imwrite(str(folder / f"{number:04}.png"), np.hstack(halves))
    call = smiletill("pay", "--amount=1.00", "--frames", folder, "--data", installation, "--json")
    shutil.rmtree(folder)

    told = (call.code, call.result["outcome"], call.result["reason"])
    assert told == (1, "not_paid", "two_faces")


def test_keys_that_do_not_open(installation: Path, smiletill: Smiletill, tmp_path: Path) -> None:
    """A wrong passphrase, none at all, and one that lies inside the data directory."""
    wrong = tmp_path / "wrong"
    wrong.write_text("something else\n")
    inside = installation / "passphrase"
    inside.write_text("correct horse battery staple\n")
    words = ("enrol", "list", "--data", installation, "--json")
    try:
        told = [
            smiletill(*words, SMILETILL_PASSPHRASE_FILE=str(wrong)),
            smiletill(*words, SMILETILL_PASSPHRASE_FILE=""),
            smiletill(*words, SMILETILL_PASSPHRASE_FILE=str(inside)),
        ]
    finally:
        inside.unlink()

    assert [(call.code, call.result["error"]) for call in told] == [
        (3, "key_wrong"),
        (3, "key_missing"),
        (3, "key_inside_data"),
    ]
    assert all(call.result["mend"] for call in told)


def test_damaged_vault_is_refused_and_left_alone(
    installation: Path, smiletill: Smiletill, tmp_path: Path
) -> None:
    """A vault with one flipped byte in a person's template starts nothing and is not touched."""
    copy = tmp_path / "copy"
    shutil.copytree(installation, copy)
    vault = copy / "vault" / "vault.db"
    with contextlib.closing(sqlite3.connect(vault)) as raw:
        (record,) = raw.execute("SELECT record FROM template LIMIT 1").fetchone()
    damaged = bytearray(vault.read_bytes())
    at = damaged.index(record)
    damaged[at + len(record) // 2] ^= 0x5A
    vault.write_bytes(damaged)
    before = vault.read_bytes()
    call = smiletill("enrol", "list", "--data", copy, "--json")

    assert (call.code, call.result["error"]) == (3, "vault_damaged")
    assert vault.read_bytes() == before


@pytest.mark.parametrize(
    ("lost", "code"), [("vault", "vault_missing"), ("money", "journal_missing")]
)
def test_a_lost_folder_is_not_replaced_by_an_empty_one(
    lost: str, code: str, installation: Path, smiletill: Smiletill, tmp_path: Path
) -> None:
    """Where people or payments were and are not any more, nothing is started."""
    copy = tmp_path / "copy"
    shutil.copytree(installation, copy)
    shutil.rmtree(copy / lost)
    call = smiletill("enrol", "list", "--data", copy, "--json")

    assert (call.code, call.result["error"]) == (3, code)
    assert not (copy / lost).exists()


def test_taken_port_says_so(installation: Path, smiletill: Smiletill, tmp_path: Path) -> None:
    """The sandbox bank on a port that somebody has: exit 3 and what to do."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        call = smiletill("bank", "sandbox", "serve", "--port", port, "--data", tmp_path / "b")

    assert call.code == 3
    assert "port" in call.stderr


def test_flipped_byte_in_a_model_is_refused(
    installation: Path, smiletill: Smiletill, shared: Path, tmp_path: Path
) -> None:
    """A model file that is not what its manifest says is never installed, and never half."""
    models = tmp_path / "models"
    shutil.copytree(shared / "models", models, copy_function=shutil.copyfile)
    models.chmod(0o700)
    encoder = models / "mobileface_identification_v2.onnx"
    encoder.chmod(0o600)
    raw = bytearray(encoder.read_bytes())
    raw[1_000] ^= 1
    encoder.write_bytes(raw)
    words = ("models", "install", "mobileface", "--from", models, "--data", installation, "--json")
    call = smiletill(*words)

    assert call.code == 3
    assert "Traceback" not in call.stderr
    assert not list((installation / "models").glob("mobileface*"))


def test_same_order_twice_is_paid_once(
    data_dir: Path, passphrase: Path, smiletill: Smiletill
) -> None:
    """The same id and amount is the same order; another amount under that id is an error.

    The number is typed as its owner would, without the country code it is kept with.
    """
    del passphrase
    enrol_without_camera(data_dir, PHONE, PIN)
    phone = "07700 900123"
    words = ("--phone", phone, "--pin", PIN, "--order", "X", "--data", data_dir, "--json")
    first = smiletill("pay", "--amount", "12.50", *words)
    second = smiletill("pay", "--amount", "12.50", *words)
    other = smiletill("pay", "--amount", "12.51", *words)

    assert (first.code, first.result["outcome"], first.result["bank_debits"]) == (0, "paid", 1)
    assert (second.code, second.result["outcome"], second.result["bank_debits"]) == (0, "paid", 1)
    assert (other.code, other.result["error"]) == (2, "order_amount_differs")
    assert executed_debits(data_dir, "X") == 1


def test_attached_calls_leave_the_processes_running(
    data_dir: Path, passphrase: Path, smiletill: Smiletill
) -> None:
    """`pay` uses processes that run already, and they still run afterwards."""
    del passphrase
    enrol_without_camera(data_dir, PHONE, PIN)
    with running(data_dir) as (installation, pids):
        call = smiletill(
            *("pay", "--amount", "3.00", "--phone", PHONE, "--pin", PIN),
            *("--data", data_dir, "--json"),
        )
        still = installation.is_up("faces") and installation.is_up("money")
        same = all(Path(f"/proc/{pid}").exists() for pid in pids.values())

    assert call.result["outcome"] == "paid"
    assert still
    assert same
