"""`smiletill money receipt ORDER`: show, keep or print a receipt, from the journal alone.

It only reads, so it works while the till is selling and needs no key; therefore it cannot show the
masked account, which lies under a key of its own. It does not count how often it is used: whoever
prints again says so with `--reprint`.
"""

from __future__ import annotations

import errno
from pathlib import Path

import click

from kiosk.commands.common import NewFile, emit, json_option, there_data_option
from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.ids import parse_order_id
from kiosk.settings import load_settings

FORMATS = ("text", "pdf", "escpos")


@click.command()
@click.argument("order", metavar="ORDER")
@click.option(
    "--copy", "whose", type=click.Choice(["customer", "merchant"]), default="customer",
    show_default=True, help="For whom.",
)  # fmt: skip
@click.option("--format", "kind", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--lang", type=click.Choice(["en", "de"]), help="Default: the screen's language.")
@click.option(
    "--width", type=click.Choice(["32", "42", "48"]), default="42", show_default=True,
    help="Columns of text and of a printer's paper.",
)  # fmt: skip
@click.option("--code", is_flag=True, help="Add the reference as a QR code (not in text).")
@click.option(
    "--reprint", type=click.IntRange(0, 99), default=0, metavar="N", help="Mark it as reprint N."
)
@click.option("--out", type=NewFile(), help="Write it to this file.")
@click.option(
    "--printer", metavar="WHERE", help="Print it: usb:VENDOR:PRODUCT, network:HOST or file:PATH."
)
@there_data_option
@json_option
def receipt(
    *,
    order: str,
    whose: str,
    kind: str,
    lang: str | None,
    width: str,
    code: bool,
    reprint: int,
    out: Path | None,
    printer: str | None,
    data_dir: Path,
    as_json: bool,
) -> None:
    """Show the receipt of an order, write it to a file, or print it."""
    # Imported here: listing the words must not load reportlab and the printers.
    from kiosk.money.receipts.escpos import render_escpos  # noqa: PLC0415
    from kiosk.money.receipts.layout import rows_of  # noqa: PLC0415
    from kiosk.money.receipts.model import Copy  # noqa: PLC0415
    from kiosk.money.receipts.pdf import render_pdf  # noqa: PLC0415
    from kiosk.money.receipts.printers import print_receipt  # noqa: PLC0415
    from kiosk.money.receipts.read import read_receipt  # noqa: PLC0415
    from kiosk.money.receipts.text import render_text  # noqa: PLC0415
    from kiosk.money.receipts.texts import Language  # noqa: PLC0415

    order_id = parse_order_id(order)
    has_place = out is not None or (printer is not None and kind == "escpos")
    if kind != "text" and not has_place:
        raise BadInputError(
            "This kind of receipt is not for reading on the screen.",
            code="receipt_needs_out",
            mend="Say where it goes with --out FILE or --printer WHERE.",
        )
    language = Language.of(lang or load_settings(data_dir).screen.language)
    found = read_receipt(data_dir, order_id, copy=Copy(whose), reprint=reprint)
    rows, columns = rows_of(found, language, with_code=code), int(width)
    text = render_text(rows, columns)
    match kind:
        case "pdf":
            content = render_pdf(rows, language=language.value)
        case "escpos":
            content = render_escpos(rows, columns)
        case _:
            content = text.encode()
    if out is not None:
        _write(out, content)
    if printer is not None:
        print_receipt(printer, rows, columns)
    said = text if out is None and printer is None else "Done."
    result = {
        "order": order_id, "state": found.state.value, "reference": found.reference,
        "copy": whose, "reprint": reprint, "printed": printer is not None,
        "file": None if out is None else str(out), "text": text,
    }  # fmt: skip
    emit(result, as_json, said.removesuffix("\n"))


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "OSError")
        raise SetupError(
            f"The receipt cannot be written ({name}).",
            code="receipt_not_written",
            mend="Check the folder given with --out, its owner and the free space.",
        ) from error
