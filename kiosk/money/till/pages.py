"""The files of the simple till's page: read from `web/`, by name, and nothing else.

Invariant: a name leads to a file right in that folder, of a kind that a page is made of, or to
nothing.
"""

from __future__ import annotations

import re
from importlib.resources import files

KINDS = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}\.([a-z]{2,11})", re.ASCII)


def page(name: str) -> tuple[bytes, str] | None:
    """Return a file's bytes and kind, or None if there is no such file."""
    match = _NAME.fullmatch(name)
    if match is None or match[1] not in KINDS:
        return None
    found = files("kiosk.money.till") / "web" / name
    if not found.is_file():
        return None
    return found.read_bytes(), KINDS[match[1]]
