"""Installing, verifying and choosing packs, also when it goes wrong half-way."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models import _swap, store
from models.errors import (
    PackError,
    PackFileError,
    PackHashError,
    PackInstallError,
    PackNameError,
    PackNotInstalledError,
    PackSourceError,
)
from models.manifest import SHIPPED_DIR, find_pack, packs_dir

ENCODER = "starter_encoder_112.onnx"
STARTER = SHIPPED_DIR / "starter"
# What a finished install of starter alone leaves in DIR/models.
CLEAN = {".lock", "starter"}


def ignore(count: int) -> None:
    """Do not count."""


def install_starter(data_dir: Path, source: Path = STARTER):
    return store.install("starter", data_dir, store.copy_from(source, on_bytes=ignore))


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_an_install_is_whole_verified_and_private(data_dir: Path) -> None:
    """Weights, manifest, licence and card are there, for the owner only, and progress adds up."""
    counts: list[int] = []

    pack = store.install("starter", data_dir, store.copy_from(STARTER, on_bytes=counts.append))

    assert packs_dir(data_dir) / "starter" == pack.folder
    assert names_in(STARTER) == names_in(pack.folder)
    assert pack.folder.stat().st_mode & 0o077 == 0
    assert sum(stage.size_bytes for stage in pack.stages) == sum(counts)
    assert pack == find_pack("starter", data_dir)
    assert names_in(packs_dir(data_dir)) == CLEAN


def test_mobileface_installs_from_the_shared_folder(data_dir: Path, shared: Path) -> None:
    """The real files install, verify and can be chosen."""
    fetch = store.copy_from(shared / "models", on_bytes=ignore)

    pack = store.install("mobileface", data_dir, fetch)

    assert pack.id == "mobileface@1"
    assert all(check.problem is None for check in store.verify("mobileface", data_dir))
    assert store.use("mobileface", data_dir).name == "mobileface"
    assert store.current_pack(data_dir) == "mobileface"


@pytest.mark.parametrize("is_installed", [False, True])
def test_a_wrong_file_is_not_installed(
    data_dir: Path, starter_copy: Path, flip_byte, *, is_installed: bool
) -> None:
    """A flipped byte in the source: refused with both hashes, and what was there stays."""
    if is_installed:
        install_starter(data_dir)
    flip_byte(starter_copy / ENCODER)

    with pytest.raises(PackHashError, match="Nothing was installed"):
        install_starter(data_dir, starter_copy)

    assert (CLEAN if is_installed else {".lock"}) == names_in(packs_dir(data_dir))
    assert find_pack("starter", data_dir)


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"x" * 1_000_000])
def test_a_file_of_another_length_is_not_installed(
    data_dir: Path, starter_copy: Path, change
) -> None:
    """Too short and too long are refused, and no more than one byte too many is copied."""
    path = starter_copy / ENCODER
    size = path.stat().st_size
    path.write_bytes(change(path.read_bytes()))
    copied: list[int] = []

    with pytest.raises(PackHashError):
        store.install("starter", data_dir, store.copy_from(starter_copy, on_bytes=copied.append))

    detector = (starter_copy / "starter_detector.onnx").stat().st_size
    assert sum(copied) <= detector + size + 1


def test_a_file_missing_in_the_source_is_named(data_dir: Path, starter_copy: Path) -> None:
    """The install stops, names the file and leaves nothing."""
    (starter_copy / ENCODER).unlink()

    with pytest.raises(PackFileError, match=ENCODER):
        install_starter(data_dir, starter_copy)

    assert {".lock"} == names_in(packs_dir(data_dir))


@pytest.mark.parametrize("name", ["nobody", "../starter", ""])
def test_only_known_packs_are_installed(data_dir: Path, name: str) -> None:
    """An unknown name is bad input, and no folder is made for it."""
    with pytest.raises(PackNameError):
        store.install(name, data_dir, store.copy_from(STARTER, on_bytes=ignore))

    assert set() == names_in(data_dir)


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "pack_disk_full"), (errno.EACCES, "pack_not_writable")]
)
def test_a_full_disk_leaves_nothing(data_dir: Path, number: int, code: str) -> None:
    """A disk that fills up half-way is a clear error, and the half is removed."""

    def fill_disk(stage, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(number, os.strerror(number))

    with pytest.raises(PackInstallError) as caught:
        store.install("starter", data_dir, fill_disk)

    assert code == caught.value.code
    assert {".lock"} == names_in(packs_dir(data_dir))


def test_an_interrupted_install_leaves_nothing(data_dir: Path) -> None:
    """Ctrl-C during a copy removes the half and goes on as Ctrl-C."""

    def interrupt(stage, target: Path) -> None:
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.install("starter", data_dir, interrupt)

    assert {".lock"} == names_in(packs_dir(data_dir))


def test_two_installs_at_once_are_refused(data_dir: Path) -> None:
    """While one install runs, a second says so and does not touch the first one's files."""

    def install_inside(stage, target: Path) -> None:
        install_starter(data_dir)

    with pytest.raises(PackInstallError) as caught:
        store.install("starter", data_dir, install_inside)

    assert caught.value.code == "pack_install_busy"


@pytest.mark.parametrize("can_exchange", [True, False])
def test_an_old_install_is_replaced(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, flip_byte, *, can_exchange: bool
) -> None:
    """A damaged install is replaced whole, whether or not the system can exchange two names."""
    pack = install_starter(data_dir)
    flip_byte(pack.folder / ENCODER)
    (pack.folder / "stray").touch()
    if not can_exchange:
        monkeypatch.setattr(_swap, "exchange", lambda first, second: False)

    install_starter(data_dir)

    assert find_pack("starter", data_dir)
    assert names_in(STARTER) == names_in(pack.folder)
    assert names_in(packs_dir(data_dir)) == CLEAN


def test_a_failed_rename_puts_the_old_one_back(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the exchange, a refused second rename undoes the first."""
    pack = install_starter(data_dir)
    before = (pack.folder / ENCODER).stat().st_ino
    rename = Path.rename

    def refuse_new(self: Path, target: Path) -> Path:
        if _swap.NEW_MARK in self.name:
            raise OSError(errno.EIO, "broken")
        return rename(self, target)

    monkeypatch.setattr(_swap, "exchange", lambda first, second: False)
    monkeypatch.setattr(Path, "rename", refuse_new)
    with pytest.raises(PackInstallError):
        install_starter(data_dir)

    assert before == (pack.folder / ENCODER).stat().st_ino
    assert names_in(packs_dir(data_dir)) == CLEAN


# Runs an install that stops for ever at one moment, after saying so; then it is killed.
KILLED_INSTALL = """
import sys
from pathlib import Path
from models import _swap, store

data_dir, source, moment = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

def stop(*ignored):
    print("here", flush=True)
    sys.stdin.read()

copy = store.copy_from(source, on_bytes=stop if moment == "copying" else lambda count: None)
exchange, rename = _swap.exchange, Path.rename
if moment == "copied":
    _swap.put_in_place = stop
elif moment == "exchanged":
    _swap.exchange = lambda first, second: exchange(first, second) and stop()
elif moment == "aside":
    _swap.exchange = lambda first, second: False
    Path.rename = lambda self, target: (
        stop() if _swap.NEW_MARK in self.name else rename(self, target)
    )
store.install("starter", data_dir, copy)
"""


@pytest.mark.parametrize(
    ("moment", "is_installed"),
    [
        ("copying", False),
        ("copying", True),
        ("copied", False),
        ("copied", True),
        ("exchanged", True),
        ("aside", True),
    ],
)
def test_a_killed_install_leaves_the_old_pack_or_none(
    data_dir: Path, repository: Path, moment: str, *, is_installed: bool
) -> None:
    """A kill -9 at each stage: nothing half-installed is ever found, the next install cleans up.

    The one moment with neither name in place exists only where names cannot be exchanged; there
    the next install first moves the old pack back.
    """
    home = packs_dir(data_dir)
    if is_installed:
        install_starter(data_dir)
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED_INSTALL, str(data_dir), str(STARTER), moment],
        cwd=repository,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"here\n"
        child.kill()
    assert child.returncode == -9

    expected = is_installed and moment != "aside"
    assert expected == (home / "starter").exists()
    found = home / "starter" if expected else STARTER
    assert found == find_pack("starter", data_dir).folder
    assert names_in(home) != CLEAN
    if moment == "aside":
        _swap.clean_up(home)
        assert home / "starter" == find_pack("starter", data_dir).folder

    install_starter(data_dir)

    assert names_in(home) == CLEAN
    assert home / "starter" == find_pack("starter", data_dir).folder


def test_verify_names_the_wrong_file_and_checks_the_others(data_dir: Path, flip_byte) -> None:
    """One wrong file does not hide what the others are."""
    pack = install_starter(data_dir)
    flip_byte(pack.folder / ENCODER)
    (pack.folder / "starter_smile_48.onnx").unlink()

    codes = {
        check.file: check.problem and check.problem.code
        for check in store.verify("starter", data_dir)
    }

    assert codes == {
        "starter_detector.onnx": None,
        ENCODER: "pack_hash_mismatch",
        "starter_pad_2.7_80.onnx": None,
        "starter_smile_48.onnx": "pack_file_missing",
    }


def test_verify_all_reports_a_broken_manifest_and_skips_what_is_not_here(data_dir: Path) -> None:
    """A manifest that cannot be read is a failed check; an absent pack is none."""
    folder = packs_dir(data_dir) / "mobileface"
    folder.mkdir(parents=True)
    assert {"sandbox", "starter"} == {check.pack for check in store.verify_all(data_dir)}

    (folder / "pack.toml").write_text("manifest_version = 9")
    problems = [check for check in store.verify_all(data_dir) if check.problem]

    assert [(check.pack, check.file) for check in problems] == [("mobileface", "pack.toml")]


def test_the_choice_is_starter_until_another_pack_is_verified(
    data_dir: Path, shared: Path, flip_byte
) -> None:
    """A pack that is absent or damaged cannot be chosen, and the old choice stays."""
    assert store.current_pack(data_dir) == "starter"
    with pytest.raises(PackNotInstalledError):
        store.use("mobileface", data_dir)

    fetch = store.copy_from(shared / "models", on_bytes=ignore)
    pack = store.install("mobileface", data_dir, fetch)
    flip_byte(pack.encoder.file)
    with pytest.raises(PackHashError):
        store.use("mobileface", data_dir)

    assert store.current_pack(data_dir) == "starter"
    assert store.use("starter", data_dir).name == "starter"
    assert {".lock", "current", "mobileface"} == names_in(packs_dir(data_dir))


@pytest.mark.parametrize("content", [b"", b"../x\n", b"\xff\xff", b"x" * 5000])
def test_a_spoilt_choice_is_refused(data_dir: Path, content: bytes) -> None:
    """A choice that is no pack's name is an error, not silently the default."""
    packs_dir(data_dir).mkdir()
    (packs_dir(data_dir) / "current").write_bytes(content)

    with pytest.raises(PackError):
        store.current_pack(data_dir)


def test_a_folder_without_the_files_is_what_was_typed_wrong(data_dir, tmp_path):
    """Exit code 2: neither the machine nor the pack is amiss."""
    with pytest.raises(PackSourceError) as caught:
        store.install("starter", data_dir, store.copy_from(tmp_path, on_bytes=ignore))

    assert (caught.value.exit_code, caught.value.code) == (2, store.SOURCE_MISSING)
