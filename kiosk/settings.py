"""The settings of one installation: read from `settings.toml`, checked strictly, with defaults.

Nothing secret and no threshold of the eyes lives here: keys come from the environment, thresholds
from the model pack and the policy. docs/settings.md lists every key (a test compares).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import msgspec

from kiosk.domain.errors import BadInputError
from kiosk.domain.money import ORDER_AMOUNT_MAX_MINOR_UNITS
from kiosk.domain.order import PAYEE_LENGTH_MAX
from kiosk.toml_fault import fault_of

SETTINGS_BYTES_MAX = 65_536
CONNECTORS = ("cards", "sandbox", "vrp")
"""Names of the bank connectors that there are; money's registry has the same (a test compares)."""
LANGUAGES = ("de", "en")
"""Of the customer's screen, which has the same (a test compares)."""
RESOLVE_WINDOW_S_MAX = 60.0
"""A customer who waits longer than a minute before a screen has gone to ask."""
NO_PIN_MINOR_UNITS_MAX = 10 * ORDER_AMOUNT_MAX_MINOR_UNITS
"""10,000.00: no terminal could mean more than ten of its greatest orders."""
ABSENCE_DAYS_MAX = 3_650
TRIES_MAX = 10
_UNPROVEN_ROWS = ("liveness_unproven", "sensor_degraded")
_File = TypeVar("_File")
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_COUNTRY_CODE = re.compile(r"([1-9][0-9]{0,2})?", re.ASCII)
"""ITU-T E.164: one to three digits."""
_USB_IDS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}", re.ASCII)
"""As the kernel writes them."""


class BankSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which bank connector, and where its bank is."""

    connector: str = "sandbox"
    url: str = ""
    """Empty for the sandbox: its process writes down where it listens."""
    options: dict[str, str] = {}
    """The connector's own words (docs/going-live.md); a connector refuses what it does not know."""

    def __post_init__(self) -> None:
        """Refuse a bank that nobody can speak to."""
        if self.connector not in CONNECTORS:
            message = f"connector must be one of {', '.join(CONNECTORS)}"
            raise ValueError(message)


class MoneySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of the money process."""

    resolve_window_s: float = 25.0
    """Seconds that a customer waits while an unclear answer is resolved (payments.md, 5.3)."""
    no_pin_ceiling_minor_units: int = 5_000
    """50.00: above it a PIN is asked (PSD2 RTS, Article 11: EUR 50 a contactless payment)."""
    no_pin_day_minor_units: int = 15_000
    """150.00 a day without a PIN (PSD2 RTS, Article 11: EUR 150 in sum)."""

    def __post_init__(self) -> None:
        """Refuse what no sum and no time could be."""
        if not 0 <= self.resolve_window_s <= RESOLVE_WINDOW_S_MAX:
            message = f"resolve_window_s must be 0 to {RESOLVE_WINDOW_S_MAX:.0f}"
            raise ValueError(message)
        if not 0 <= self.no_pin_ceiling_minor_units <= NO_PIN_MINOR_UNITS_MAX:
            message = f"no_pin_ceiling_minor_units must be 0 to {NO_PIN_MINOR_UNITS_MAX}"
            raise ValueError(message)
        if not 0 <= self.no_pin_day_minor_units <= NO_PIN_MINOR_UNITS_MAX:
            message = f"no_pin_day_minor_units must be 0 to {NO_PIN_MINOR_UNITS_MAX}"
            raise ValueError(message)


class TillSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The interface for tills and for the staff's tablet (nexo-style JSON, REST, a web page)."""

    enabled: bool = False
    host: str = "127.0.0.1"
    """Where it listens; an address of the restaurant's own network lets other machines in."""
    port: int = 8443
    amount_max_minor_units: int = 100_000
    """1,000.00: no order above it is taken, because the likeliest cause is a slip of the finger."""
    menu: str = ""
    """A CSV file (`item,price` and, if wanted, `group`) whose items the simple till offers."""

    def __post_init__(self) -> None:
        """Refuse what no socket and no order could be."""
        if not 0 <= self.port <= 65_535 or not self.host:
            message = "till.host and till.port must name a place to listen"
            raise ValueError(message)
        if not 0 < self.amount_max_minor_units <= ORDER_AMOUNT_MAX_MINOR_UNITS:
            message = "till.amount_max_minor_units is out of range"
            raise ValueError(message)


class ScreenSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The customer's screen."""

    language: str = "en"
    """`en` or `de`; a customer can change it for one visit."""
    changing_colours: bool = True
    """Whether the screen changes its colour softly while the camera looks, to tell a face from a
    picture. Without, sums above 25.00 need the PIN."""
    staff_codes: dict[str, str] = {}
    """Name (as it goes into the journal) and code, of 4 to 8 digits, of everybody who may close a
    bill at the screen as paid at the till. Without any, the screen sends customers to the till."""

    def __post_init__(self) -> None:
        """Refuse a language without words, and a code that the pad cannot type."""
        if self.language not in LANGUAGES:
            message = f"language must be {' or '.join(LANGUAGES)}"
            raise ValueError(message)
        for code in self.staff_codes.values():
            if not (code.isascii() and code.isdigit() and 4 <= len(code) <= 8):
                message = "a staff code must have 4 to 8 digits"
                raise ValueError(message)


class CameraSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which camera this terminal works with; `smiletill doctor` prints the line that says it.

    Whatever is set of `usb`, `serial` and `path` must be what the kernel tells, at every opening.
    """

    usb: str = ""
    """Vendor and product, such as `046d:0825`."""
    serial: str = ""
    """The maker's serial number; cheap webcams have none, or all the same."""
    path: str = ""
    """Where it is plugged in, from `devices/` on, as in /sys."""
    control_exposure: bool = True
    """Whether its exposure may be set: for faces too dark or too bright, and to see that its
    pictures follow. Without, sums above 25.00 need the PIN."""

    def __post_init__(self) -> None:
        """Refuse what no device could ever show."""
        if self.usb and not _USB_IDS.fullmatch(self.usb):
            message = "camera.usb must be four and four hexadecimal digits, such as 046d:0825"
            raise ValueError(message)
        if self.serial and not self.usb:
            message = "camera.serial says nothing without camera.usb"
            raise ValueError(message)
        if self.path and not self.path.startswith("devices/"):
            message = "camera.path must begin with devices/"
            raise ValueError(message)


class KeysSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may open the installation at a start (docs/keys.md)."""

    source: str = "auto"
    """`auto`: the TPM if the installation is sealed to one, else the credential `storekey`, else
    a passphrase. `tpm`: nothing but the TPM."""
    pcrs: tuple[int, ...] = (7,)
    """What `smiletill keys seal-tpm` seals to; 7 is the state of Secure Boot."""
    tcti: str = ""
    """How to reach the TPM, in tpm2-tools' words; empty: `TPM2TOOLS_TCTI`, else /dev/tpmrm0."""

    def __post_init__(self) -> None:
        """Refuse what is no source and no PCR."""
        if self.source not in {"auto", "tpm"}:
            message = "keys.source must be auto or tpm"
            raise ValueError(message)
        if not self.pcrs or not all(0 <= pcr <= 23 for pcr in self.pcrs):
            message = "keys.pcrs must be numbers from 0 to 23"
            raise ValueError(message)


class PacksSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of people when another model pack is chosen."""

    grace_days: int = 90
    """Days for which people of the old pack are still searched; then they are frozen."""
    adapt: bool = False
    """Whether visits paid with the PIN may add to a reference (docs/adaptation.md). Switched off
    again, what they added is destroyed at the next start."""

    def __post_init__(self) -> None:
        """Refuse what is no number of days."""
        if not 0 <= self.grace_days <= 3_650:
            message = "packs.grace_days must be a number from 0 to 3650"
            raise ValueError(message)


class RetentionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long somebody who does not pay any more is kept (docs/retention.md)."""

    unused_months: int = 12
    """Months without a payment after which a person is warned: 1 to 36."""
    notice_days: int = 30
    """Days from the warning to the erasure: 28 to 365."""

    def __post_init__(self) -> None:
        """Refuse what no law allows, and a notice that a jump of the clock could end."""
        if not 1 <= self.unused_months <= 36 or not 28 <= self.notice_days <= 365:
            message = "retention.unused_months must be 1 to 36 and retention.notice_days 28 to 365"
            raise ValueError(message)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything an owner may set."""

    payee: str = "SmileTill Sandbox Bistro"
    currency: str = "GBP"
    country_code: str = "44"
    """What stands for the leading 0 of a phone number, so that 07700 900123 and +44 7700 900123 are
    one number; 44 is the United Kingdom. Empty where numbers keep their 0, or have none."""
    claim: str = "on_doubt"
    """When phone digits are asked: `on_doubt`, or `first` (always)."""
    bank: BankSettings = BankSettings()
    money: MoneySettings = MoneySettings()
    till: TillSettings = TillSettings()
    screen: ScreenSettings = ScreenSettings()
    camera: CameraSettings = CameraSettings()
    retention: RetentionSettings = RetentionSettings()
    packs: PacksSettings = PacksSettings()
    keys: KeysSettings = KeysSettings()

    def __post_init__(self) -> None:
        """Refuse what no part could work with."""
        if not 0 < len(self.payee) <= PAYEE_LENGTH_MAX:
            message = f"payee must have 1 to {PAYEE_LENGTH_MAX} characters"
            raise ValueError(message)
        if not _CURRENCY.fullmatch(self.currency):
            message = "currency must be three capital letters, such as EUR"
            raise ValueError(message)
        if not _COUNTRY_CODE.fullmatch(self.country_code):
            message = "country_code must be empty or have 1 to 3 digits, the first not 0"
            raise ValueError(message)
        if self.claim not in {"on_doubt", "first"}:
            message = "claim must be on_doubt or first"
            raise ValueError(message)


class PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`policy.toml`: the owner's rows of the step-up policy; `smiletill policy template` prints it.

    What is left out stays as it is shipped. The no-PIN ceilings are money's (`[money]` in
    settings.toml), because money enforces them.
    """

    claim: str = ""
    """`on_doubt` or `first`; empty: as in settings.toml."""
    first_visit_minor_units: int = 2_500
    unproven_minor_units: int = 2_500
    turn_above_minor_units: int = 7_500
    absence_days: int = 180
    tries: int = 1
    first_visit: str = "digits"
    long_absence: str = "digits"
    failed_tries: str = "pin"
    liveness_unproven: str = "pin"
    sensor_degraded: str = "pin"

    def __post_init__(self) -> None:
        """Refuse what no rule could work with, by the key's own name."""
        if self.claim not in {"", "on_doubt", "first"}:
            message = "claim must be on_doubt or first"
            raise ValueError(message)
        for row in ("first_visit", "long_absence", "failed_tries", *_UNPROVEN_ROWS):
            if getattr(self, row) not in {"none", "digits", "pin"}:
                message = f"{row} must be none, digits or pin"
                raise ValueError(message)
        bounds = {
            "first_visit_minor_units": (0, ORDER_AMOUNT_MAX_MINOR_UNITS),
            "unproven_minor_units": (0, ORDER_AMOUNT_MAX_MINOR_UNITS),
            "turn_above_minor_units": (0, ORDER_AMOUNT_MAX_MINOR_UNITS),
            "absence_days": (1, ABSENCE_DAYS_MAX),
            "tries": (0, TRIES_MAX),
        }
        for key, (low, high) in bounds.items():
            if not low <= getattr(self, key) <= high:
                message = f"{key} must be {low} to {high}"
                raise ValueError(message)


def load_policy(data_dir: Path, name: str = "policy.toml") -> PolicyFile | None:
    """Read a policy of an installation; None where there is no such file.

    Raises:
        BadInputError: As `load_settings()`.
    """
    return _read(data_dir / name, PolicyFile)


def load_settings(data_dir: Path) -> Settings:
    """Read `settings.toml` of an installation; without the file, the defaults.

    Raises:
        BadInputError: The file is too long, no TOML, or has a key or value that means nothing.
    """
    return _read(data_dir / "settings.toml", Settings) or Settings()


def _read(path: Path, kind: type[_File]) -> _File | None:
    if not path.exists():
        return None
    text = ""
    try:
        raw = path.read_bytes()
        if len(raw) > SETTINGS_BYTES_MAX:
            message = "the file is too long"
            raise ValueError(message)  # noqa: TRY301 - joins the other faults of the file
        text = raw.decode()
        return msgspec.toml.decode(text, type=kind)
    except UnicodeDecodeError:
        fault = f"{path.name}: this is no text in UTF-8"
    except OSError as error:
        fault = f"{path.name} cannot be read ({error.strerror})"
    except (msgspec.MsgspecError, ValueError) as error:
        fault = fault_of(path.name, text, str(error))
    raise BadInputError(
        f"{fault}.",
        code="settings_bad",
        mend="Mend that, or remove the file; docs/settings.md names every key.",
    )
