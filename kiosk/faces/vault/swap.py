"""Exchange folders of an installation for restored ones, forward only, whatever kills us.

What is to come lies whole in `DIR/restore.new`; `DIR/restore.json` names it and says that it is
whole. From then on whoever comes by ends the exchange: every start does, and every change of keys.
Without that file, what lies in `restore.new` is a restore that was cut off, and is cleared away.

It does not look into what it moves.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from kiosk.domain.errors import SetupError
from kiosk.faces.vault.errors import VaultUnusableError
from kiosk.faces.vault.keyring import sync_folder, write_durably

STAGING_NAME = "restore.new"
REPLACED_NAME = "restore.old"
PLAN_NAME = "restore.json"
PLAN_VERSION = 1
PLAN_BYTES_MAX = 16_384


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    items: tuple[str, ...]


def begin_swap(data_dir: Path) -> None:
    """Say durably that `restore.new` is whole: `finish_swap` then goes forward. Raises OSError."""
    staging = data_dir / STAGING_NAME
    _sync_tree(staging)
    items = tuple(sorted(path.name for path in staging.iterdir()))
    draft = data_dir / f".{PLAN_NAME}"
    draft.unlink(missing_ok=True)
    write_durably(draft, msgspec.json.encode(_Plan(PLAN_VERSION, items)))
    draft.rename(data_dir / PLAN_NAME)
    sync_folder(data_dir)


def finish_swap(data_dir: Path) -> bool:
    """End a restore that was cut off: forward where it was whole, else by clearing it away.

    Returns:
        Whether one went forward.

    Raises:
        VaultUnusableError: The disk refuses.
    """
    plan, staging = data_dir / PLAN_NAME, data_dir / STAGING_NAME
    old = data_dir / REPLACED_NAME
    try:
        if not plan.exists():
            for leftover in (staging, old):
                if leftover.exists():
                    shutil.rmtree(leftover)
            return False
        for name in _read_plan(plan).items:
            if not (staging / name).exists():
                continue  # it went already
            if (data_dir / name).exists():
                old.mkdir(mode=0o700, exist_ok=True)
                _remove(old / name)
                (data_dir / name).rename(old / name)
                sync_folder(data_dir)
            (staging / name).rename(data_dir / name)
            sync_folder(data_dir)
        _remove(old)
        _remove(staging)
        plan.unlink()
        sync_folder(data_dir)
    except OSError as error:
        raise VaultUnusableError(error.strerror or "the data directory") from error
    return True


def _read_plan(path: Path) -> _Plan:
    try:
        with path.open("rb") as file:
            plan = msgspec.json.decode(file.read(PLAN_BYTES_MAX), type=_Plan)
    except (msgspec.DecodeError, UnicodeDecodeError):
        plan = None
    good = plan is not None and plan.version == PLAN_VERSION
    if (
        plan is None
        or not good
        or any("/" in name or name in {"", ".", ".."} for name in plan.items)
    ):
        raise SetupError(
            "A restore was cut off, and its plan cannot be read.",
            code="restore_unfinished",
            mend="Remove restore.json, restore.new and restore.old, and restore the backup again.",
        )
    return plan


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync_tree(folder: Path) -> None:
    """Make every name below a folder durable; the files themselves are already."""
    for here, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(Path(here, name), os.O_RDONLY | os.O_NOFOLLOW)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(Path(here))
