"""The terminal as processes: no network, a crash survived, an end when its window is closed."""

from __future__ import annotations

import os
import signal
import time

import pytest

from kiosk.commands.run import screen_words
from kiosk.crew import network_refusal
from kiosk.domain.consent import ConsentKind
from kiosk.domain.errors import SmileTillError
from kiosk.domain.evidence import CameraKind
from kiosk.domain.ids import OrderId
from kiosk.domain.money import Money
from kiosk.link.protocol import (
    CameraSpec,
    OpenOrder,
    OrderStatus,
    PayHeadless,
    Ping,
    Pong,
    SessionReport,
)
from kiosk.supervisor import open_installation

END_S_MAX = 20.0


@pytest.mark.slow
@pytest.mark.usefixtures("passphrase")
def test_a_terminal_lives_until_its_window_is_closed(data_dir, tmp_path):
    """Bank, money and a window without a network; a killed window comes back; a closed one ends."""
    pids: dict[str, int] = {}
    words = screen_words(CameraSpec(CameraKind.FRAME_FOLDER, path=str(tmp_path)), windowed=True)
    with open_installation(data_dir, pids=pids.__setitem__, screen=words) as installation:
        with installation.faces() as faces:
            network = faces.call(Ping(), Pong).detail["network"]
            assert network == "refused" or not network_refusal()
            with pytest.raises(SmileTillError, match="has a screen"):
                faces.call(PayHeadless(OrderId("o-1"), None, None, ConsentKind.TAP), SessionReport)
        with installation.money() as till:
            till.call(OpenOrder(OrderId("o-1"), Money(1_250)), OrderStatus)
        with (
            pytest.raises(SmileTillError, match="already runs"),
            open_installation(data_dir, screen=words),
        ):
            pass

        first = pids["faces"]
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: pids["faces"] != first and installation.is_up("faces"))
        assert not installation.window_closed.is_set()

        os.kill(pids["faces"], signal.SIGTERM)
        assert installation.window_closed.wait(END_S_MAX)


def wait_until(condition) -> None:
    deadline = time.monotonic() + END_S_MAX
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
