"""What the vault keeps of a person, as frozen values, and how each part is written into a record.

Nothing here encrypts or touches the disk. Names, numbers and templates are kept out of every repr.
Every stored form is a msgspec struct that refuses unknown fields: a new field is a new version of
the store, made by a migration; it has a default, with which older records are read.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, TypedDict, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from kiosk.domain.adaptation import ADAPTIVE_MAX, anchor_share
from kiosk.domain.ids import PackId, PayerAlias, PersonId
from kiosk.faces.vault.errors import RecordDamagedError

SAMPLES_MAX = 64
"""Templates of one person; enrolment makes 3 to 10."""
DIMENSION_MAX = 4096
"""Floats of one template; encoders in use give 128 to 512."""
LOOK_ALIKES_MAX = 32
"""Look-alikes of one person that are kept."""
PADDING_BYTES = 64
"""Identity is padded to a multiple of this, so that its length tells little about the name."""
_UNIT_TOLERANCE = 1e-3

_Part = TypeVar("_Part", bound=msgspec.Struct)


class PersonState(enum.Enum):
    """How far a person's record has come."""

    PENDING = "pending"
    """Enrolment has begun and money has not yet confirmed the mandate."""
    ACTIVE = "active"
    FROZEN = "frozen"
    """Kept, but never searched; staff froze it."""
    PAUSED = "paused"
    """Kept, but never searched; the customer asked for it and may end it."""


class ConsentRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a person agreed to, and when (UTC, ISO 8601).

    `sha256` is the text's. `signature` is what was typed or drawn ("typed:NAME", "svg:PATH"), kept
    because whoever relies on a consent must be able to prove it (GDPR, Article 7(1)) and a hash
    alone proves nothing; it is sealed under the person's own key and dies with it.
    `signature_sha256` goes onto the customer's copy. `age_confirmed` says how: `asked` by staff, or
    by the `text` that they agreed to. All are empty for consents from before there were any.
    """

    version: str
    language: str
    sha256: str
    given_at: str
    signature_kind: str = ""
    signature_sha256: str = ""
    signature: str = ""
    age_confirmed: str = ""

    def __repr__(self) -> str:
        """Leave the signature out."""
        return f"ConsentRecord({self.version!r}, {self.language!r}, {self.given_at!r})"


def searched(vectors: NDArray[np.float32], adapted: int) -> NDArray[np.float32]:
    """Return the vector that is searched: the first, and the last `adapted` with what it leaves."""
    if not adapted:
        first: NDArray[np.float32] = vectors[0]
        return first
    share = anchor_share(adapted)
    rest = vectors[-adapted:].astype(np.float64).mean(axis=0)
    mean = share * vectors[0].astype(np.float64) + (1.0 - share) * rest
    shown: NDArray[np.float32] = (mean / np.linalg.norm(mean)).astype(np.float32)
    return shown


def _check_vectors(template: NDArray[np.float32], samples: NDArray[np.float32]) -> None:
    assert 1 <= len(samples) <= SAMPLES_MAX
    assert 1 <= len(template) <= DIMENSION_MAX
    lengths = np.linalg.norm(np.vstack([template, samples]).astype(np.float64), axis=1)
    assert np.all(np.abs(lengths - 1.0) < _UNIT_TOLERANCE), "vectors have length 1"


@dataclass(frozen=True, slots=True)
class Reference:
    """The vectors of one enrolment, as `NewPerson` has them; unrotated."""

    pack: PackId
    template: NDArray[np.float32] = field(repr=False, compare=False)
    samples: NDArray[np.float32] = field(repr=False, compare=False)
    sample_count: int
    quality: int

    def __post_init__(self) -> None:
        """Refuse samples that no encoder of ours makes."""
        _check_vectors(self.template, self.samples)

    def vectors(self) -> NDArray[np.float32]:
        """Return template and samples as one matrix, the template first."""
        return np.vstack([self.template, self.samples])


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Everything that enrolment hands to the vault.

    Args:
        name: As staff typed it.
        phone: Full number, digits only.
        alias: Under which money knows the payer.
        pack: The model pack that made the template.
        template: d float32 of length 1, the one that is searched: the pooled samples.
        samples: n x d float32, every row of length 1: single samples kept for later checks.
        sample_count: How many good samples were pooled.
        quality: Mean quality of the samples, 0 to 100.
        consent: What was agreed to.
        enrolled_at: UTC, ISO 8601.
        adult_confirmed: Whether staff confirmed an age of 18 or more.
        pin_always: Why this person never pays without their PIN; empty: they may.
        look_alikes: Who looks like them.
    """

    name: str = field(repr=False)
    phone: str = field(repr=False)
    alias: PayerAlias = field(repr=False)
    pack: PackId
    template: NDArray[np.float32] = field(repr=False, compare=False)
    samples: NDArray[np.float32] = field(repr=False, compare=False)
    sample_count: int
    quality: int
    consent: ConsentRecord
    enrolled_at: str
    adult_confirmed: bool = False
    pin_always: str = ""
    look_alikes: tuple[PersonId, ...] = ()

    def __post_init__(self) -> None:
        """Refuse samples that no encoder of ours makes; they would poison every search."""
        _check_vectors(self.template, self.samples)

    def vectors(self) -> NDArray[np.float32]:
        """Return template and samples as one matrix, the template first."""
        return np.vstack([self.template, self.samples])


@dataclass(frozen=True, slots=True)
class Person:
    """One record of the vault, decrypted and proved.

    The vectors are rotated as the open vault has it: compare them with a probe only after
    `Vault.transform()`. `template` is the one that is searched: the `anchor`, which enrolment made,
    together with the `adaptive` ones, which visits have added (`adaptive.py`). What has a default
    is told under the same name by `Head`.
    """

    person: PersonId
    state: PersonState
    name: str = field(repr=False)
    phone: str = field(repr=False)
    alias: PayerAlias = field(repr=False)
    pack: PackId
    template: NDArray[np.float32] = field(repr=False, compare=False)
    samples: NDArray[np.float32] = field(repr=False, compare=False)
    anchor: NDArray[np.float32] = field(repr=False, compare=False)
    adaptive: NDArray[np.float32] = field(repr=False, compare=False)
    sample_count: int
    quality: int
    consent: ConsentRecord
    enrolled_at: str
    adult_confirmed: bool = False
    pin_always: str = ""
    look_alikes: tuple[PersonId, ...] = ()
    last_used: str = ""
    warned_at: str = ""
    adapted_at: str = ""


@dataclass(frozen=True, slots=True)
class Findable:
    """What the gallery needs of a person, as a vault tells it of everybody at its opening."""

    person: PersonId
    state: PersonState
    pack: PackId
    phone: str = field(repr=False)
    template: NDArray[np.float32] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A message to money that must arrive: the alias whose mandate is to be revoked."""

    entry: int
    alias: PayerAlias = field(repr=False)


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The part of a record that holds the rest together: nothing may be missing from it.

    `Vault.amend()` changes the fields of an `Amendment`.
    """

    state: PersonState
    pack: PackId
    quality: int
    enrolled_at: str
    dimension: int
    sample_count: int
    vectors: int
    """Rows of the matrix of vectors; the first is the one that is searched."""
    space: int
    """Number of the rotation that the vectors are kept under."""
    identity: int
    account: int
    consent: int
    template: int
    """Where name and number, alias, consent and vectors lie: numbers of rows."""
    adult_confirmed: bool = False
    """Staff confirmed an age of 18 or more."""
    pin_always: str = ""
    """Why this person never pays without their PIN, such as `look_alike`; empty: they may."""
    look_alikes: tuple[PersonId, ...] = ()
    """Who looks like them; whoever is erased since is no matter."""
    last_used: str = ""
    """UTC date of the last payment; empty: none yet."""
    warned_at: str = ""
    """UTC date on which they were warned that their record will be erased; empty: they were not."""
    adapted: int = 0
    """How many of the last `vectors` visits have added; they stand in the order of their coming."""
    adapted_at: str = ""
    """UTC date of the newest of them; empty: there is none."""

    @property
    def can_be(self) -> bool:
        """Say whether the numbers fit together."""
        return (
            2 <= self.vectors - self.adapted <= SAMPLES_MAX + 1
            and 0 <= self.adapted <= ADAPTIVE_MAX
            and 1 <= self.dimension <= DIMENSION_MAX
        )


class Amendment(TypedDict, total=False):
    """What `Vault.amend()` changes in a head; what is left out stays."""

    adult_confirmed: bool
    pin_always: str
    look_alikes: tuple[PersonId, ...]
    last_used: str
    warned_at: str


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Name and number."""

    name: str
    phone: str


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Under which alias money knows the person."""

    alias: PayerAlias


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="revoke_mandate"):
    """The only kind of message in the outbox so far."""

    alias: PayerAlias


class Census(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How much the store holds; `digest` changes with every row that comes, changes or goes.

    `changes` only grows, by one a transaction: a store that shows less than it once did is an older
    copy (watch.py). `clock_seen` and `clock_steady` are dates of the retention clock.
    """

    people: int = 0
    outbox: int = 0
    digest: str = "00" * 32
    changes: int = 0
    clock_seen: str = ""
    clock_steady: str = ""

    def moved(self, people: int, outbox: int, *fingerprints: bytes) -> Census:
        """Return the census after rows with these fingerprints came or went."""
        digest = int(self.digest, 16)
        for fingerprint in fingerprints:
            digest ^= int.from_bytes(fingerprint, "big")
        return msgspec.structs.replace(
            self,
            people=self.people + people,
            outbox=self.outbox + outbox,
            digest=f"{digest:064x}",
            changes=self.changes + 1,
        )

    def counts_the_same(self, other: Census) -> bool:
        """Say whether two censuses are of the same rows, however often those were changed."""
        mine = (self.people, self.outbox, self.digest)
        return mine == (other.people, other.outbox, other.digest)


_decoders: dict[type, msgspec.json.Decoder[Any]] = {}


def pack_struct(value: msgspec.Struct) -> bytes:
    """Write a part of a record, padded so that its length says little."""
    raw = msgspec.json.encode(value)
    return raw.ljust(-(-len(raw) // PADDING_BYTES) * PADDING_BYTES)


def unpack_struct(raw: bytes, kind: type[_Part]) -> _Part:
    """Read it back.

    Raises:
        RecordDamagedError: It is not of this kind.
    """
    try:
        decoder = _decoders.get(kind)
        if decoder is None:
            decoder = _decoders[kind] = msgspec.json.Decoder(kind)
        part: _Part = decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RecordDamagedError from None
    return part


class Ticket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An erasure whose proof is not ended: what to look for, sealed until it is.

    Without it a proof that a crash cuts off could not go on. It lies under a key of its own, which
    is destroyed, with it, as soon as the certificate is on the disk.
    """

    certificate: str
    erased_at: str
    name: str
    phone: str
    dimension: int
    vectors: bytes
    plain: bytes
    ciphertexts: tuple[bytes, ...]
    outbox_entry: int


@dataclass(frozen=True, slots=True)
class ErasureWork:
    """What an erased person left in memory, for the search of the files; drop it afterwards.

    Args:
        name: Erased name.
        phone: Erased number, digits only.
        vectors: Erased template and samples as they were kept, n x d float32.
        ciphertexts: Every sealed record that was on the disk, the wrapped keys included.
        outbox_entry: The waiting order to revoke the mandate.
        plain: The vectors as the encoder had made them, to the rounding of float32.
        ticket: Row of the waiting proof; 0 where no proof is owed.
        certificate: Id of the certificate to come.
        erased_at: UTC, ISO 8601.
    """

    name: str = field(repr=False)
    phone: str = field(repr=False)
    vectors: NDArray[np.float32] = field(repr=False, compare=False)
    ciphertexts: tuple[bytes, ...] = field(repr=False)
    outbox_entry: int
    plain: NDArray[np.float32] = field(
        repr=False, compare=False, default_factory=lambda: np.zeros((0, 1), np.float32)
    )
    ticket: int = 0
    certificate: str = ""
    erased_at: str = ""

    def to_ticket(self) -> Ticket:
        """Return what is kept of it until the proof has ended."""
        return Ticket(
            certificate=self.certificate,
            erased_at=self.erased_at,
            name=self.name,
            phone=self.phone,
            dimension=self.vectors.shape[1],
            vectors=self.vectors.astype("<f4").tobytes(),
            plain=self.plain.astype("<f4").tobytes(),
            ciphertexts=self.ciphertexts,
            outbox_entry=self.outbox_entry,
        )

    @classmethod
    def of_ticket(cls, number: int, ticket: Ticket) -> ErasureWork:
        """Take it up again.

        Raises:
            RecordDamagedError: Its vectors have no whole number of rows.
        """
        if not ticket.dimension or len(ticket.vectors) % (4 * ticket.dimension):
            raise RecordDamagedError
        return cls(
            name=ticket.name,
            phone=ticket.phone,
            vectors=np.frombuffer(ticket.vectors, "<f4").reshape(-1, ticket.dimension),
            ciphertexts=ticket.ciphertexts,
            outbox_entry=ticket.outbox_entry,
            plain=np.frombuffer(ticket.plain, "<f4").reshape(-1, ticket.dimension),
            ticket=number,
            certificate=ticket.certificate,
            erased_at=ticket.erased_at,
        )
