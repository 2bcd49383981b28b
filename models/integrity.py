"""Is a model file, byte for byte, the file its manifest names?

A check that fails raises; it never returns a value somebody could ignore. Each file is read once,
in constant memory. What happens to a file after the check is not seen: folders of packs are
writable for their owner only.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from models.errors import PackFileError, PackHashError
from models.pack import SHIPPED_DIR

if TYPE_CHECKING:
    from pathlib import Path

    from models.pack import Pack, Stage

HASH_BUFFER_BYTES: Final = 1 << 18


def verify_pack(pack: Pack) -> None:
    """Check every file of `pack`.

    Raises:
        PackFileError: A file is missing or cannot be read.
        PackHashError: A file is not the one the manifest names.
    """
    for stage in pack.stages:
        verify_file(stage, pack_name=pack.name)


def verify_file(stage: Stage, *, pack_name: str, mend: str = "") -> None:
    """Check one stage's file.

    Args:
        stage: The stage; its `file` is read.
        pack_name: For the message.
        mend: What to do about a wrong file, when it is not "install again".

    Raises:
        PackFileError: It is missing or cannot be read.
        PackHashError: It is not the one the manifest names.
    """
    mend = mend or _mend(stage, pack_name)
    if not stage.file.is_file():
        raise PackFileError(
            f"The model file {stage.file.name} of pack '{pack_name}' is missing.",
            code="pack_file_missing",
            mend=mend,
        )
    try:
        found = sha256_of(stage.file)
    except OSError as error:
        raise PackFileError(
            f"The model file {stage.file.name} of pack '{pack_name}' cannot be read"
            f" ({error.strerror}).",
            code="pack_file_unreadable",
            mend=mend,
        ) from error
    if found != stage.sha256:
        raise PackHashError(
            f"The model file {stage.file.name} of pack '{pack_name}' is not the right file: its"
            f" SHA-256 begins {found[:12]}, the manifest says {stage.sha256[:12]}.",
            code="pack_hash_mismatch",
            mend=mend,
        )


def _mend(stage: Stage, pack_name: str) -> str:
    if stage.file.is_relative_to(SHIPPED_DIR):
        return (
            "Restore it from a fresh copy of SmileTill (in a checkout: git restore models/packs)."
        )
    return f"Run `smiletill models install {pack_name}` again (with --from DIR if offline)."


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as lower-case hex.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(HASH_BUFFER_BYTES))
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()
