"""The test suite's own guards do guard."""

import os
import subprocess
import sys


def test_a_leaked_thread_fails_its_test(repository, tmp_path):
    """A test that leaves a thread running fails; one that ends it passes."""
    (tmp_path / "conftest.py").write_text((repository / "tests" / "conftest.py").read_text())
    (tmp_path / "test_leak.py").write_text(
        "import threading\n"
        "event = threading.Event()\n"
        "def test_leaks():\n"
        "    threading.Thread(target=event.wait, args=(10,), name='leaked').start()\n"
        "def test_ends():\n"
        "    thread = threading.Thread(target=lambda: None)\n"
        "    thread.start()\n"
        "    thread.join()\n"
        "def teardown_module():\n"
        "    event.set()\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:pytest-qt", tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert "threads left running: ['leaked']" in result.stdout
    assert "2 passed, 1 error" in result.stdout


def test_no_test_meets_the_developers_keys():
    """The environment of whoever runs the tests is not the tests' environment."""
    assert "CREDENTIALS_DIRECTORY" not in os.environ
    assert "SMILETILL_PASSPHRASE_FILE" not in os.environ


def test_the_passphrase_file_is_private(passphrase):
    """It is named by the variable and only its owner can read it."""
    assert os.environ["SMILETILL_PASSPHRASE_FILE"] == str(passphrase)
    assert passphrase.stat().st_mode & 0o777 == 0o600
