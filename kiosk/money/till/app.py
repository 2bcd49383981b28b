"""The till interface as an ASGI application: which path is answered by whom, and its document.

No rule about money or people is in here: requests are read by gate.py, answered by nexo.py and
rest.py on worker threads, and errors become `Problem`.

Invariants: everything but the page of /till/ and the document needs a key; a request has a bounded
body, a bounded time, and one of a bounded number of worker threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal, TypeVar

from fastapi import FastAPI, Path, Query
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from kiosk.domain.errors import SmileTillError
from kiosk.domain.ids import ORDER_ID_LENGTH_MAX
from kiosk.money.receipts.model import Copy
from kiosk.money.till import rest_models as told
from kiosk.money.till.access import KeyRing, TillKey, TillRole
from kiosk.money.till.document import add_document, answers, body_of
from kiosk.money.till.gate import (
    CSP,
    WRONG_KEY_DELAY_S,
    Gate,
    internal_error,
    problem_of,
    read_body,
)
from kiosk.money.till.news import News, NewsDesk
from kiosk.money.till.nexo import NexoDesk, Waiting
from kiosk.money.till.nexo_sent import RequestEnvelope
from kiosk.money.till.nexo_told import ResponseEnvelope, Told
from kiosk.money.till.pages import page
from kiosk.money.till.rest import FOUND_MAX, RestDesk, RestError
from kiosk.money.till.stream import LISTENERS_MAX, Bell, EventStream
from kiosk.money.totals import DAY_FIRST, DAY_LAST

PAYMENT_WAIT_S = 150.0
"""Longest that a Payment is waited for in one request; Adyen's limit too (payments.md, 3)."""
GONE_POLL_S = 1.0
"""How often it is looked whether the till still waits."""
WORKERS = 8

OrderPath = Annotated[
    str,
    Path(
        description="The order's id.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=ORDER_ID_LENGTH_MAX,
    ),
]

Day = Annotated[
    date | None,
    Query(
        description=f"A calendar day, like 2026-11-23, from {DAY_FIRST} to {DAY_LAST}; any other"
        " is answered with 400 (`day_bad`)."
    ),
]

_T = TypeVar("_T")


@dataclass(slots=True)
class TillParts:
    """What the application works with."""

    keys: KeyRing
    nexo: NexoDesk
    rest: RestDesk
    news: NewsDesk
    workers: ThreadPoolExecutor
    payment_wait_s: float = PAYMENT_WAIT_S
    wrong_key_delay_s: float = WRONG_KEY_DELAY_S
    bell: Bell | None = field(default=None, init=False)
    """There while the application runs."""
    gate: Gate | None = field(default=None, init=False)

    async def key(self, request: Request) -> TillKey:
        """Let a key in. Raises RestError."""
        assert self.gate is not None, "the application runs"
        return await self.gate.key(request)

    async def run(self, work: Callable[..., _T], *arguments: object) -> _T:
        """Do on a worker thread what may wait for the disk, the bank or a lock."""
        return await asyncio.get_running_loop().run_in_executor(self.workers, work, *arguments)


def create_app(parts: TillParts) -> FastAPI:
    """Make the application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        parts.gate = Gate(parts.keys, parts.wrong_key_delay_s)
        parts.bell = Bell(parts.news)
        yield
        parts.bell.close()

    app = FastAPI(
        title="SmileTill till interface",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    for kind in (RestError, SmileTillError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _problem)
    app.add_exception_handler(Exception, _mistake)
    _add_nexo(app, parts)
    _add_orders(app, parts)
    _add_office(app, parts)
    _add_kiosk(app, parts)
    _add_events(app, parts)
    _add_pages(app)
    add_document(app)
    return app


async def _mistake(_: Request, __: Exception) -> Response:
    return internal_error()


async def _problem(_: Request, error: Exception) -> Response:
    match error:
        case RestError() | SmileTillError():
            status, problem, headers = problem_of(error)
        case RequestValidationError():
            where = ", ".join(str(one["loc"][-1]) for one in error.errors()[:3])
            status, headers = 400, {}
            problem = told.Problem(
                error="request_bad",
                message=f"The request cannot be used: look at {where}.",
                mend="Compare it with docs/till-api.md or /openapi.json.",
            )
        case HTTPException():
            status, headers = error.status_code, dict(error.headers or {})
            problem = told.Problem(
                error="no_such_path", message="There is nothing here.", mend="See /openapi.json."
            )
        case _:
            raise error
    return JSONResponse(problem.model_dump(), status, headers)


def _add_nexo(app: FastAPI, parts: TillParts) -> None:
    @app.post(
        "/nexo",
        summary="One nexo-style message",
        responses=answers(ResponseEnvelope, 400, 401, 408, 413, 415, 429, 503),
        openapi_extra=body_of(RequestEnvelope),
    )
    async def nexo(request: Request) -> Response:
        key = await parts.key(request)
        envelope = await read_body(request, RequestEnvelope)
        reply = await parts.run(parts.nexo.take, key, envelope.SaleToPOIRequest)
        if isinstance(reply, Waiting):
            reply = await _outcome(request, parts, reply)
        return Response(reply, media_type="application/json")


async def _outcome(request: Request, parts: TillParts, waiting: Waiting) -> bytes:
    """Wait for the outcome of a Payment, while somebody waits for the answer."""
    assert parts.bell is not None, "the application runs"
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + parts.payment_wait_s
    with parts.bell.ringing(waiting.order_id) as rung:
        while True:
            rung.clear()
            reply = await parts.run(parts.nexo.resume, waiting)
            if not isinstance(reply, Waiting):
                return reply
            while not rung.is_set():
                left_s = ends_at - loop.time()
                if left_s <= 0 or parts.bell.is_closed or await request.is_disconnected():
                    return waiting.for_now
                try:
                    await asyncio.wait_for(rung.wait(), min(left_s, GONE_POLL_S))
                except TimeoutError:
                    continue
            if parts.bell.is_closed:
                return waiting.for_now


def _add_orders(app: FastAPI, parts: TillParts) -> None:
    rest, run = parts.rest, parts.run

    @app.post(
        "/v1/orders",
        summary="Have an order paid at the kiosk",
        responses=answers(told.OrderTold, 400, 401, 408, 409, 413, 415, 429, 503, also={201}),
        openapi_extra=body_of(told.NewOrder),
    )
    async def open_order(request: Request) -> Response:
        key = await parts.key(request)
        asked = await read_body(request, told.NewOrder)
        order, is_new = await run(rest.open, key, asked)
        return _told(order, 201 if is_new else 200)

    @app.get(
        "/v1/orders/{order_id}",
        summary="How far has this order come?",
        responses=answers(told.OrderTold, 400, 401, 404, 429, 503),
    )
    async def get_order(request: Request, order_id: OrderPath) -> Response:
        key = await parts.key(request)
        return _told(await run(rest.order, key, order_id))

    @app.delete(
        "/v1/orders/{order_id}",
        summary="Take an order back; 409 where it is too late",
        responses=answers(told.OrderTold, 400, 401, 404, 409, 429, 503),
    )
    async def abort_order(request: Request, order_id: OrderPath) -> Response:
        key = await parts.key(request)
        return _told(await run(rest.abort, key, order_id))

    @app.post(
        "/v1/orders/{order_id}/close",
        summary="Close an order that was paid by cash or card (staff)",
        responses=answers(told.OrderTold, 400, 401, 403, 404, 408, 409, 413, 415, 429, 503),
        openapi_extra=body_of(told.CloseOrder),
    )
    async def close_order(request: Request, order_id: OrderPath) -> Response:
        key = await parts.key(request)
        asked = await read_body(request, told.CloseOrder)
        return _told(await run(rest.close, key, order_id, asked))

    @app.post(
        "/v1/orders/{order_id}/refunds",
        summary="Give money of an order back (staff)",
        responses=answers(told.RefundAnswerTold, 400, 401, 403, 404, 408, 409, 413, 415, 429, 503),
        openapi_extra=body_of(told.NewRefund),
    )
    async def refund_order(request: Request, order_id: OrderPath) -> Response:
        key = await parts.key(request)
        asked = await read_body(request, told.NewRefund)
        return _told(await run(rest.refund, key, order_id, asked))


def _add_office(app: FastAPI, parts: TillParts) -> None:
    rest, run = parts.rest, parts.run

    @app.get(
        "/v1/orders",
        summary="Find orders of a day or an amount (staff)",
        responses=answers(told.OrdersTold, 400, 401, 403, 429, 503),
    )
    async def find_orders(
        request: Request,
        day: Day = None,
        amount: Annotated[str | None, Query(pattern=r"^[0-9]{1,6}(\.[0-9]{1,2})?$")] = None,
        limit: Annotated[int, Query(ge=1, le=FOUND_MAX)] = 50,
    ) -> Response:
        key = await parts.key(request)
        return _told(await run(rest.find, key, day, amount, limit))

    @app.get(
        "/v1/totals",
        summary="A day added up; today where none is named",
        responses=answers(told.TotalsTold, 400, 401, 429, 503),
    )
    async def totals(request: Request, day: Day = None) -> Response:
        await parts.key(request)
        return _told(await run(rest.totals, day))


def _add_kiosk(app: FastAPI, parts: TillParts) -> None:
    rest, run = parts.rest, parts.run

    @app.get(
        "/v1/menu",
        summary="The menu of the simple till",
        responses=answers(told.MenuTold, 400, 401, 429, 503),
    )
    async def menu(request: Request) -> Response:
        await parts.key(request)
        return _told(await run(rest.menu))

    @app.get(
        "/v1/receipts/{order_id}",
        summary="A receipt as text or PDF; marked as a reprint where it is asked for again",
        responses={
            **answers(None, 400, 401, 404, 429, 503),
            200: {
                "description": "The receipt.",
                "content": {
                    "text/plain": {"schema": {"type": "string"}},
                    "application/pdf": {"schema": {"type": "string", "format": "binary"}},
                },
            },
        },
        response_class=Response,
    )
    async def receipt(
        request: Request,
        order_id: OrderPath,
        copy: Copy = Copy.CUSTOMER,
        format: Literal["text", "pdf"] = "text",  # noqa: A002 - the name in the interface
    ) -> Response:
        key = await parts.key(request)
        if format == "pdf":
            made = await run(rest.receipt_pdf, key, order_id, copy)
            return Response(made, media_type="application/pdf")
        text = await run(rest.receipt_text, key, order_id, copy)
        return Response(text, media_type="text/plain; charset=utf-8")

    @app.get(
        "/v1/diagnosis",
        summary="How the kiosk is, and who this key is",
        responses=answers(told.DiagnosisTold, 401, 429, 503),
    )
    async def diagnosis(request: Request) -> Response:
        key = await parts.key(request)
        assert parts.gate is not None, "the application runs"
        return _told(await run(rest.diagnosis, key, parts.gate.brake.total))


def _add_events(app: FastAPI, parts: TillParts) -> None:
    @app.get(
        "/v1/events",
        summary="News of orders, as server-sent events",
        responses={
            **answers(None, 400, 401, 429, 503),
            200: {
                "description": "A stream without end; `id` is the number of a journal record, the"
                " data of an `order` event is a NewsTold.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
        },
        response_class=Response,
    )
    async def events(request: Request) -> EventStream:
        key = await parts.key(request)
        since = request.headers.get("last-event-id", "").strip()
        if since and not (since.isascii() and since.isdigit() and len(since) <= 12):
            raise RestError(400, "event_id_bad", "Last-Event-ID is no number.", "Leave it out.")
        bell = parts.bell
        assert bell is not None, "the application runs"
        if bell.listeners >= LISTENERS_MAX:
            raise RestError(
                503, "too_many_listeners", "Too many listeners.", "Close one.", retry_after_s=10
            )

        def wants(news: News) -> bool:
            return key.role is TillRole.STAFF or news.till == key.name

        return EventStream(
            bell,
            lambda number: parts.run(parts.news.since, number),
            wants,
            int(since) if since else None,
        )


def _add_pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    @app.get("/till", include_in_schema=False)
    async def home() -> Response:
        return RedirectResponse("/till/", 303)

    @app.get("/till/{name:path}", include_in_schema=False)
    async def file(name: str) -> Response:
        found = page(name or "index.html")
        if found is None:
            raise HTTPException(404)
        body, mime = found
        headers = {"Content-Security-Policy": CSP.decode(), "Cache-Control": "no-cache"}
        return Response(body, media_type=mime, headers=headers)


def _told(answer: Told, status: int = 200) -> Response:
    return Response(answer.model_dump_json(), status, media_type="application/json")
