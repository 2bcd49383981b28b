"""The hosted page on which a simulated customer saves a test card.

It offers the test cards by their last four digits and has no field for a number: nobody can type a
real one into it.
"""

from __future__ import annotations

import html
from urllib.parse import urlsplit

from kiosk.sandbox.cards.testcards import CARDS

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:18px sans-serif;max-width:28em;margin:2em auto;padding:0 1em}}
button{{font:inherit;padding:.6em 1em;margin:.2em 0;width:100%}}</style></head>
<body><h1>{title}</h1>{body}</body></html>
"""


def choose(session: str) -> str:
    """Return the page of an open session."""
    buttons = "".join(
        f'<button name="card" value="{last4}">•••• {last4}: {html.escape(card.fate.value)}'
        f" {html.escape(card.decline_code)}</button>"
        for last4, card in CARDS.items()
    )
    body = (
        "<p>Sandbox: no real card, no real money. SmileTill may charge the card you choose when"
        " you smile at its terminal, until you withdraw that.</p>"
        f'<form method="post" action="/hosted/{html.escape(session)}">{buttons}</form>'
    )
    return _PAGE.format(title="Save a test card", body=body)


def done(success_url: str) -> str:
    """Return the page after a card was saved."""
    is_link = urlsplit(success_url).scheme in {"http", "https"}
    link = f'<p><a href="{html.escape(success_url)}">Back</a></p>' if is_link else ""
    return _PAGE.format(title="Card saved", body=f"<p>You can close this page.</p>{link}")


def closed() -> str:
    """Return the page of a session that takes no card."""
    return _PAGE.format(title="This page is closed", body="<p>Ask the staff for a new one.</p>")
