"""Connectors are found by name."""

from __future__ import annotations

import pytest

from kiosk.domain.errors import SetupError
from kiosk.money.banks.registry import open_bank
from tests.fakes.bank_port import context_of


def test_sandbox_is_there(data_dir):
    """The sandbox connector says that it is one."""
    assert open_bank("sandbox", context_of(data_dir)).capabilities.is_sandbox


def test_unknown_name_is_said(data_dir):
    """A name in the settings that no connector has is an error with the names that exist."""
    with pytest.raises(SetupError) as caught:
        open_bank("piggy", context_of(data_dir))
    assert caught.value.code == "connector_unknown"
    assert "sandbox" in caught.value.mend
