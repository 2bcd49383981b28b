"""Unix sockets as files, with paths of any length and a check of who is at the other end.

Files and not abstract names, because an abstract name ends at a network namespace and the faces
process has one of its own.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk.domain.errors import SetupError

_UCRED = struct.Struct("3i")


def run_dir_of(data_dir: Path) -> Path:
    """Return where the sockets and locks of an installation lie."""
    return data_dir / "run"


class LinkDownError(SetupError):
    """The other process is not there, went away, or stays silent."""

    def __init__(self, peer: str, detail: str) -> None:
        """Name the process that is missing and how it was missed."""
        super().__init__(
            f"The {peer} process {detail}.",
            code="link_down",
            mend="Start it again; an open payment is looked up when it is back.",
        )
        self.peer = peer


@contextmanager
def short_path(directory: Path, name: str) -> Iterator[str]:
    """Give a path of a socket that fits the kernel's 108 bytes, however deep the folder lies."""
    handle = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{name}.sock"
    finally:
        os.close(handle)


def connect(directory: Path, name: str, timeout_s: float) -> socket.socket:
    """Connect to a process's socket.

    Raises:
        LinkDownError: Nobody listens there.
    """
    try:
        with short_path(directory, name) as path:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.settimeout(timeout_s)
                connection.connect(path)
            except OSError:
                connection.close()
                raise
    except OSError as error:
        raise LinkDownError(name, "is not running") from error
    return connection


def listen(directory: Path, name: str, backlog: int) -> socket.socket:
    """Listen on a process's socket; the caller holds its lock, so a file there is stale."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / f"{name}.sock").unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short_path(directory, name) as path:
            listener.bind(path)
        (directory / f"{name}.sock").chmod(0o600)
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


def peer_uid(connection: socket.socket) -> int:
    """Tell which user is at the other end, by the kernel's word (SO_PEERCRED)."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(raw)
    return int(uid)


def outer_uid(uid: int, uid_map: Path = Path("/proc/self/uid_map")) -> int:
    """Return the number by which the machine knows a user of this process's user namespace.

    Without root, faces gets a namespace of its own in order to be without a network, and is uid 0
    in there.
    """
    try:
        rows = [[int(part) for part in row.split()] for row in uid_map.read_text().splitlines()]
    except (OSError, ValueError):
        return uid
    for inside, outside, count in rows:
        if inside <= uid < inside + count:
            return outside + uid - inside
    return uid
