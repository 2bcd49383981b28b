"""Fetch one model file over HTTPS into a new file; the only place in models with a network.

It checks the length while reading and never writes more than the manifest allows. It does not
check the hash: `models.store` does, for files from anywhere. A broken download is not resumed;
model files are small and are fetched once.

Invariants: every wait has a limit, and so has the whole transfer; the error says what to do.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import requests

from models.errors import PackDownloadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.pack import Pack, Stage

_CHUNK_BYTES: Final = 1 << 16
_REDIRECTS_MAX: Final = 5
_MEND: Final = "Try again, or fetch the files elsewhere and give their folder with --from DIR."


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a download may take; the defaults suit a slow but living line.

    Attributes:
        connect_s: Longest wait for a connection, in seconds.
        read_s: Longest silence of the other side, in seconds.
        total_s: What every transfer may take, in seconds, on top of its size's share.
        bytes_per_s_min: The slowest line worth waiting for; 32 kB/s is 20 minutes for SFace.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    total_s: float = 60.0
    bytes_per_s_min: float = 32_000.0

    def deadline_s(self, size_bytes: int) -> float:
        """Return how long a transfer of `size_bytes` may take in all, in seconds."""
        return self.total_s + size_bytes / self.bytes_per_s_min


def require_addresses(pack: Pack) -> None:
    """Refuse a pack that cannot be downloaded whole, before its first byte is fetched.

    Raises:
        PackDownloadError: A file of the pack has no address.
    """
    for stage in pack.own_stages:
        if not stage.url:
            raise PackDownloadError(
                f"Pack '{pack.name}' cannot be downloaded: its manifest names no address for"
                f" {stage.file.name}.",
                code="download_no_address",
                mend=f"Run `smiletill models install {pack.name} --from DIR`, where DIR holds its"
                " files.",
            )


def fetch(
    stage: Stage,
    target: Path,
    *,
    on_bytes: Callable[[int], None],
    limits: Limits | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Download the file of `stage` to `target`, which must not exist yet.

    Args:
        stage: Says where the file lies (`require_addresses()`) and how long it is.
        target: The file to make, readable by its owner only.
        on_bytes: Told how many bytes came, chunk by chunk.
        limits: Time limits.
        clock: Seconds that only grow.

    Raises:
        PackDownloadError: No answer, not the right length, or too slow.
        OSError: `target` cannot be written.
    """
    limits = limits or Limits()
    deadline = clock() + limits.deadline_s(stage.size_bytes)
    with requests.Session() as session:
        session.max_redirects = _REDIRECTS_MAX
        try:
            with session.get(
                stage.url,
                stream=True,
                timeout=(limits.connect_s, limits.read_s),
                headers={"Accept-Encoding": "identity"},
            ) as response:
                _check_answer(response, stage)
                _save(response, stage, target, on_bytes, lambda: clock() > deadline)
        except requests.RequestException as error:
            # The exception's text can hold a proxy's password; its kind is enough.
            raise _failed(stage, f"({type(error).__name__})", "download_failed") from error


def _failed(stage: Stage, why: str, code: str) -> PackDownloadError:
    return PackDownloadError(
        f"{stage.file.name} could not be downloaded from {stage.url} {why}.", code=code, mend=_MEND
    )


def _check_answer(response: requests.Response, stage: Stage) -> None:
    if response.status_code != requests.codes.ok:
        raise _failed(stage, f"(HTTP status {response.status_code})", "download_refused")
    announced = response.headers.get("Content-Length", str(stage.size_bytes))
    if announced != str(stage.size_bytes):
        raise _failed(
            stage,
            f"({announced} bytes are announced, the manifest says {stage.size_bytes})",
            "download_wrong_size",
        )


def _save(
    response: requests.Response,
    stage: Stage,
    target: Path,
    on_bytes: Callable[[int], None],
    is_late: Callable[[], bool],
) -> None:
    got = 0
    with open(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:  # noqa: PTH123 - the mode is set as the file is made
        for chunk in response.iter_content(_CHUNK_BYTES):
            got += len(chunk)
            if got > stage.size_bytes:
                raise _failed(
                    stage,
                    f"(it is longer than the {stage.size_bytes} bytes in the manifest)",
                    "download_wrong_size",
                )
            if is_late():
                raise _failed(stage, f"(too slow: {got} bytes so far)", "download_too_slow")
            stream.write(chunk)
            on_bytes(len(chunk))
    if got != stage.size_bytes:
        raise _failed(
            stage,
            f"(it ended after {got} of {stage.size_bytes} bytes)",
            "download_wrong_size",
        )
