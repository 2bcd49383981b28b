"""What every test can count on: own environment, shared data or a reasoned skip, no leaked thread.

Qt draws offscreen unless the developer says otherwise; it must be said before Qt is imported.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# No test may meet the keys or the installation of the person who runs it.
for _name in ("CREDENTIALS_DIRECTORY", "SMILETILL_PASSPHRASE_FILE", "XDG_DATA_HOME"):
    os.environ.pop(_name, None)

from hypothesis import settings  # noqa: E402 - after the environment is set

# No deadline: on a busy two-core machine the clock would fail tests, not the code.
settings.register_profile("smiletill", deadline=None, print_blob=True)
settings.load_profile("smiletill")

REPOSITORY = Path(__file__).resolve().parents[1]
THREAD_GRACE_S = 2.0  # a thread told to stop may need a moment to return


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with frames and models that is never part of the repository."""
    folder = Path(os.environ.get("SMILETILL_SHARED") or REPOSITORY.parent / "shared")
    if not folder.is_dir():
        pytest.skip("shared data folder is absent (name it with SMILETILL_SHARED)")
    return folder


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty installation directory, for the owner only."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A passphrase file that SMILETILL_PASSPHRASE_FILE names; returns its path."""
    file = tmp_path / "passphrase"
    file.touch(mode=0o600)
    file.write_text("correct horse battery staple\n")
    monkeypatch.setenv("SMILETILL_PASSPHRASE_FILE", str(file))
    return file


@pytest.fixture(autouse=True)
def _no_leaked_threads():
    """Fail a test that leaves a thread behind which would keep the process alive."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + THREAD_GRACE_S
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))
    left = [t.name for t in set(threading.enumerate()) - before if t.is_alive() and not t.daemon]
    if left:
        pytest.fail(f"threads left running: {sorted(left)}")
