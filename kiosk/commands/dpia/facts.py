"""What an impact assessment needs to know, read from settings, pack, doctor and running processes.

It starts no process and opens no vault: what only a running installation can tell (how many people
and staff accounts there are, whether faces is cut off from networks) is None while none runs.
No name, number or template is read.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from kiosk.commands.packs_here import packs_here
from kiosk.doctor import examine
from kiosk.domain.errors import SmileTillError
from kiosk.domain.identification import (
    GALLERY_SIZE_FLOOR,
    SearchPolicy,
    rate_with_digits,
    thresholds,
)
from kiosk.faces.desk.consent import consent_texts
from kiosk.faces.evidence import KEPT_DAYS
from kiosk.faces.main import policy_of
from kiosk.faces.vision.calibration import impostor_tails
from kiosk.link.protocol import ListPeople, People, Ping, Pong
from kiosk.link.staff_desk import ListStaff, StaffAccounts
from kiosk.machine import ThisMachine
from kiosk.money.config import HashCost
from kiosk.settings import Settings, load_settings
from kiosk.supervisor import Installation
from models.manifest import find_pack
from models.pack import Pack

ENCRYPTION = "AES-256-GCM, one key per person, each part of a record under a key of its own"
DOCTOR_CHECKS = ("store_key", "tpm", "network_refusal", "disk")
"""What doctor finds that an assessment has to tell."""


def gather(data_dir: Path) -> dict[str, Any]:
    """Return the facts of one installation as plain JSON values.

    Raises:
        SmileTillError: Settings or pack cannot be read.
    """
    settings = load_settings(data_dir)
    pack = find_pack(packs_here(data_dir).name, data_dir, verify=False)
    running = _running(Installation(data_dir, settings))
    found = {it.name: it for it in examine(ThisMachine(), data_dir)}
    people = running["people"]
    rules = policy_of(settings, data_dir)
    return {
        "controller": settings.payee,
        "country_code": settings.country_code,
        "people": people,
        "staff_accounts": running["staff"],
        "encryption": ENCRYPTION,
        "key_source": settings.keys.source,
        "key_pcrs": list(settings.keys.pcrs),
        "pin_verifier": _pin_verifier(),
        "network_of_faces": running["network"],
        "recipients": _recipients(settings),
        "till_interface": _till(settings),
        "claim": settings.claim,
        "no_pin_up_to": str(rules.pin_rules.payment_max),
        "no_pin_a_day_up_to": str(rules.pin_rules.day_max),
        "screen_staff_codes": len(settings.screen.staff_codes),
        "consent_texts": sorted(f"{version} ({lang})" for version, lang in consent_texts()),
        "retention_unused_months": settings.retention.unused_months,
        "retention_notice_days": settings.retention.notice_days,
        "evidence_days": KEPT_DAYS,
        "adaptive_templates": settings.packs.adapt,
        "pack": _pack(pack, data_dir, people or 0),
        "machine": {name: found[name].sentence for name in DOCTOR_CHECKS if name in found},
    }


def _running(installation: Installation) -> dict[str, Any]:
    told: dict[str, Any] = {"people": None, "staff": None, "network": None}
    try:
        with installation.faces() as client:
            told["network"] = client.call(Ping(), Pong).detail.get("network")
            told["people"] = len(client.call(ListPeople(), People, timeout_s=60).people)
            accounts = client.call(ListStaff(), StaffAccounts).accounts
            told["staff"] = dict(Counter(one.role.value for one in accounts))
    except SmileTillError:
        pass  # what is not told stays None, and the assessment says that it was not asked
    return told


def _pin_verifier() -> str:
    cost = HashCost()
    return f"Argon2id, {cost.memory_kib // 1024} MiB, {cost.time_cost} passes"


def _recipients(settings: Settings) -> list[dict[str, str]]:
    """Return who is sent something, and what."""
    bank = settings.bank
    where = bank.url or ("a process of this machine" if bank.connector == "sandbox" else "unset")
    return [
        {
            "who": f"bank connector {bank.connector}",
            "where": where,
            "what": "amount, reference and payee of each payment, and the mandate; no name and"
            " nothing of a face",
        }
    ]


def _till(settings: Settings) -> str:
    till = settings.till
    return f"{till.host}:{till.port}" if till.enabled else "off"


def _pack(pack: Pack, data_dir: Path, people: int) -> dict[str, Any]:
    search = SearchPolicy()
    tails = impostor_tails(pack, data_dir)
    limits = thresholds(max(people, 1), search, tails)
    return {
        "id": pack.id,
        "commercial_use": pack.commercial_use,
        "licences": sorted({stage.licence for stage in pack.stages}),
        "stranger_taken_for_somebody": search.fpir_open,
        # In the set with the fewest people; what the others allow is rarer.
        "stranger_with_right_digits": max(
            rate_with_digits(max(people, GALLERY_SIZE_FLOOR), search, tail) for tail in tails
        ),
        "threshold_open": round(limits.open, 3),
        "measured_on": [
            {
                "set": tail.source,
                "comparisons": tail.comparisons,
                "rarest_rate_supported": tail.rate_min,
                "score_at_that_rate_95": _bound(tail.upper95),
            }
            for tail in tails
        ],
        "worst_set": limits.worst_open,
    }


def _bound(upper95: tuple[tuple[float, float], ...]) -> float | None:
    return round(upper95[-1][1], 3) if upper95 else None
