"""Put a finished folder in another's place so that a kill at any moment leaves one of the two.

Linux can exchange two names in one step (`renameat2`, RENAME_EXCHANGE). Where the file system
cannot, the old folder is moved aside first; a kill between the two moves is mended by
`clean_up()`, which moves it back.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_AT_FDCWD: Final = -100  # linux/fcntl.h
_RENAME_EXCHANGE: Final = 2  # linux/fs.h
_CANNOT: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})
NEW_MARK: Final = ".new-"
OLD_MARK: Final = ".old"


def put_in_place(new: Path, target: Path) -> None:
    """Rename the folder `new` to `target`, replacing an older folder, and remove the older one.

    Raises:
        OSError: The file system refused; `target` is then what it was before.
    """
    if not target.exists():
        new.rename(target)
    elif exchange(new, target):
        fsync_folder(target.parent)
        shutil.rmtree(new)
    else:
        aside = target.with_name(f".{target.name}{OLD_MARK}")
        target.rename(aside)
        try:
            new.rename(target)
        except OSError:
            aside.rename(target)
            raise
        fsync_folder(target.parent)
        shutil.rmtree(aside)
    fsync_folder(target.parent)


def clean_up(folder: Path) -> None:
    """Finish or undo what killed installs left in `folder`; nobody else may be installing."""
    for path in folder.glob(f".*{OLD_MARK}"):
        target = path.with_name(path.name.removeprefix(".").removesuffix(OLD_MARK))
        if target.exists():
            shutil.rmtree(path)
        else:
            path.rename(target)
    for path in folder.glob(f".*{NEW_MARK}*"):
        shutil.rmtree(path)


def exchange(first: Path, second: Path) -> bool:
    """Exchange two names in one step; False when this system cannot.

    Raises:
        OSError: It can, but not these two.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    rename = getattr(libc, "renameat2", None)  # glibc 2.28 and later
    if rename is None:
        return False
    names = (_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second))
    if rename(*names, _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(second))


def fsync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
