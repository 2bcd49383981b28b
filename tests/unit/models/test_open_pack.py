"""The pack `open`: official files by hash, what may be left out, what may lie in their place."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kiosk.commands.models import models
from models import store
from models.errors import PackDownloadError, PackFileError, PackHashError
from models.manifest import SHIPPED_DIR, describe_pack, find_pack, load_pack, packs_dir
from tests.fakes.torch_files import archive
from tests.unit.models.test_minifasnet import small_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.pack import Pack, Stage

OPEN = SHIPPED_DIR / "open"
QUALITY = "ediffiqa_tiny_jun2024.onnx"
PTH = ("2.7_80x80_MiniFASNetV2.pth", "4_0_0_80x80_MiniFASNetV1SE.pth")
EXPORTS = ("minifasnet_v2_2.7_80x80.onnx", "minifasnet_v1se_4.0_80x80.onnx")

# Length and hash as their makers publish them (docs/packs.md says where from).
OFFICIAL = {
    "face_detection_yunet_2023mar.onnx": (
        232_589,
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    ),
    "face_recognition_sface_2021dec.onnx": (
        38_696_353,
        "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
    ),
    PTH[0]: (1_849_453, "a5eb02e1843f19b5386b953cc4c9f011c3f985d0ee2bb9819eea9a142099bec0"),
    PTH[1]: (1_856_130, "84ee1d37d96894d5e82de5a57df044ef80a58be2b218b5ed7cdfd875ec2f5990"),
    QUALITY: (7_272_678, "9426c899cc0f01665240cb7d9e7f98e18e24e456c178326c771a43da289bfc6a"),
    EXPORTS[0]: (1_744_979, "e82f33d04c04195dbff678b3deb24ecb904489abb7939fd9d77da0fde2eb29d9"),
    EXPORTS[1]: (1_744_261, "f17ca09928973eb2e68b7a36462d345822744ee652d895f804df7392405c7fb5"),
}


def test_the_manifest_names_the_official_files() -> None:
    """Every file by its published hash, every address at a fixed commit, every licence free."""
    forms = [form for stage in describe_pack(OPEN).own_stages for form in stage.forms]

    assert {form.file.name: (form.size_bytes, form.sha256) for form in forms} == OFFICIAL
    for form in forms:
        assert form.licence in {"MIT", "Apache-2.0", "CC-BY-4.0"}
        if form.file.name not in EXPORTS:
            assert re.search(r"/[0-9a-f]{40}/", form.url)
            assert form.commit in form.url


def test_the_exports_are_those_that_the_shared_folder_has(shared: Path) -> None:
    """Their hashes are not only written down twice."""
    for name in EXPORTS:
        raw = (shared / "models" / name).read_bytes()
        assert (len(raw), hashlib.sha256(raw).hexdigest()) == OFFICIAL[name]


Sources = dict[str, bytes]


@pytest.fixture
def sources() -> Sources:
    """Small files in the place of the real ones, by name."""
    weights = archive(small_state(se=True))
    return {name: weights if name in PTH else name.encode() for name in OFFICIAL}


@pytest.fixture
def pretend(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> Callable[[Sources], None]:
    """A function that lets the shipped manifest ask for the small files."""

    def asks_for(stage: Stage, content: Sources) -> Stage:
        raw = content[stage.file.name]
        others = tuple(
            replace(one, sha256=hashlib.sha256(content[one.file.name]).hexdigest())
            for one in stage.instead
        )
        digest = hashlib.sha256(raw).hexdigest()
        return replace(stage, sha256=digest, size_bytes=len(raw), instead=others)

    def use(content: Sources) -> None:
        known = describe_pack(OPEN)
        assert known.quality is not None
        changed: Pack = replace(
            known,
            detector=asks_for(known.detector, content),
            encoder=asks_for(known.encoder, content),
            pad=tuple(asks_for(stage, content) for stage in known.pad),
            quality=asks_for(known.quality, content),
        )
        monkeypatch.setattr(store, "known_pack", lambda _: changed)

    use(sources)
    return use


@pytest.fixture
def call(data_dir: Path, capsys: pytest.CaptureFixture[str]):
    """A function that runs `models …` and returns its JSON."""

    def run(*words: str) -> dict[str, Any]:
        models.main([*words, "--data", str(data_dir), "--json"], standalone_mode=False)
        answer: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return answer

    return run


def folder_of(tmp_path: Path, sources: Sources, *without: str) -> str:
    folder = tmp_path / "stick"
    folder.mkdir()
    for name, raw in sources.items():
        if name not in without:
            (folder / name).write_bytes(raw)
    return str(folder)


@pytest.mark.usefixtures("pretend")
def test_everything_there_is_installed(call, data_dir: Path, tmp_path: Path, sources) -> None:
    """The official weights win over the exports; what is left to do is said."""
    answer = call("install", "open", "--from", folder_of(tmp_path, sources))

    pack = load_pack(packs_dir(data_dir) / "open", verify=False)
    assert answer["files"] == 5
    assert answer["left_out"] == []
    assert "models calibrate open --faces DIR" in answer["to_do"]
    assert tuple(stage.file.name for stage in pack.pad) == PTH
    assert pack.quality is not None


@pytest.mark.usefixtures("pretend")
def test_exports_may_lie_in_the_place_of_the_official_weights(
    call, data_dir: Path, tmp_path: Path, sources
) -> None:
    """Who is offline and has only the exports can install; the hash is that of the export."""
    call("install", "open", "--from", folder_of(tmp_path, sources, *PTH))

    pack = find_pack("open", data_dir, verify=False)
    assert tuple(stage.file.name for stage in pack.pad) == EXPORTS
    assert [stage.sha256 for stage in pack.pad] == [OFFICIAL[name][1] for name in EXPORTS]


@pytest.mark.usefixtures("pretend")
def test_the_optional_stage_may_be_missing(call, data_dir: Path, tmp_path: Path, sources) -> None:
    """The pack works without it, and the answer says that it does."""
    answer = call("install", "open", "--from", folder_of(tmp_path, sources, QUALITY))

    assert [one["file"] for one in answer["left_out"]] == [QUALITY]
    assert find_pack("open", data_dir, verify=False).quality is None


@pytest.mark.usefixtures("pretend")
def test_a_wrong_optional_file_is_not_left_lying_there(
    call, data_dir: Path, tmp_path: Path, sources
) -> None:
    """It is left out like a missing one, and the reason is its hash."""
    folder = folder_of(tmp_path, sources | {QUALITY: b"something else"})

    answer = call("install", "open", "--from", folder)

    assert [one["code"] for one in answer["left_out"]] == ["pack_hash_mismatch"]
    assert not (packs_dir(data_dir) / "open" / QUALITY).exists()


@pytest.mark.usefixtures("pretend")
@pytest.mark.parametrize("name", ["face_recognition_sface_2021dec.onnx", PTH[0]])
def test_a_wrong_file_installs_nothing(call, data_dir, tmp_path, sources, name: str) -> None:
    """Neither official file may be exchanged, even where an export would be at hand."""
    folder = folder_of(tmp_path, sources | {name: b"x" * len(sources[name])})

    with pytest.raises(PackHashError, match="Nothing was installed"):
        call("install", "open", "--from", folder)

    assert {path.name for path in packs_dir(data_dir).iterdir()} == {".lock"}


@pytest.mark.usefixtures("pretend")
def test_a_missing_file_is_named_by_its_official_name(call, data_dir, tmp_path, sources) -> None:
    """Without weights and export the message asks for the official file."""
    with pytest.raises(PackFileError, match=re.escape(PTH[1])):
        call("install", "open", "--from", folder_of(tmp_path, sources, PTH[1], EXPORTS[1]))

    assert not (packs_dir(data_dir) / "open").exists()


def test_weights_that_cannot_be_read_are_found_before_anything_is_installed(
    call, data_dir, tmp_path, sources, pretend
) -> None:
    """The right hash is not enough: the graph is built once while nothing is in place yet."""
    sources[PTH[0]] = b"not weights"
    pretend(sources)

    with pytest.raises(PackFileError) as caught:
        call("install", "open", "--from", folder_of(tmp_path, sources))

    assert caught.value.code == "weights_unreadable"
    assert not (packs_dir(data_dir) / "open").exists()


@pytest.mark.usefixtures("pretend")
def test_a_failed_download_leaves_nothing_but_the_optional_stage_may_fail(
    data_dir: Path, sources
) -> None:
    """What cannot be fetched stops the install, unless the pack can do without it."""

    def fetch_all_but(missing: str) -> store.Fetch:
        def fetch(stage: Stage, target: Path) -> None:
            if stage.file.name == missing:
                target.write_bytes(b"half")
                raise PackDownloadError("It broke.", code="download_failed", mend="Again.")
            target.write_bytes(sources[stage.file.name])

        return fetch

    with pytest.raises(PackDownloadError):
        store.install("open", data_dir, fetch_all_but(PTH[1]))
    assert not (packs_dir(data_dir) / "open").exists()

    left_out: list[str] = []
    pack = store.install(
        "open",
        data_dir,
        fetch_all_but(QUALITY),
        on_left_out=lambda stage, _: left_out.append(stage.file.name),
    )
    assert (left_out, pack.quality) == ([QUALITY], None)


def test_licences_name_every_file_and_whom_to_credit(call) -> None:
    """Before anything is installed: five official files, with the credit that CC BY asks for."""
    packs = {pack["id"]: pack for pack in call("licences")["packs"]}
    found = packs["open@1"]

    licences = {file["file"]: file["licence"] for file in found["files"]}
    assert licences[QUALITY] == "CC-BY-4.0"
    assert {*PTH, QUALITY} < set(licences)
    for name in OFFICIAL:
        assert name in found["notice"]
    assert "creativecommons.org/licenses/by/4.0" in found["notice"]
