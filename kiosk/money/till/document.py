"""The OpenAPI document: every answer that can be given, and the types of every body.

Bodies are read by gate.py and not by the framework, so their types are added here by hand.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from kiosk.money.till import rest_models as told
from kiosk.money.till.nexo_sent import RequestEnvelope

BODIES: tuple[type[BaseModel], ...] = (
    RequestEnvelope, told.NewOrder, told.CloseOrder, told.NewRefund,
)  # fmt: skip
MORE: tuple[type[BaseModel], ...] = (told.NewsTold, told.Problem)
WHAT = {
    400: "The request cannot be used; nothing was done and nothing journalled.",
    401: "The key is missing or wrong.",
    403: "Not for this key, or the staff code is wrong.",
    404: "There is no such order for this key.",
    408: "The body came too slowly.",
    409: "The answer is no; `error` says why, and nothing was changed.",
    413: "The body is too long.",
    415: "The body is not JSON.",
    429: "Too many wrong keys or codes; see Retry-After.",
    500: "A mistake of SmileTill: ask for the order's status before anything else.",
    503: "The journal, a file or the kiosk is not in order; nothing was done.",
}
ABOUT = (
    "Nexo-style messages (a subset, not certified) and a plain REST page. See docs/till-api.md."
    " Every request but this document carries `Authorization: Bearer KEY`."
)


def answers(
    model: type[BaseModel] | None, *errors: int, also: set[int] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Return the documented answers of a path: the good ones, and errors as `Problem`."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in sorted({200, *(also or set())}):
        if model is not None:
            found[status] = {"model": model, "description": "The answer."}
    for status in (*errors, 500):
        found[status] = {"model": told.Problem, "description": WHAT[status]}
    return found


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the documented body of a path."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def add_document(app: FastAPI) -> None:
    """Have an application make its document once, with the types of the bodies."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _made(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _made(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=app.title, version=version("smiletill"), description=ABOUT, routes=app.routes
    )
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    _, bodies = models_json_schema(
        [(model, "validation") for model in (*BODIES, *MORE)],
        ref_template="#/components/schemas/{model}",
    )
    schemas.update(bodies["$defs"])
    for path in made["paths"].values():
        for operation in path.values():
            # Ours are 400, as `Problem`.
            operation["responses"].pop("422", None)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    made["security"] = [{"key": []}]
    return made
