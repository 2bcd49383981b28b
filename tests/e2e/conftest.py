"""The command line as people call it, and a restaurant with a browser for the simple till.

After each test with a tab the browser must have nothing to complain about: no error in a script,
nothing that the content security policy stopped, and no request to anybody but the till.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

from tests.fakes import tablet as browser
from tests.fakes.restaurant import Restaurant, restaurant
from tests.fakes.tablet import Tablet

CALL_S_MAX = 180


@dataclass(frozen=True)
class Call:
    """What one call of the command line came to."""

    code: int
    result: dict[str, Any]
    stdout: str
    stderr: str


Smiletill = Callable[..., Call]


@pytest.fixture
def smiletill() -> Smiletill:
    """Call `smiletill WORD … --json`; without a JSON line the result is empty."""

    def call(*words: object, **environment: str) -> Call:
        program = Path(sys.executable).with_name("smiletill")
        done = subprocess.run(
            [str(program), *(str(word) for word in words)],
            capture_output=True,
            text=True,
            timeout=CALL_S_MAX,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        lines = done.stdout.splitlines()
        result = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
        return Call(done.returncode, result, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="module")
def bistro(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restaurant]:
    """The running installation of the whole file."""
    folder = tmp_path_factory.mktemp("bistro")
    passphrase = folder / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery staple\n")
    data_dir = folder / "data"
    data_dir.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMILETILL_PASSPHRASE_FILE", str(passphrase))
        with restaurant(data_dir) as opened:
            yield opened


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """The browser of the whole file."""
    with browser.chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def tab(bistro: Restaurant, driver: webdriver.Chrome) -> Iterator[Callable[[], Tablet]]:
    """Opens tabs; in the end the browser must have found nothing wrong, and the kiosk is free."""
    opened: list[Tablet] = []

    def open_tab() -> Tablet:
        opened.append(Tablet(driver, bistro.url).open())
        return opened[-1]

    home = driver.current_window_handle
    yield open_tab
    complaints = opened[0].complaints() if opened else []
    foreign = opened[0].foreign() if opened else set()
    for one in opened:
        driver.switch_to.window(one.tab)
        driver.close()
    driver.switch_to.window(home)
    bistro.tidy()
    assert not complaints
    assert not foreign


@pytest.fixture
def till(tab: Callable[[], Tablet], bistro: Restaurant) -> Tablet:
    """A tablet that is signed in."""
    opened = tab().sign_in(bistro.key)
    opened.shown("sell")
    return opened
