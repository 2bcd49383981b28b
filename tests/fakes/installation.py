"""An installation with people in it, made through the real vault and the real money process.

Their templates are random directions: good for everything that needs a person and no camera.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kiosk import supervisor
from kiosk.domain.ids import PackId, PayerAlias, PersonId
from kiosk.domain.mandate import DEFAULT_LIMITS, MandateState
from kiosk.faces.vault.keys import derive, unlock
from kiosk.faces.vault.records import ConsentRecord, NewPerson
from kiosk.faces.vault.store import FOLDER_NAME, Vault
from kiosk.link.client import LinkClient
from kiosk.link.protocol import (
    PROTOCOL_VERSION,
    Hello,
    MandateOpened,
    OpenMandate,
    Role,
)
from models.manifest import SHIPPED_DIR, load_pack


@dataclass(frozen=True)
class Enrolled:
    """What a person of the tests knows."""

    person: PersonId
    phone: str
    pin: str


def enrol_without_camera(data_dir: Path, phone: str, pin: str) -> Enrolled:
    """Put one person into vault and money, both real; no process runs afterwards."""
    alias = PayerAlias(f"a{secrets.token_hex(8)}")
    with supervisor.open_installation(data_dir) as installation:
        hello = Hello(PROTOCOL_VERSION, Role.FACES)
        with LinkClient(installation.run_dir, "money", hello) as money:
            question = OpenMandate(alias, DEFAULT_LIMITS, pin)
            opened = money.call(question, MandateOpened, timeout_s=30)
    assert opened.state is MandateState.ACTIVE
    vector = np.random.default_rng(0).standard_normal(256).astype(np.float32)
    vector /= np.linalg.norm(vector)
    new = NewPerson(
        name="Test Person",
        phone=phone,
        alias=alias,
        pack=PackId(load_pack(SHIPPED_DIR / "starter").id),
        template=vector,
        samples=vector[None],
        sample_count=3,
        quality=80,
        consent=ConsentRecord("v1", "en", "0" * 64, "2026-01-01T00:00:00+00:00"),
        enrolled_at="2026-01-01T00:00:00+00:00",
    )
    with unlock(data_dir, env=os.environ, prompt=None) as root:
        vault = Vault.open(data_dir / FOLDER_NAME, derive(root, "faces"))
    with vault:
        person = vault.begin(new)
        vault.activate(person)
    return Enrolled(person, phone, pin)


@contextmanager
def running(data_dir: Path) -> Iterator[tuple[supervisor.Installation, dict[str, int]]]:
    """Run an installation; the dictionary always holds the newest process ids by name."""
    pids: dict[str, int] = {}
    with supervisor.open_installation(data_dir, pids=pids.__setitem__) as installation:
        yield installation, pids
