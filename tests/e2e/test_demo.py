"""The demo without a display: the story as written, and nothing left behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.e2e.conftest import Smiletill


def test_the_story_ends_as_it_is_written(smiletill: Smiletill, tmp_path: Path) -> None:
    """Two pay, a stranger and a photo do not, the bank's books hold exactly that."""
    home = tmp_path / "home"
    home.mkdir()
    before = set(Path(tempfile.gettempdir()).glob("smiletill-demo-*"))
    call = smiletill(
        "demo",
        "--headless",
        "--seed",
        "3",
        "--screenshots",
        tmp_path / "views",
        "--json",
        HOME=str(home),
        XDG_DATA_HOME=str(home),
        SMILETILL_PASSPHRASE_FILE="/nonexistent",
    )

    assert call.code == 0, call.stderr
    told = call.result
    assert told["ok"]
    assert told["ledger_matches"]
    assert [paid["outcome"] for paid in told["payments"]] == ["paid", "paid"]
    assert [paid["bank_debits"] for paid in told["payments"]] == [1, 1]
    assert {paid["consent"] for paid in told["payments"]} == {"smile", "tap"}
    assert told["stranger"]["outcome"] == "not_paid"
    assert told["photo"]["outcome"] == "not_paid"
    assert told["photo"]["reason"] in {"pad_texture", "pad_undecided"}
    assert told["photo"]["bank_debits"] == told["stranger"]["bank_debits"] == 0
    assert len(list((tmp_path / "views").glob("*.png"))) == told["screenshots"] > 10
    assert list(home.iterdir()) == []
    assert set(Path(tempfile.gettempdir()).glob("smiletill-demo-*")) == before


def test_without_a_display_it_says_so(smiletill: Smiletill) -> None:
    """No display and no --headless: exit 3 and what to do, before anything is started."""
    call = smiletill("demo", "--json", DISPLAY="", WAYLAND_DISPLAY="", QT_QPA_PLATFORM="")

    assert (call.code, call.result["error"]) == (3, "display_missing")
    assert "--headless" in call.result["mend"]
