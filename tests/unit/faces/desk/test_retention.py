"""Unused people at the desk: who pays is noted, who does not is warned, listed and erased."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from kiosk.domain.mandate import MandateState
from kiosk.faces.desk.desk import Desk
from kiosk.faces.vault.errors import VaultUnusableError
from kiosk.faces.vault.retention import RetentionRules
from kiosk.link.vault_care import ListUnused
from tests.fakes.shop import STAFF, Shop

START = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class Calendar(Shop):
    """A shop whose day the test sets."""

    today = START

    def open(self) -> None:
        super().open()
        self.tools = dataclasses.replace(self.tools, now=lambda: self.today)
        self.desk = Desk(self.tools, RetentionRules())
        self.retention = self.desk.retention

    def pass_days(self, count: int) -> None:
        for _ in range(count):
            self.today += timedelta(days=1)
            self.retention.care(lambda: False)


@pytest.fixture
def shop(data_dir):
    made = Calendar(data_dir)
    yield made
    made.close()


def at_once(shop, person: str, months_ago: int) -> None:
    """Have somebody's last payment lie back."""
    day = (shop.today - timedelta(days=31 * months_ago)).date().isoformat()
    shop.vault._rehead(person, _aged(shop.vault.head(person), day))


def _aged(head, day):
    return msgspec.structs.replace(head, last_used=day, enrolled_at=f"{day}T09:00:00+00:00")


def test_unused_people_are_warned_listed_and_erased_with_proof(shop):
    """Twelve months, a warning that staff can see, thirty days; the other guest stays."""
    gone, other = shop.enrol(1).person, shop.enrol(2).person
    alias = shop.vault.alias(gone)
    at_once(shop, gone, 13)
    shop.pass_days(1)

    (listed,) = shop.ask(ListUnused()).people
    assert (gone, "Ada Lovelace") == (listed.person, listed.name)
    assert shop.today.date().isoformat() == listed.warned_at
    shop.pass_days(29)
    assert gone in shop.vault.ids()
    assert shop.today.date().isoformat() < listed.erased_from
    shop.pass_days(1)

    assert shop.today.date().isoformat() == listed.erased_from
    assert (other,) == shop.vault.ids()
    assert MandateState.REVOKED is shop.money.mandates[alias]
    (certificate,) = (shop.data_dir / "vault" / "certificates").iterdir()
    assert 0 == json.loads(certificate.read_text())["bytes_found"]
    assert () == shop.ask(ListUnused()).people
    told = [entry.what for entry in shop.audit.entries(0)]
    assert ["retention_warn", "retention_erase"] == [w for w in told if w.startswith("retention")]


def test_a_payment_is_noted_without_the_disk_and_written_later(shop, monkeypatch):
    """`used` touches no file; the next look writes it, and ends a warning."""
    person = shop.enrol(1).person
    at_once(shop, person, 13)
    shop.pass_days(1)
    assert shop.vault.head(person).warned_at

    def refuse(*_, **__):
        raise VaultUnusableError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(shop.vault, "amend", refuse)
        shop.retention.used(person)
        with pytest.raises(VaultUnusableError):
            shop.retention.care(lambda: False)
    shop.retention.care(lambda: False)
    head = shop.vault.head(person)
    assert (shop.today.date().isoformat(), "") == (head.last_used, head.warned_at)
    assert () == shop.ask(ListUnused()).people


def test_a_clock_that_jumps_erases_nobody(shop):
    """Twenty years forward and back again: everybody is there, and nobody stays warned."""
    people = [shop.enrol(number).person for number in (1, 2)]
    shop.pass_days(2)
    right = shop.today
    shop.today = right + timedelta(days=7_300)
    shop.retention.care(lambda: False)
    assert 2 == len(shop.ask(ListUnused()).people)
    shop.pass_days(20)
    assert people == list(shop.vault.ids())
    shop.today = right
    shop.pass_days(1)
    assert people == list(shop.vault.ids())
    assert () == shop.ask(ListUnused()).people
    shop.pass_days(40)
    assert people == list(shop.vault.ids())


def test_what_is_known_of_the_clock_survives_a_restart_and_a_rotation(shop):
    """The notice goes on over restarts, and with another store key."""
    person = shop.enrol(1).person
    at_once(shop, person, 13)
    shop.pass_days(10)
    before = shop.vault.clock()
    today = shop.today
    shop.restart()
    assert before == shop.vault.clock()
    shop.today = today
    shop.pass_days(20)
    assert (person,) == shop.vault.ids()
    shop.pass_days(1)
    assert () == shop.vault.ids()


def test_people_of_every_state_but_pending_are_judged(shop):
    """A pause or a freeze keeps nobody for ever."""
    paused, frozen = shop.enrol(1).person, shop.enrol(2).person
    shop.vault.pause(paused)
    shop.vault.freeze(frozen)
    for person in (paused, frozen):
        at_once(shop, person, 13)
    shop.pass_days(31)
    assert () == shop.vault.ids()


def test_a_clerk_may_see_who_is_unused(shop):
    """The list says how long people are kept."""
    *_, answer = shop.desk.handle(STAFF, ListUnused())
    assert (12, 30) == (answer.unused_months, answer.notice_days)
