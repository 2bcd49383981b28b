"""`smiletill bench detect|identify|smile`: how well the networks of a pack see.

They only find the pack and the pictures, and print; what is measured and how is in `kiosk.bench`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from kiosk.commands.common import NewFile, data_option, emit, json_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.manifest import Pack, Stage

Split = Literal["held-out", "all"]

REFERENCE_PACK = "mobileface"
SEED = 20261128

_folder = click.Path(exists=True, file_okay=False, path_type=Path)
pack_option = click.option(
    "--pack", "pack_name", default=None, metavar="NAME", help="Model pack; else the one in use."
)
seed_option = click.option("--seed", type=click.IntRange(0), default=SEED, show_default=True)
plot_option = click.option("--plot", type=NewFile(), help="Also draw it into this PNG.")
split_option = click.option(
    "--split",
    type=click.Choice(["held-out", "all"]),
    default="held-out",
    show_default=True,
    help="Only people no network of `starter` was trained on, or everybody.",
)
faces_option = click.option("--faces", type=_folder, help="LFW's pictures with labels.csv.")


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def put_on(word: Any) -> Any:
        for option in reversed(options):
            word = option(word)
        return word

    return put_on


@click.command()
@_options(
    pack_option,
    faces_option,
    click.option("--pad", type=_folder, help="NUAA's frames with sequences.csv."),
    click.option(
        "--reference",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=f"YuNet's file; else the detector of pack {REFERENCE_PACK}.",
    ),
    split_option,
    seed_option,
    plot_option,
    data_option,
    json_option,
)
def detect(
    *,
    pack_name: str | None,
    faces: Path | None,
    pad: Path | None,
    reference: Path | None,
    split: Split,
    seed: int,
    plot: Path | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Compare a pack's detector with YuNet on real frames."""
    # Imported here, as in the other words: listing the words must not load the networks.
    from kiosk.bench.detect import measure  # noqa: PLC0415
    from kiosk.bench.sets import face_pictures, set_folder, webcam_frames  # noqa: PLC0415
    from kiosk.faces.vision.pipeline import pack_threshold  # noqa: PLC0415

    pack = _pack(pack_name, data_dir)
    few = split == "held-out"
    sets = {
        "webcam": webcam_frames(set_folder(pad, "pad"), held_out_only=few),
        "faces": [p.file for p in face_pictures(set_folder(faces, "faces"), held_out_only=few)],
    }
    found = measure(
        pack.detector,
        _reference(reference, data_dir),
        sets,
        score_min=pack_threshold(pack, "detector_score"),
    )
    # The seed has no part in it; it is taken and said so that all benches are called alike.
    report = {**found.report, "pack": pack.id, "split": split, "seed": seed}
    if plot is not None:
        from kiosk.bench.plots import draw_detect  # noqa: PLC0415

        draw_detect(plot, pack.id, found)
    lines = [f"{pack.id}'s detector, {split} people, against the reference:"]
    lines += [
        f"  {name}: {one['n_frames']} frames, recall {one['recall_vs_reference']} of"
        f" {one['n_faces']} faces, landmarks off by {one['landmark_error']} eye distances,"
        f" frames with a false face {one['false_per_frame']}"
        for name, one in {**found.report["sets"], "together": found.report}.items()
    ]
    emit(report, as_json, "\n".join(lines))


@click.command()
@_options(
    pack_option,
    faces_option,
    click.option("--pad", type=_folder, help="A set like NUAA: its live people pay, instead."),
    split_option,
    seed_option,
    plot_option,
    data_option,
    json_option,
)
def identify(
    *,
    pack_name: str | None,
    faces: Path | None,
    pad: Path | None,
    split: Split,
    seed: int,
    plot: Path | None,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Measure TAR, EER and open-set errors beside the bare encoder; exit 1 at a wrong payment.

    With --pad, webcam people pay by the policy's own rules instead, each enrolled from another
    session, and try to pay as one another.
    """
    pack = _pack(pack_name, data_dir)
    if pad is not None:
        if faces is not None:
            message = "--faces and --pad are two measurements; give one"
            raise click.UsageError(message)
        return _webcam_people(pack, pad, split, seed, plot, as_json=as_json)
    from kiosk.bench.identify import measure  # noqa: PLC0415
    from kiosk.bench.sets import face_pictures, set_folder  # noqa: PLC0415

    pictures = face_pictures(set_folder(faces, "faces"), held_out_only=split == "held-out")
    found = measure(pack, pictures, seed=seed)
    report = {**found.report, "split": split}
    if plot is not None:
        from kiosk.bench.plots import draw_identify  # noqa: PLC0415

        draw_identify(plot, pack.id, found.ours, found.bare)
    title = f"{pack.id}, {split} people: {report['n_images']} pictures"
    lines = [
        f"{title}, {report['failures_to_acquire']} not acquired",
        *(
            f"  {name}: TAR {one['tar']['1e-3']} / {one['tar']['1e-4']} / {one['tar']['1e-5']}"
            f" at FMR 1e-3 / 1e-4 / 1e-5, EER {one['eer']}"
            for name, one in {"pipeline": report, "bare": report["bare"]}.items()
        ),
        *(
            f"  open set, {row['n']} people, threshold {row['threshold']}: FPIR {row['fpir']}"
            f" (at most {row['fpir_upper95']} with 95 %), FNIR {row['fnir']}, with digits"
            f" {row['with_digits']['fnir']}, with digits and PIN"
            f" {row['with_digits_and_pin']['fnir']}; wrong payments"
            f" {row['step_up']['wrong_payments']} of {row['step_up']['sessions']} sessions"
            + (f" ({split} has no more than {row['n']} people)" if row["limited_by_split"] else "")
            for row in report["open_set"]
        ),
    ]
    emit(report, as_json, "\n".join(lines))
    return 0 if not any(row["step_up"]["wrong_payments"] for row in report["open_set"]) else 1


def _webcam_people(
    pack: Pack, pad: Path, split: Split, seed: int, plot: Path | None, *, as_json: bool
) -> int:
    from kiosk.bench import webcam_report  # noqa: PLC0415
    from kiosk.bench.webcam import measure  # noqa: PLC0415

    found = measure(pack, pad, held_out_only=split == "held-out")
    report = {**webcam_report.report(found, seed), "split": split}
    if plot is not None:
        webcam_report.plot(found, plot)
    emit(report, as_json, webcam_report.in_words(report))
    return 0 if report["wrong_payments"] == 0 else 1


@click.command()
@_options(
    pack_option, faces_option, split_option, seed_option, plot_option, data_option, json_option
)
def smile(
    *,
    pack_name: str | None,
    faces: Path | None,
    split: Split,
    seed: int,
    plot: Path | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Measure the smile network on labelled faces."""
    from kiosk.bench.sets import face_pictures, set_folder  # noqa: PLC0415
    from kiosk.bench.smile import measure  # noqa: PLC0415

    pack = _pack(pack_name, data_dir)
    pictures = face_pictures(set_folder(faces, "faces"), held_out_only=split == "held-out")
    found = measure(pack, pictures, seed=seed)
    report = {**found.report, "split": split}
    if plot is not None:
        from kiosk.bench.plots import draw_smile  # noqa: PLC0415

        draw_smile(plot, pack.id, report, found.smiling, found.neutral)
    emit(
        report,
        as_json,
        f"{pack.id}, {split} people: AUC {report['auc']} on {report['n_smiling']} smiling and"
        f" {report['n_neutral']} neutral faces; at {report['threshold']} neutral taken for"
        f" smiling {report['fpr']}, smiles missed {report['fnr']}",
    )


def _pack(name: str | None, data_dir: Path) -> Pack:
    from kiosk.faces.vision.runtime import quiet_upstream  # noqa: PLC0415
    from models.manifest import find_pack  # noqa: PLC0415
    from models.store import current_pack  # noqa: PLC0415

    quiet_upstream()
    return find_pack(name or current_pack(data_dir), data_dir)


def _reference(file: Path | None, data_dir: Path) -> Stage:
    """Return the reference detector: the file that was given, else YuNet from its pack."""
    import dataclasses  # noqa: PLC0415

    from models.manifest import find_pack  # noqa: PLC0415

    if file is None:
        return find_pack(REFERENCE_PACK, data_dir).detector
    own = find_pack("starter", data_dir).detector
    return dataclasses.replace(own, file=file)
