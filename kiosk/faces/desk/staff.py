"""Who acts on one connection to the desk, and the brake on guessing codes.

The command line (link role `staff`) acts as a manager under its user's id, which the kernel vouches
for; the window (link role `desk`) may do nothing until somebody signs in. A sign-in belongs to its
connection and ends with it, with `SignOut`, after idle minutes, or when the account is removed or
changed; what is left then is a connection that may do nothing, whatever it was before.

Wrong codes are counted by name and over all names. A right code clears the count of its own name,
never another's and never the sum, which only time clears: who has a code of their own cannot use it
to go on guessing somebody else's. Nothing of this is on the disk; a restart counts anew.
"""

from __future__ import annotations

import threading
import time
import unicodedata
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from kiosk.domain.errors import BadInputError
from kiosk.domain.pin import PIN_DIGITS, check_new_pin
from kiosk.faces.desk.errors import (
    ManagerNeededError,
    RoleRefusedError,
    SignInNeededError,
    SignInRefusedError,
    StaffCodeBadError,
    StaffNameBadError,
)
from kiosk.faces.desk.roles import role_for, suffices
from kiosk.faces.vault.accounts import Account, StaffAccounts
from kiosk.link.protocol import AnyMessage, Role
from kiosk.link.staff_desk import SignedIn, StaffRole

IDLE_S_MAX = 300.0
"""Seconds without a request after which a sign-in ends (PCI DSS 8.2.8 allows 15 minutes)."""
WRONG_CODES_MAX = 5
"""Wrong codes for one name within `PAUSE_S`."""
PAUSE_S = 600.0
"""Seconds for which a wrong code counts against its name: 30 tries an hour."""
WRONG_CODES_SUM_MAX = 15
"""Wrong codes for whatever names within `PAUSE_SUM_S`."""
PAUSE_SUM_S = 1_800.0
"""Seconds for which a wrong code counts in the sum."""
CODE_LENGTH_MIN = PIN_DIGITS
CODE_LENGTH_MAX = 64
NAME_LENGTH_MAX = 32


def check_staff_name(text: str) -> str:
    """Return a staff name in one normal form.

    Raises:
        StaffNameBadError: It is empty, too long, or holds control characters or spaces.
    """
    name = unicodedata.normalize("NFC", text.strip())
    unusable = any(unicodedata.category(mark)[0] in "CZ" for mark in name)
    if not 1 <= len(name) <= NAME_LENGTH_MAX or unusable:
        raise StaffNameBadError(NAME_LENGTH_MAX)
    return name


def check_staff_code(code: str) -> str:
    """Return a new code if it is worth something.

    Raises:
        StaffCodeBadError: It is too short or too long, or repeats one or two marks.
        BadInputError: It is six digits that are guessed first.
    """
    if not CODE_LENGTH_MIN <= len(code) <= CODE_LENGTH_MAX or len(set(code)) <= 2:
        raise StaffCodeBadError(CODE_LENGTH_MIN, CODE_LENGTH_MAX)
    if code.isascii() and code.isdigit() and len(code) == PIN_DIGITS:
        check_new_pin(code)
    return code


@dataclass(slots=True)
class CodeBrake:
    """Counts wrong codes; at most `WRONG_CODES_SUM_MAX` of them are remembered."""

    monotonic: Callable[[], float] = time.monotonic
    wrong: deque[tuple[float, str]] = field(default_factory=deque)
    own: deque[tuple[float, str]] = field(default_factory=deque)

    def left_s(self, name: str) -> float:
        """Return the seconds until this name may be tried again; 0 where it may now."""
        now = self.monotonic()
        while self.wrong and self.wrong[0][0] + PAUSE_SUM_S <= now:
            self.wrong.popleft()
        while self.own and self.own[0][0] + PAUSE_S <= now:
            self.own.popleft()
        ends = [now]
        if len(self.wrong) >= WRONG_CODES_SUM_MAX:
            ends.append(self.wrong[-WRONG_CODES_SUM_MAX][0] + PAUSE_SUM_S)
        tried = [at for at, named in self.own if named == name]
        if len(tried) >= WRONG_CODES_MAX:
            ends.append(tried[-WRONG_CODES_MAX] + PAUSE_S)
        return max(ends) - now

    def count(self, name: str, *, right: bool) -> None:
        """Take one try into account."""
        if right:
            self.own = deque(it for it in self.own if it[1] != name)
            return
        now = self.monotonic()
        self.wrong.append((now, name))
        self.own.append((now, name))


class StaffBook:
    """Accounts and brake of one faces process. Safe to use from many threads.

    Args:
        accounts: Where names and verifiers are kept.
        monotonic: Seconds that only grow.
    """

    def __init__(
        self, accounts: StaffAccounts, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Start with no wrong code."""
        self.accounts = accounts
        self.monotonic = monotonic
        self._brake = CodeBrake(monotonic)
        # One try at a time: a second one must not slip past the brake while the first computes.
        self._turn = threading.Lock()

    def sign_in(self, name: str, code: str) -> Account:
        """Return whose name and code these are.

        Raises:
            SignInRefusedError: They are nobody's, or somebody has guessed too often. It does not
                say which of the two is wrong.
        """
        name = unicodedata.normalize("NFC", name.strip())[: NAME_LENGTH_MAX + 1]
        with self._turn:
            left_s = self._brake.left_s(name)
            if left_s > 0:
                raise SignInRefusedError(left_s)
            account = self.accounts.verify(name, code[: CODE_LENGTH_MAX + 1])
            self._brake.count(name, right=account is not None)
        if account is None:
            raise SignInRefusedError(0.0)
        return account

    def add(self, name: str, code: str, role: StaffRole, added_at: str) -> Account:
        """Make or exchange an account.

        Raises:
            BadInputError: Name or code cannot be used.
            SmileTillError: The file cannot be read or written.
        """
        return self.accounts.put(check_staff_name(name), check_staff_code(code), role, added_at)


class StaffSession:
    """Who acts on one connection; used by the connection's own thread only.

    Args:
        book: The accounts; None where there can be none.
        role: What the peer said it is, in the handshake.
        uid: The user at the other end, by the kernel's word.
    """

    def __init__(self, book: StaffBook | None, role: Role, uid: int) -> None:
        """Nobody has signed in yet."""
        self._book = book
        self._by_uid = role is Role.STAFF
        self._is_desk = role in {Role.STAFF, Role.DESK}
        self._uid = uid
        self._account: Account | None = None
        self._used_at = 0.0

    @property
    def actor(self) -> str:
        """Who it is, for the audit log: `uid 1000`, or `maria (clerk), uid 1000`."""
        if self._account is None:
            return f"uid {self._uid}"
        return f"{self._account.name} ({self._account.role.value}), uid {self._uid}"

    @property
    def role(self) -> StaffRole | None:
        """What they may do now; None: nothing."""
        if self._by_uid:
            return StaffRole.MANAGER
        if self._account is None or self._book is None:
            return None
        idle = self._book.monotonic() - self._used_at > IDLE_S_MAX
        if idle or self._book.accounts.find(self._account.name) != self._account:
            self._account = None
            return None
        return self._account.role

    def demand(self, message: AnyMessage) -> None:
        """Let a message pass, and note that somebody is there.

        Raises:
            RoleRefusedError: The peer is not staff at all.
            SignInNeededError: Nobody is signed in, or not any more.
            ManagerNeededError: A clerk may not ask for this.
        """
        if not self._is_desk:
            raise RoleRefusedError
        role = self.role
        if role is None:
            raise SignInNeededError
        self.touch()
        if not suffices(role, role_for(message)):
            raise ManagerNeededError

    def touch(self) -> None:
        """Note that somebody is there: a long answer is no idleness."""
        if self._book is not None:
            self._used_at = self._book.monotonic()

    def sign_in(self, name: str, code: str) -> SignedIn:
        """Sign in; whoever was signed in before is out, also if this fails.

        Raises:
            RoleRefusedError: The peer is not staff at all.
            SignInRefusedError: Name or code are wrong.
        """
        if not self._is_desk:
            raise RoleRefusedError
        self.sign_out()
        if self._book is None:
            raise BadInputError(
                "There are no staff accounts here.",
                code="no_accounts",
                mend="Use the command line: smiletill enrol.",
            )
        self._account = self._book.sign_in(name, code)
        self.touch()
        return SignedIn(self._account.name, self._account.role, int(IDLE_S_MAX))

    def sign_out(self) -> None:
        """Nobody acts any more, not even the user of the machine."""
        self._by_uid = False
        self._account = None
