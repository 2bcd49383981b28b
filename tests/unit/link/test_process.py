"""How a process of ours is started, from a checkout and from a package."""

from __future__ import annotations

import sys

from kiosk.link.process import process_command


def test_a_checkout_starts_a_module_with_its_python():
    """Outside a package the module runs under the very Python that runs us."""
    assert [sys.executable, "-m", "kiosk.money.main"] == process_command("kiosk.money.main")


def test_a_package_starts_itself(monkeypatch):
    """A frozen program has no Python to call, so it is told which of its modules to be."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert [sys.executable, "--process", "kiosk.money.main"] == process_command("kiosk.money.main")
