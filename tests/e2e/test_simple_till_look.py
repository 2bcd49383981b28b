"""How the simple till looks and is used: by keyboard, by screen reader, on a tablet and a phone.

With SMILETILL_PICTURES=FOLDER the pictures of docs/simple-till.md are written there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.fakes import page_probes as probes
from tests.fakes import tablet as browser
from tests.fakes.restaurant import CODE, HOSTILE, Restaurant, write_menu
from tests.fakes.tablet import PHONE_SIZE, TABLET, Tablet

pytestmark = pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())

CONTRAST_MIN = 4.5
"""WCAG 2.2, 1.4.3."""
TAB_STOPS_MAX = 60


def test_hostile_names_are_text(till: Tablet, bistro: Restaurant) -> None:
    """On the menu, on the bill and in the list: no markup, no script, nothing out of its place."""
    write_menu(bistro.data_dir, hostile=True)
    try:
        till.driver.refresh()
        for name in HOSTILE:
            till.press(name)
        assert till.texts("#bill li span:first-child") == list(HOSTILE)
        assert "<b>Odd</b>" in till.texts("#menu h3")
        for size in (TABLET, PHONE_SIZE):
            till.resize(size)
            assert till.script(probes.SIDEWAYS) == 0
        till.resize(TABLET)
        order = till.send()
        assert [it["text"] for it in bistro.order(order)["lines"]] == list(HOSTILE)
        till.press("Orders")
        till.row_says(order, HOSTILE[0])
        assert (
            till.script("return document.querySelectorAll('main script, main img, main b').length")
            == 0
        )
        assert "owned" not in till.driver.title
    finally:
        write_menu(bistro.data_dir)


def test_it_works_by_keyboard_alone(tab: Callable[[], Tablet], bistro: Restaurant) -> None:
    """From the key to the end of a bill, with the focus to be seen at every stop."""
    till = tab()
    till.shown("key")
    till.keys(bistro.key, Keys.ENTER)
    till.shown("sell")
    till.keys("3", "4", "5", Keys.BACKSPACE, "0")
    assert till.text("typed") == "3.40"
    _tab_to(till, "add-amount")
    till.keys(Keys.ENTER)
    assert till.text("total") == "3.40 GBP"
    _tab_to(till, "send")
    till.keys(Keys.ENTER)
    till.shown("paying")
    order = till.order_id
    _tab_to(till, "close-elsewhere")
    till.keys(Keys.ENTER)
    till.shown("staff-name")
    till.keys(Keys.ESCAPE)
    till.wait(lambda: not till.is_shown("staff-dialog"))
    _tab_to(till, "close-elsewhere")
    till.keys(Keys.SPACE)
    till.shown("staff-name")
    till.keys("ann", Keys.TAB, CODE, Keys.ENTER)
    till.outcome("Paid another way")
    assert bistro.state(order) == "paid_elsewhere"
    _tab_to(till, "next")
    till.keys(Keys.ENTER)
    till.shown("sell")


def test_everything_has_a_name_and_can_be_read(till: Tablet, bistro: Restaurant) -> None:
    """Names of all controls in all views, and the contrast of each outcome, 4.5 at least."""
    nameless = till.nameless()
    till.press("Fish pie")
    order = till.send()
    bistro.guest_pays(order)
    till.outcome("PAID")
    nameless += till.nameless()
    till.press("Orders")
    till.press_in_row(order, "Refund")
    till.shown("staff-dialog")
    nameless += till.nameless()
    till.press("Cancel")
    till.press("Day")
    nameless += till.nameless()
    assert nameless == []

    till.press("Sell")
    contrasts = {kind: till.script(probes.CONTRASTS, kind) for kind in probes.KINDS}
    poor = {kind: found for kind, found in contrasts.items() if min(found) < CONTRAST_MIN}
    assert not poor


@pytest.mark.parametrize("size", [TABLET, PHONE_SIZE], ids=["tablet", "phone"])
def test_it_fits_the_screen(till: Tablet, bistro: Restaurant, size: tuple[int, int]) -> None:
    """Nothing sticks out sideways, the way on is on the screen, and targets are large enough.

    With SMILETILL_PICTURES it also writes what each view looks like.
    """
    folder = os.environ.get("SMILETILL_PICTURES", "")
    name = "tablet" if size == TABLET else "phone"

    def look(view: str) -> None:
        assert till.script(probes.SIDEWAYS) == 0, view
        assert till.script(probes.SMALL) == [], view
        if folder:
            till.script("document.getElementById('notices').replaceChildren()")
            till.picture(Path(folder) / f"till-{view}-{name}.png")

    till.resize(size)
    for item in ("Tomato soup", "Fish pie", "Apple crumble"):
        till.press(item)
    assert till.script(probes.ON_SCREEN, "send")
    look("sell")
    order = till.send()
    look("paying")
    assert till.script(probes.ON_SCREEN, "take-back")
    bistro.guest_pays(order)
    till.outcome("PAID")
    assert till.script(probes.ON_SCREEN, "next")
    look("paid")
    till.press("Next customer")
    till.type_amount("640")
    order = till.send()
    with bistro.bank_declines():
        bistro.guest_pays(order)
    till.outcome("NOT PAID")
    look("not_paid")
    bistro.bank_goes_silent()
    bistro.guest_pays(order)
    till.outcome("UNKNOWN")
    assert till.script(probes.ON_SCREEN, "next")
    look("unknown")
    till.press("Orders")
    till.row_says(order, "UNKNOWN")
    look("orders")
    till.press("Day")
    till.wait(lambda: len(till.texts("#totals-list tr")) > 3)
    look("day")


def _tab_to(till: Tablet, name: str) -> None:
    """Press Tab until the focus is there; each stop on the way must be seen to have it."""
    for _ in range(TAB_STOPS_MAX):
        till.keys(Keys.TAB)
        found: dict[str, Any] = till.script(probes.FOCUS)
        assert found["seen"], f"the focus cannot be seen on {found}"
        if found["id"] == name:
            return
    pytest.fail(f"{name} cannot be reached")
