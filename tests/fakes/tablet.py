"""The staff's tablet: Debian's Chromium, driven as a person would, with its complaints kept.

It downloads nothing: browser and driver are the installed ones. The self-signed certificate is
accepted for this profile only. `complaints` and `foreign` say what the browser itself found wrong.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.fakes.restaurant import CODE

CHROMIUM = Path("/usr/bin/chromium")
CHROMEDRIVER = Path("/usr/bin/chromedriver")
TABLET, PHONE_SIZE = (1024, 768), (390, 844)
WAIT_S = 15.0
POLL_S = 0.03
COLOURS = 64
"""Of a picture; text stays smooth and the file small."""
CONTROLS = {"button", "textbox", "Date", "dialog", "main", "navigation", "region", "table"}


def missing() -> str:
    """Say what is missing for a test with a browser, or nothing."""
    gone = [str(it) for it in (CHROMIUM, CHROMEDRIVER) if not it.exists()]
    return f"{' and '.join(gone)} not installed" if gone else ""


@contextmanager
def chromium(profile: Path) -> Iterator[webdriver.Chrome]:
    """Start a browser with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--no-first-run",
        "--hide-scrollbars",
        "--lang=en-GB",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.accept_insecure_certs = True
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


@dataclass
class Tablet:
    """One tab with the page in it."""

    driver: webdriver.Chrome
    url: str
    tab: str = ""

    def open(self) -> Tablet:
        """Open the page in a tab of its own, whose storage is empty."""
        self.driver.switch_to.new_window("tab")
        self.tab = self.driver.current_window_handle
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", _metrics(TABLET))
        self.driver.get(f"{self.url}/till/")
        return self

    def turn_to(self) -> Tablet:
        self.driver.switch_to.window(self.tab)
        return self

    def resize(self, size: tuple[int, int]) -> None:
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", _metrics(size))

    # Doing -----------------------------------------------------------------------------------

    def sign_in(self, key: str) -> Tablet:
        field = self.shown("key")
        field.clear()
        field.send_keys(key, Keys.ENTER)
        return self

    def press(self, name: str) -> None:
        """Press the button of this visible text or accessible name, or of this id."""
        self.wait(lambda: self._press(name), f"no button {name!r} to press")

    def _press(self, name: str) -> bool:
        found = self.driver.execute_script(_BUTTON, name)
        if found is None:
            return False
        # What sticks to an edge of the screen may lie over it, as it may for a person.
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
        found.click()
        return True

    def type_amount(self, digits: str) -> None:
        for digit in digits:
            self.press(digit)
        self.press("Add to the bill")

    def send(self) -> str:
        """Send the bill; returns the order's id."""
        self.press("Send to the kiosk")
        self.wait(lambda: self.is_shown("paying"), "it is not sent")
        return self.order_id

    def as_staff(self, code: str = CODE, name: str = "ann", amount: str | None = None) -> None:
        fields = {"staff-name": name, "staff-code": code}
        if amount is not None:
            fields["staff-amount"] = amount
        for field, text in fields.items():
            found = self.shown(field)
            found.clear()
            found.send_keys(text)
        self.driver.find_element(By.ID, "staff-go").click()

    def keys(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def offline(self, *, is_off: bool) -> None:
        self.driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": is_off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
        )

    # Looking ---------------------------------------------------------------------------------

    def shown(self, name: str) -> WebElement:
        """Return an element by its id as soon as it can be seen."""
        self.wait(lambda: self.is_shown(name), f"{name} is not shown")
        return self.driver.find_element(By.ID, name)

    def is_shown(self, name: str) -> bool:
        return bool(self.driver.execute_script(_SHOWN, name))

    def text(self, name: str) -> str:
        found: str = self.driver.execute_script(
            "return document.getElementById(arguments[0]).innerText.trim()", name
        )
        return found

    def texts(self, css: str) -> list[str]:
        found: list[str] = self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((it) => it.innerText.trim())",
            css,
        )
        return found

    def says(self, name: str, words: str, wait_s: float = WAIT_S) -> None:
        """Wait until an element's text contains these words."""
        self.wait(
            lambda: self.is_shown(name) and words in self.text(name),
            lambda: f"{name} says {self.text(name)!r}, not {words!r}",
            wait_s,
        )

    def outcome(self, word: str, wait_s: float = WAIT_S) -> None:
        """Wait until the outcome is this, word by word."""
        self.wait(
            lambda: self.is_shown("outcome-word") and self.text("outcome-word") == word,
            lambda: f"the outcome is {self.text('outcome-word')!r}, not {word!r}",
            wait_s,
        )

    @property
    def kind(self) -> str:
        """The colour of the outcome, by its name."""
        return str(self.driver.find_element(By.ID, "outcome").get_attribute("data-state"))

    @property
    def order_id(self) -> str:
        return self.text("outcome-order").removeprefix("Bill ")

    def row_says(self, order_id: str, *words: str) -> None:
        """Wait until an order's row is there and says all this."""
        css = f'tr[data-order="{order_id}"]'

        def is_there() -> bool:
            found = " ".join(" ".join(self.texts(css)).split())
            return bool(found) and all(word in found for word in words)

        self.wait(is_there, lambda: f"{self.texts(css)} does not say {words}")

    def press_in_row(self, order_id: str, button: str) -> None:
        self.row_says(order_id)
        css = f'tr[data-order="{order_id}"] button[aria-label^="{button}"]'
        self.driver.find_element(By.CSS_SELECTOR, css).click()

    def wait(self, what: Any, said: Any = "", wait_s: float = WAIT_S) -> None:
        class _Words:
            def __str__(self) -> str:
                return str(said() if callable(said) else said)

        WebDriverWait(self.driver, wait_s, POLL_S).until(lambda _: what(), _Words())  # type: ignore[arg-type]

    def script(self, text: str, *arguments: Any) -> Any:
        return self.driver.execute_script(text, *arguments)

    def picture(self, path: Path) -> None:
        """Write what is on the screen, in few colours and without a caret that may blink."""
        self.script("document.activeElement?.blur(); window.scrollTo(0, 0)")
        with Image.open(io.BytesIO(self.driver.get_screenshot_as_png())) as found:
            found.convert("RGB").quantize(COLOURS).save(path, optimize=True)

    def nameless(self) -> list[str]:
        """Controls on the screen that a screen reader would have no name for."""
        tree = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        named = {node["nodeId"]: node.get("name", {}).get("value", "") for node in tree}
        roles = {node["nodeId"]: node.get("role", {}).get("value", "") for node in tree}
        controls = {it for it, role in roles.items() if role in CONTROLS}
        assert controls, "the browser shows its accessibility tree"
        return sorted(f"{roles[it]} {it}" for it in controls if not named[it].strip())

    # What the browser says -------------------------------------------------------------------

    def complaints(self) -> list[str]:
        """Errors and warnings of the browser since the last call, refusals left out.

        It notes every status above 399 and every lost connection, as it should.
        """
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] in {"SEVERE", "WARNING"} and entry["source"] != "network"
        ]

    def foreign(self) -> set[str]:
        """Addresses that were asked for since the last call and are not the till's."""
        asked = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.add(message["params"]["request"]["url"])
        inside = (f"{self.url}/", "about:", "chrome:", "data:")
        return {address for address in asked if not address.startswith(inside)}


def _metrics(size: tuple[int, int]) -> dict[str, Any]:
    width, height = size
    return {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}


_SHOWN = """
const found = document.getElementById(arguments[0]);
return found !== null && found.checkVisibility();
"""
_BUTTON = """
const named = (it) => [
  it.id, it.innerText.trim(), it.getAttribute("aria-label"),
  it.querySelector("span")?.innerText.trim(),
];
const place = document.querySelector("dialog[open]") ?? document;
const isUsable = (it) => it.checkVisibility() && !it.disabled && !it.closest("[inert]");
return [...place.querySelectorAll("button")].find(
  (it) => isUsable(it) && named(it).includes(arguments[0]),
) ?? null;
"""
