"""Manifests: what is read, what is refused, and where a pack is found."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from models.errors import (
    PackFileError,
    PackHashError,
    PackManifestError,
    PackNameError,
    PackNotInstalledError,
)
from models.manifest import (
    MANIFEST_NAME,
    SHIPPED_DIR,
    find_pack,
    load_pack,
    packs_dir,
    search_dirs,
    shipped_names,
)

ENCODER = "starter_encoder_112.onnx"

# SHA256SUMS of the weights: others' as handed over, ours as trained.
FACTS = {
    "starter_detector.onnx": "5c5d3c4f8a3f8d1512ff7e8d22ab21916303d932cf1bcd11e691c11272b36b5f",
    "starter_encoder_112.onnx": "6ba3cf050818d8fd3054f8b5b45de4719f0d615a53fcfd3176188cc28d39a88d",
    "starter_pad_2.7_80.onnx": "de390656d8d9f0b07da080708fd026f32780cb9cd9e566190ed8f8d2c07f8f39",
    "starter_smile_48.onnx": "6949c68919fee82d815e571941008b77154bdef672e699b7dfa7120cff208bcd",
    "face_detection_yunet_2023mar.onnx": (
        "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
    ),
    "minifasnet_v1se_4.0_80x80.onnx": (
        "f17ca09928973eb2e68b7a36462d345822744ee652d895f804df7392405c7fb5"
    ),
    "minifasnet_v2_2.7_80x80.onnx": (
        "e82f33d04c04195dbff678b3deb24ecb904489abb7939fd9d77da0fde2eb29d9"
    ),
    "mobileface_identification_v2.onnx": (
        "51c69b9b168c05e8b48f4d207f115ffb6578a4ad5cda1901cbd4a005d64febea"
    ),
}


def edit(folder: Path, old: str, new: str) -> None:
    """Replace one passage of a manifest; the name changes too, so that no shipped one counts."""
    path = folder / MANIFEST_NAME
    text = path.read_text(encoding="utf-8").replace('name = "starter"', 'name = "other"')
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_every_shipped_manifest_loads() -> None:
    """Each shipped manifest is valid, named as its folder, and has all four kinds of stage."""
    assert {"mobileface", "starter"} <= set(shipped_names())
    for name in shipped_names():
        pack = load_pack(SHIPPED_DIR / name, verify=False)

        assert name == pack.name
        assert f"{name}@{pack.version}" == pack.id
        assert pack.expression is not None
        assert all(stage.crop_scale for stage in pack.pad)


def test_starter_verifies_in_a_checkout() -> None:
    """The committed weights are the ones the manifest names."""
    pack = load_pack(SHIPPED_DIR / "starter")

    assert pack.id == "starter@3"


def test_manifests_carry_the_hashes_that_were_handed_over() -> None:
    """No hash in a manifest was ever fitted to a file that somebody changed."""
    stages = [
        stage
        for name in ("mobileface", "starter")
        for stage in load_pack(SHIPPED_DIR / name, verify=False).own_stages
    ]

    assert {stage.file.name: stage.sha256 for stage in stages} == FACTS


def test_mobileface_takes_the_smile_of_starter() -> None:
    """A lent stage points into the lender's folder and is not one of the pack's own files."""
    pack = load_pack(SHIPPED_DIR / "mobileface", verify=False)

    assert pack.expression is not None
    assert pack.expression.file == SHIPPED_DIR / "starter" / "starter_smile_48.onnx"
    assert pack.expression not in pack.own_stages


def test_a_flipped_byte_is_refused(starter_copy: Path, flip_byte) -> None:
    """One changed bit is seen, and the message shows the beginnings of both hashes."""
    flip_byte(starter_copy / ENCODER)

    with pytest.raises(PackHashError, match=FACTS[ENCODER][:12]) as caught:
        load_pack(starter_copy)

    assert caught.value.exit_code == 3
    assert ENCODER in caught.value.message


def test_hashes_in_the_data_directory_do_not_count(starter_copy: Path, flip_byte) -> None:
    """Changing weights and manifest together in an installed shipped pack does not help."""
    path = starter_copy / ENCODER
    flip_byte(path)
    forged = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = starter_copy / MANIFEST_NAME
    manifest.write_text(manifest.read_text().replace(FACTS[ENCODER], forged))

    with pytest.raises(PackHashError):
        load_pack(starter_copy)


def test_a_missing_file_is_named(starter_copy: Path) -> None:
    """A file that is gone is an error with its name; without verify it is not looked for."""
    (starter_copy / ENCODER).unlink()

    with pytest.raises(PackFileError, match=ENCODER):
        load_pack(starter_copy)
    assert load_pack(starter_copy, verify=False).name == "starter"


@pytest.mark.parametrize(
    "file",
    ["../x.onnx", "/etc/x.onnx", "a/b.onnx", "..", ".hidden.onnx", "", "pack.toml", "x.onnx\\n"],
)
def test_a_file_outside_the_folder_is_refused(starter_copy: Path, file: str) -> None:
    """A manifest cannot reach out of its folder nor name anything but an .onnx file."""
    edit(starter_copy, f'"{ENCODER}"', f'"{file}"')

    with pytest.raises(PackManifestError):
        load_pack(starter_copy)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("manifest_version = 1", "manifest_version = 2"),
        ("manifest_version = 1", "manifest_version = true"),
        ("manifest_version = 1", ""),
        ("commercial_use = true", "commercial_use = 1"),
        ("commercial_use = true", 'commercial_use = true\nowner = "x"'),
        ('kind = "arcface"', 'kind = "arcface"\nspeed = 3'),
        ("[stage.encoder]", "[stage.encodr]"),
        ("[[stage.pad]]", "[stage.pad]"),
        ("[thresholds]", "[tresholds]"),
        ("smile_score = 0.5", "smile_score = nan"),
        ("smile_score = 0.5", "smile_score = inf"),
        ("smile_score = 0.5", 'pad_score = "0.5"'),
        ("smile_score = 0.5", "smile_score = true"),
        ("std = 127.5", "std = 0.0"),
        ("crop_scale = 2.7", "crop_scale = -1"),
        ("bytes = 3535637", "bytes = 0"),
        ("bytes = 3535637", "bytes = 9999999999"),
        ("bytes = 3535637", 'bytes = 3535637\nurl = "http://example.org/x"'),
        ("input_size = [112, 112]", "input_size = [112]"),
        ("input_size = [112, 112]", "input_size = [0, 112]"),
        ('colour = "RGB"', 'colour = "RBG"'),
        (FACTS[ENCODER], FACTS[ENCODER].upper()),
        (FACTS[ENCODER], "00"),
        ('name = "other"', 'name = "Other"'),
        ("version = 3\ncomm", "version = 0\ncomm"),
        ("starter_smile_48.onnx", ENCODER),
        ('[stage.expression]\nkind = "smile48"', '[stage.expression]\nfrom_pack = "starter"'),
        ("manifest_version = 1", "manifest_version = 1 1"),
    ],
)
def test_an_impossible_manifest_is_refused(starter_copy: Path, old: str, new: str) -> None:
    """Wrong version, unknown or missing keys, wrong types and values: each is refused in words."""
    edit(starter_copy, old, new)

    with pytest.raises(PackManifestError) as caught:
        load_pack(starter_copy, verify=False)

    assert "pack.toml" in caught.value.message
    assert caught.value.mend


@pytest.mark.parametrize("lender", ["mobileface", "nobody", "../starter", "STARTER"])
def test_only_a_shipped_pack_with_its_own_stage_lends(starter_copy: Path, lender: str) -> None:
    """A lender that borrows itself, is unknown, or is a path is refused."""
    manifest = starter_copy / MANIFEST_NAME
    text = manifest.read_text(encoding="utf-8").replace('name = "starter"', 'name = "other"')
    start, end = text.index("[stage.expression]"), text.index("# Where each figure")
    manifest.write_text(
        f'{text[:start]}[stage.expression]\nfrom_pack = "{lender}"\n{text[end:]}', encoding="utf-8"
    )

    with pytest.raises(PackManifestError):
        load_pack(starter_copy, verify=False)


def test_the_sandbox_pack_is_starter_with_a_pad_of_its_own_for_simulated_people() -> None:
    """It borrows all but detector and PAD, and says what it is; starter does not of itself."""
    sandbox, starter = (load_pack(SHIPPED_DIR / name) for name in ("sandbox", "starter"))

    assert sandbox.sandbox_only
    assert not starter.sandbox_only
    assert (starter.encoder, starter.expression) == (sandbox.encoder, sandbox.expression)
    lent = sandbox.calibration["impostor_tail"]
    assert lent == [starter.calibration["impostor_tail"][0]]
    assert sandbox.calibration["encoder_sha256"] == sandbox.encoder.sha256
    assert sandbox.own_stages == (sandbox.detector, *sandbox.pad)
    assert sandbox.pad != starter.pad


def borrowing(starter_copy: Path, table: str, words: str) -> Path:
    """A copy of starter called `other`, with one table replaced by `words`."""
    manifest = starter_copy / MANIFEST_NAME
    text = manifest.read_text(encoding="utf-8").replace('name = "starter"', 'name = "other"')
    start = text.index(table)
    end = text.index("\n[[" if "pad" not in table and "encoder" in table else "\n[", start + 2)
    manifest.write_text(f"{text[:start]}{table}\n{words}\n{text[end:]}", encoding="utf-8")
    return starter_copy


@pytest.mark.parametrize(
    ("stage", "words", "is_fine"),
    [
        ("encoder", 'from_pack = "sandbox"', False),
        *(
            (stage, words, is_fine)
            for stage in ("detector", "encoder")
            for words, is_fine in (
                ('from_pack = "starter"', True),
                ('from_pack = "../starter"', False),
                ('from_pack = "starter"\nfile = "x.onnx"', False),
            )
        ),
    ],
)
def test_detector_and_encoder_are_lent_whole_and_one_step_deep(
    starter_copy: Path, stage: str, words: str, *, is_fine: bool
) -> None:
    """From a pack that has its own, and with nothing added."""
    folder = borrowing(starter_copy, f"[stage.{stage}]", words)

    if is_fine:
        assert SHIPPED_DIR / "starter" == getattr(load_pack(folder), stage).file.parent
    else:
        with pytest.raises(PackManifestError):
            load_pack(folder, verify=False)


def test_pad_is_never_lent(starter_copy: Path) -> None:
    """A pack answers for its own presentation attack detection."""
    with pytest.raises(PackManifestError):
        load_pack(borrowing(starter_copy, "[[stage.pad]]", 'from_pack = "sandbox"'), verify=False)


@pytest.mark.parametrize("lender", ["sandbox", "nobody", "../starter"])
def test_calibration_is_lent_by_whoever_measured_it(starter_copy: Path, lender: str) -> None:
    """Not by a pack that borrowed it, nor by a path."""
    manifest = starter_copy / MANIFEST_NAME
    text = manifest.read_text(encoding="utf-8").replace('name = "starter"', 'name = "other"')
    text = text[: text.index("[calibration]")]
    manifest.write_text(f'{text}[calibration]\nfrom_pack = "{lender}"\n', encoding="utf-8")

    with pytest.raises(PackManifestError):
        load_pack(starter_copy, verify=False)


@pytest.mark.parametrize("value", ['"yes"', "1"])
def test_sandbox_only_is_true_or_false(starter_copy: Path, value: str) -> None:
    """A misspelt mark must not be an absent one."""
    manifest = starter_copy / MANIFEST_NAME
    text = manifest.read_text(encoding="utf-8").replace('name = "starter"', 'name = "other"')
    marked = text.replace("commercial_use = true", f"commercial_use = true\nsandbox_only = {value}")
    manifest.write_text(marked, encoding="utf-8")

    with pytest.raises(PackManifestError):
        load_pack(starter_copy, verify=False)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (2 << 20)])
def test_a_manifest_that_is_no_text_is_refused(starter_copy: Path, content: bytes) -> None:
    """Bytes that are no UTF-8, or a file beyond the limit, are refused."""
    (starter_copy / MANIFEST_NAME).write_bytes(content)

    with pytest.raises(PackManifestError):
        load_pack(starter_copy)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    """An empty folder is not a pack."""
    with pytest.raises(PackManifestError):
        load_pack(tmp_path)


def test_calibration_is_passed_through(starter_copy: Path) -> None:
    """The calibration table arrives as written, whatever its shape."""
    edit(starter_copy, "[thresholds]", "[calibration.tail]\nfmr = [1e-3, 1e-4]\n\n[thresholds]")

    pack = load_pack(starter_copy, verify=False)

    assert pack.calibration["tail"] == {"fmr": [1e-3, 1e-4]}


@pytest.mark.parametrize("name", ["../starter", "/etc", "", ".", "Starter", "a" * 41, "current"])
def test_a_name_that_is_no_name_is_refused(data_dir: Path, name: str) -> None:
    """A pack's name never becomes a path; it is bad input."""
    with pytest.raises(PackNameError) as caught:
        find_pack(name, data_dir)

    assert caught.value.exit_code == 2


def test_an_unknown_pack_is_bad_input(data_dir: Path) -> None:
    """A well-formed name that nobody knows is refused with exit code 2."""
    with pytest.raises(PackNameError, match="nobody"):
        find_pack("nobody", data_dir)


def test_a_known_pack_without_weights_says_how_to_install_it(data_dir: Path) -> None:
    """The repository has mobileface's manifest only; the mend is the exact command."""
    with pytest.raises(PackNotInstalledError) as caught:
        find_pack("mobileface", data_dir)

    assert "smiletill models install mobileface --from DIR" in caught.value.mend


def test_the_installation_goes_before_the_user_and_the_user_before_the_shipped(
    data_dir: Path, starter_copy: Path
) -> None:
    """The three places are looked at in that order."""
    assert find_pack("starter", data_dir).folder == SHIPPED_DIR / "starter"

    of_user = packs_dir(search_dirs(data_dir)[1]) / "starter"
    shutil.copytree(starter_copy, of_user)
    assert of_user == find_pack("starter", data_dir).folder

    of_installation = packs_dir(data_dir) / "starter"
    shutil.copytree(starter_copy, of_installation)
    assert of_installation == find_pack("starter", data_dir).folder


def test_without_a_home_the_installation_and_the_shipped_packs_are_enough(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service user without a home directory is no reason to fail."""

    def refuse() -> Path:
        raise RuntimeError

    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    monkeypatch.setattr(Path, "home", refuse)

    assert search_dirs(data_dir) == (data_dir,)
    assert find_pack("starter", data_dir)


def test_a_damaged_install_is_not_stepped_over(
    data_dir: Path, starter_copy: Path, flip_byte
) -> None:
    """When the installed pack is wrong, the good shipped one is not silently taken instead."""
    folder = shutil.copytree(starter_copy, packs_dir(data_dir) / "starter")
    flip_byte(folder / ENCODER)

    with pytest.raises(PackHashError):
        find_pack("starter", data_dir)


def test_a_pack_under_another_name_is_refused(data_dir: Path, starter_copy: Path) -> None:
    """A folder's name and its manifest's name must agree."""
    shutil.copytree(starter_copy, packs_dir(data_dir) / "other")

    with pytest.raises(PackManifestError):
        find_pack("other", data_dir)


def test_reading_a_manifest_needs_only_the_standard_library() -> None:
    """The import of models.manifest and models.store brings neither kiosk nor anything foreign."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import models.manifest, models.store;"
        "tops = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names);"
        "print(sorted(tops - {'__main__', 'models'}))"
    )
    # -I -S: neither site-packages nor the user's environment.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(Path(SHIPPED_DIR).parents[1])],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout.strip() == "[]"


def test_only_a_sandbox_pack_may_leave_out_a_calibration_set(starter_copy: Path) -> None:
    """Where real people are searched the worst set must win; the sandbox may say which it is of."""
    manifest = starter_copy / "pack.toml"
    text = manifest.read_text(encoding="utf-8")
    text = text[: text.index("[calibration]")]
    lent = '[calibration]\nfrom_pack = "starter"\nonly_source = "lfw-dev"\n'
    manifest.write_text(text + lent, encoding="utf-8")
    with pytest.raises(PackManifestError):
        load_pack(starter_copy, verify=False)

    sandbox = find_pack("sandbox", starter_copy)
    assert [it["source"] for it in sandbox.calibration["impostor_tail"]] == ["lfw-dev"]
