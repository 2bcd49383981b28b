"""The Debian package, as far as it can be checked without building it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

EXIT_ENVIRONMENT = 3


def test_the_short_form_is_in_order(repository):
    """A package of the real layout installs, runs and purges; its dependencies match doctor's."""
    done = subprocess.run(
        [sys.executable, repository / "packaging" / "test", "--short"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    report = json.loads(done.stdout.splitlines()[-1])
    if done.returncode == EXIT_ENVIRONMENT:
        pytest.skip(f"not a Debian system ({report['failed']})")

    assert report["ok"], report
    assert done.returncode == 0


def entry(repository, *words):
    """The program of the package, run from the checkout."""
    return subprocess.run(
        [sys.executable, repository / "packaging" / "pyinstaller" / "smiletill_entry.py", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=repository,
    )


def test_the_packaged_program_becomes_a_process(repository):
    """What the supervisor starts in a package reaches the process's own command line."""
    done = entry(repository, "--process", "kiosk.money.main", "--help")

    assert done.returncode == 0
    assert "--key-fd" in done.stdout


@pytest.mark.parametrize("words", [(), ("os",), ("kiosk.cli",), ("kiosk.money.main;os",)])
def test_the_packaged_program_runs_no_other_module(repository, words):
    """The switch is no way to run whatever module one likes."""
    done = entry(repository, "--process", *words)

    assert done.returncode == 2
    assert "no process" in done.stderr


def test_without_the_switch_it_is_the_command_line(repository):
    """Every other word goes where `smiletill` of a checkout takes it."""
    done = entry(repository, "--help")

    assert done.returncode == 0
    assert "doctor" in done.stdout


def test_the_package_has_the_opencv_that_was_tested(repository):
    """The build of OpenCV without a Qt of its own has the version that the checks ran with."""
    tested = (repository / "requirements.lock").read_text()
    packaged = (repository / "packaging" / "requirements.lock").read_text()

    [version] = re.findall(r"^opencv-python==(\S+)", tested, re.MULTILINE)
    assert [version] == re.findall(r"^opencv-python-headless==(\S+)", packaged, re.MULTILINE)


def test_the_package_lock_agrees_with_the_tested_one(repository):
    """A library that both lock files name has one version."""
    pins = [
        set(re.findall(r"^([a-z0-9-]+)==([^ \\]+)", (repository / lock).read_text(), re.MULTILINE))
        for lock in ("requirements.lock", "packaging/requirements.lock")
    ]
    both = {name for name, _ in pins[0]} & {name for name, _ in pins[1]}

    assert {pin for pin in pins[1] if pin[0] in both} == {pin for pin in pins[0] if pin[0] in both}
    assert not re.search(
        r"https?://|file:", (repository / "packaging" / "requirements.lock").read_text()
    )
