"""The gate of the till interface: who is there, what a body may be, and what is sent along.

Authentication, the limits of one request, and the headers of every answer. What a key may do is
decided by nexo.py and rest.py.

Invariants: nothing of a request without a valid key is read beyond its head; a wrong key costs
time and is counted, the right one never waits for others' mistakes; no answer names what it runs
on, and an unexpected error says nothing but that it was one.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kiosk.domain.errors import BadInputError, SmileTillError
from kiosk.money.till.access import FailureBrake, KeyRing, TillKey
from kiosk.money.till.rest import RestError
from kiosk.money.till.rest_models import Problem
from kiosk.money.till.wire import BODY_BYTES_MAX, read_object

WRONG_KEYS_MAX = 10
"""Wrong keys of one address a minute; after that it is told to wait."""
WRONG_KEY_PAUSE_S = 60.0
WRONG_KEY_DELAY_S = 0.25
SLOW_ANSWERS_MAX = 20
"""At most this many wrong keys wait for their answer; further ones are told at once."""
BODY_S_MAX = 10.0
FRAMES_MAX = 8
"""Code positions of an unexpected error that are logged: the last ones are ours."""

_Sent = TypeVar("_Sent", bound=BaseModel)

logger = logging.getLogger(__name__)


class Gate:
    """Lets keys in. Used on the event loop's thread."""

    def __init__(self, keys: KeyRing, delay_s: float = WRONG_KEY_DELAY_S) -> None:
        """Take the keys."""
        self._keys = keys
        self._delay_s = delay_s
        self._slow = asyncio.Semaphore(SLOW_ANSWERS_MAX)
        self.brake = FailureBrake(free=WRONG_KEYS_MAX, pause_s=WRONG_KEY_PAUSE_S)

    async def key(self, request: Request) -> TillKey:
        """Return whose key a request carries.

        Raises:
            RestError: None, a wrong one, or too many wrong ones from there.
            SetupError: The file of keys cannot be used.
        """
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        found = self._keys.who(secret.strip()) if kind.lower() == "bearer" else None
        if found is not None:
            return found
        sender = request.client.host if request.client is not None else ""
        left_s = self.brake.left_s(sender)
        if left_s > 0:
            raise RestError(
                429, "too_many_keys", "Too many wrong keys from there.", "Wait.", int(left_s) + 1
            )
        if secret:
            self.brake.failed(sender)
            logger.warning("a wrong key was sent to the till interface")
            if not self._slow.locked():
                async with self._slow:
                    await asyncio.sleep(self._delay_s)
        raise RestError(
            401,
            "key_wrong",
            "The key of this till is missing or wrong.",
            "Make one with `smiletill money till add` and send it as Authorization: Bearer.",
        )


async def read_body(request: Request, kind: type[_Sent]) -> _Sent:
    """Read and check the body of a request.

    Raises:
        RestError: It is too long, too slow, or no JSON by its own word.
        BadInputError: It is not what it should be.
    """
    mime = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if mime != "application/json":
        raise RestError(415, "not_json", "The body is not JSON.", "Send application/json.")
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_S_MAX):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > BODY_BYTES_MAX:
                    raise RestError(
                        413, "too_long", "The body is too long.", f"Send {BODY_BYTES_MAX} bytes."
                    )
    except TimeoutError:
        raise RestError(408, "too_slow", "The body came too slowly.", "Send it at once.") from None
    try:
        return kind.model_validate(read_object(bytes(raw)))
    except ValidationError as error:
        raise BadInputError(
            f"The message cannot be used: {_where(error)}.",
            code="message_bad",
            mend="Compare it with docs/till-api.md or /openapi.json.",
        ) from None


def _where(error: ValidationError) -> str:
    """Say which fields are wrong, and never what was in them."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    places = [".".join(str(it) for it in one["loc"]) or "the whole" for one in found]
    return "look at " + ", ".join(place[:80] for place in places[:3])


def problem_of(error: RestError | SmileTillError) -> tuple[int, Problem, dict[str, str]]:
    """Return status, body and headers for an error."""
    if isinstance(error, RestError):
        headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
        if error.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return error.status, error.problem, headers
    status = 400 if isinstance(error, BadInputError) else 503
    return status, Problem(error=error.code, message=error.message, mend=error.mend), {}


BARE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=()"),
)
CSP = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    b" connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none';"
    b" frame-ancestors 'none'"
)


class Outside:
    """The outermost layer: the headers of every answer, and what an unexpected error becomes."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        started = False

        async def send_more(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = [*message.get("headers", []), *BARE]
                names = {name for name, _ in headers}
                if b"cache-control" not in names:
                    headers.append((b"cache-control", b"no-store"))
                if b"content-security-policy" not in names:
                    headers.append((b"content-security-policy", b"default-src 'none'"))
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, send_more)
        except Exception as error:  # noqa: BLE001 - the last catch: without values, and on we go
            # Code positions only: the text of the error could hold what was typed.
            frames = traceback.extract_tb(error.__traceback__)
            where = "".join(traceback.format_list(frames[-FRAMES_MAX:]))
            logger.error("a till's request failed: %s\n%s", type(error).__name__, where)  # noqa: TRY400
            if not started:
                await internal_error()(scope, receive, send_more)


def internal_error() -> JSONResponse:
    """Return the answer where we made a mistake."""
    problem = Problem(
        error="internal_error",
        message="SmileTill made a mistake.",
        mend="Ask for the order's status before anything else, and report this.",
    )
    return JSONResponse(problem.model_dump(), 500)
