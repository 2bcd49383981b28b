"""The words of `[bank.options]` that this connector knows; any other is refused.

Each has a default that fits a restaurant's counter and the sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kiosk.domain.errors import BadInputError

ARRIVAL_S_MAX = 600.0
"""Seconds after which a request that a real bank has not answered is taken to be lost on its way.

No standard bounds how long a gateway may hold a request. UK banks target 0.75 s a response and cut
off within a minute; ten minutes is ten times that. Nothing is resent or called unpaid because of
this number alone: VRP cannot be asked by our own key, so staff or a statement decide."""


@dataclass(frozen=True, slots=True)
class VrpOptions:
    """How this terminal uses a bank's VRP interface."""

    profile: str = "vrp"
    """`vrp` (Read/Write v4.0) or `cvrp` (commercial VRP)."""
    vrp_type: str = "UK.OBIE.VRPType.Other"
    """Follows the profile, see `read_options`."""
    interaction: str = "InSession"
    """The customer stands at the counter; `OffSession` where a bank insists on it."""
    alignment: str = "Calendar"
    """The bank's day limit counts calendar days, or 24 hours since the consent."""
    approval: str = "auto"
    """`headless` (sandbox only), `qr` (the customer's banking app), `page` (the bank's web page);
    `auto` is headless in the sandbox and `qr` elsewhere."""
    client_auth: str = "tls_client_auth"
    """Or `private_key_jwt`: how we prove at the token endpoint who we are."""
    merchant_category: str = "5812"
    """ISO 18245: eating places; 5814 is fast food."""
    arrival_s_max: float = ARRIVAL_S_MAX
    """Of a real bank; the sandbox bank's own bound is known."""


_VRP_TYPES = {
    "vrp": {
        "sweeping": "UK.OBIE.VRPType.Sweeping",
        "other": "UK.OBIE.VRPType.Other",
    },
    "cvrp": {
        "cvrp1": "UK.OBIE.VRPType.CVRP1",
        "cvrp2": "UK.OBIE.VRPType.CVRP2",
        "cvrp3": "UK.OBIE.VRPType.CVRP3",
    },
}
_DEFAULT_TYPE = {"vrp": "other", "cvrp": "cvrp1"}
"""CVRP1 is the only one in use today; which one a restaurant gets its payment provider says."""

_CHOICES = {
    "profile": ("vrp", "cvrp"),
    "interaction": ("InSession", "OffSession"),
    "alignment": ("Calendar", "Consent"),
    "approval": ("auto", "headless", "qr", "page"),
    "client_auth": ("tls_client_auth", "private_key_jwt"),
}
_MERCHANT_CATEGORY = re.compile(r"[0-9]{4}", re.ASCII)
_SECONDS = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


def read_options(given: Mapping[str, str]) -> VrpOptions:
    """Check `[bank.options]`.

    Raises:
        BadInputError: A word or value is not known; the mend names those that are.
    """
    checks: dict[str, Callable[[str], bool]] = {
        name: choices.__contains__ for name, choices in _CHOICES.items()
    }
    profile = given.get("profile", "vrp")
    types = _VRP_TYPES.get(profile, {})
    checks["vrp_type"] = types.__contains__
    checks["merchant_category"] = lambda text: bool(_MERCHANT_CATEGORY.fullmatch(text))
    checks["arrival_s_max"] = lambda text: bool(_SECONDS.fullmatch(text))
    for name, value in given.items():
        if name not in checks:
            raise _bad(f"has no word {name[:40]!r}", f"Use only: {', '.join(sorted(checks))}.")
        if not checks[name](value):
            allowed = _CHOICES.get(name) or (tuple(types) if name == "vrp_type" else ())
            mend = f"Use one of: {', '.join(allowed)}." if allowed else "See docs/going-live.md."
            raise _bad(f"has a value of {name} that is not known", mend)
    plain = {name: value for name, value in given.items() if name in _CHOICES}
    return VrpOptions(
        **plain,
        vrp_type=types[given.get("vrp_type", _DEFAULT_TYPE[profile])],
        merchant_category=given.get("merchant_category", "5812"),
        arrival_s_max=float(given.get("arrival_s_max", ARRIVAL_S_MAX)),
    )


def _bad(detail: str, mend: str) -> BadInputError:
    return BadInputError(
        f"[bank.options] of the connector vrp {detail}.", code="bank_option_bad", mend=mend
    )
