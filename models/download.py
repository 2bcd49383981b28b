"""Fetch one model file over HTTPS into a new file; the only place in models with a network.

It checks the length while reading and never writes more than the manifest allows. It does not
check the hash: `models.store` does, for files from anywhere. A line that breaks is tried again a
few times, from the first byte: model files are small and are fetched once.

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
# Too many requests, and a server that has trouble of its own.
_FOR_NOW: Final = frozenset({429, 500, 502, 503, 504})
_MEND: Final = "Try again, or fetch the files elsewhere and give their folder with --from DIR."


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a download may take; the defaults suit a slow but living line.

    Attributes:
        connect_s: Longest wait for a connection, in seconds.
        read_s: Longest silence of the other side, in seconds.
        total_s: What every transfer may take, in seconds, on top of its size's share.
        bytes_per_s_min: The slowest line worth waiting for; 32 kB/s is 20 minutes for SFace.
        pauses_s: How long to wait before each further try, in seconds; the tries are one more. The
            time for the whole transfer is that of all tries together.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    total_s: float = 60.0
    bytes_per_s_min: float = 32_000.0
    pauses_s: tuple[float, ...] = (1.0, 5.0)

    def deadline_s(self, size_bytes: int) -> float:
        """Return how long a transfer of `size_bytes` may take in all, in seconds."""
        return self.total_s + size_bytes / self.bytes_per_s_min


def require_addresses(pack: Pack) -> None:
    """Refuse a pack that cannot be downloaded whole, before its first byte is fetched.

    Raises:
        PackDownloadError: A file of the pack has no address.
    """
    for stage in pack.own_stages:
        if not stage.url and not stage.optional:
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
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Download the file of `stage` to `target`, which must not exist yet.

    Args:
        stage: Says where the file lies (`require_addresses()`) and how long it is.
        target: The file to make, readable by its owner only.
        on_bytes: Told how many bytes came, chunk by chunk; less than none when a try is given up.
        limits: Time limits.
        clock: Seconds that only grow.
        pause: Waits so many seconds.

    Raises:
        PackDownloadError: No answer, not the right length, or too slow.
        OSError: `target` cannot be written.
    """
    limits = limits or Limits()
    deadline = clock() + limits.deadline_s(stage.size_bytes)
    for pause_s in (*limits.pauses_s, None):
        try:
            _try(stage, target, on_bytes, limits, lambda: clock() > deadline)
        except _PassingError:
            if pause_s is None or clock() > deadline:
                raise
        else:
            return
        target.unlink(missing_ok=True)
        pause(pause_s)


class _PassingError(PackDownloadError):
    """What may be gone at the next try: a line that broke, a server in trouble."""


def _try(
    stage: Stage,
    target: Path,
    on_bytes: Callable[[int], None],
    limits: Limits,
    is_late: Callable[[], bool],
) -> None:
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
                _save(response, stage, target, on_bytes, is_late)
        except requests.TooManyRedirects as error:
            raise _failed(stage, "(it sends us on and on)", "download_failed") from error
        except requests.RequestException as error:
            # The exception's text can hold a proxy's password; its kind is enough.
            why = f"({type(error).__name__})"
            raise _failed(stage, why, "download_failed", _PassingError) from error


def _failed(
    stage: Stage, why: str, code: str, kind: type[PackDownloadError] = PackDownloadError
) -> PackDownloadError:
    return kind(
        f"{stage.file.name} could not be downloaded from {stage.url} {why}.", code=code, mend=_MEND
    )


def _check_answer(response: requests.Response, stage: Stage) -> None:
    if response.status_code != requests.codes.ok:
        kind = _PassingError if response.status_code in _FOR_NOW else PackDownloadError
        why = f"(HTTP status {response.status_code})"
        raise _failed(stage, why, "download_refused", kind)
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
    try:
        with open(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:  # noqa: PTH123 - the mode is set as the file is made
            for chunk in response.iter_content(_CHUNK_BYTES):
                got += len(chunk)
                on_bytes(len(chunk))
                if got > stage.size_bytes:
                    why = f"(it is longer than the {stage.size_bytes} bytes in the manifest)"
                    raise _failed(stage, why, "download_wrong_size")
                if is_late():
                    raise _failed(stage, f"(too slow: {got} bytes so far)", "download_too_slow")
                stream.write(chunk)
        if got != stage.size_bytes:
            why = f"(it ended after {got} of {stage.size_bytes} bytes)"
            raise _failed(stage, why, "download_wrong_size", _PassingError)
    except (PackDownloadError, requests.RequestException):
        on_bytes(-got)
        raise
