"""Writes the sandbox bank's small files: whole or not at all, and for their owner only."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from kiosk.sandbox.bank.trouble import folder_trouble


def write_whole(file: Path, text: str) -> None:
    """Write a file, for the owner only, that nobody ever sees half.

    Raises:
        SetupError: The disk refuses.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise folder_trouble(error) from error
