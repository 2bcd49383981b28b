"""Says what is wrong in a TOML file as an owner reads it: which line, which key, and what of it.

It reads no file and judges nothing: the parser has refused already, in words for programmers.
A line is named only where the key stands in the text; a wrong guess would be worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`(?: - at `\$\.?(?P<at>.*)`)?")
_TYPE = re.compile(r"Expected `(?P<want>[^`]*)`, got `(?P<got>[^`]*)`(?: - at `\$\.?(?P<at>.*)`)?")
_RULE = re.compile(r"(?P<said>.*?)(?: - at `\$\.?(?P<at>.*)`)?", re.DOTALL)
_SYNTAX = re.compile(
    r"(?P<said>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)", re.DOTALL
)
_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_TYPES = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "a section",
    "array": "a list",
}


def fault_of(name: str, text: str, error: str) -> str:
    """Return one sentence about the first fault of a file, without its full stop.

    Args:
        name: The file's name.
        text: What is in it.
        error: What msgspec, or a rule of the settings, said.
    """
    if found := _SYNTAX.fullmatch(error):
        line = found["line"] or max(1, len(text.splitlines()))
        return f"{name}, line {line}: this is no TOML ({_lower(found['said'])})"
    if found := _UNKNOWN.fullmatch(error):
        key = ".".join(part for part in (_plain(found["at"]), found["key"]) if part)
        return f"{_place(name, text, key)}: there is no such key"
    if found := _TYPE.fullmatch(error):
        want, got = (_in_words(found[part]) for part in ("want", "got"))
        return f"{_place(name, text, _plain(found['at']))}: it must be {want}, and is {got}"
    found = _RULE.fullmatch(error)
    assert found is not None, "the pattern takes everything"
    section, said = _plain(found["at"]), found["said"]
    return f"{_place(name, text, _named(text, section, said) or section)}: {said}"


def _place(name: str, text: str, key: str) -> str:
    line = next(
        (
            number
            for number, there in _keys(text)
            if there == key or (key and there.startswith(f"{key}."))
        ),
        None,
    )
    parts = (name, "" if line is None else f"line {line}", key)
    return ", ".join(part for part in parts if part)


def _named(text: str, section: str, said: str) -> str:
    """Return the first key below a section that a rule's own words name."""
    words = set(re.findall(r"\w+", said))
    below = f"{section}." if section else ""
    return next(
        (
            key
            for _, key in _keys(text)
            if key.startswith(below) and key[len(below) :] in words
        ),
        "",
    )  # fmt: skip


def _keys(text: str) -> Iterator[tuple[int, str]]:
    """Yield each key with its sections before it, and its line."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            section = f"{_bare(header[1])}."
        elif key := _KEY.match(line):
            yield number, section + _bare(key[1])


def _bare(key: str) -> str:
    return re.sub(r"""\s*\.\s*""", ".", key.replace('"', "").replace("'", ""))


def _plain(at: str | None) -> str:
    """Return msgspec's path as keys are written; what stands for any key of a table is left out."""
    return re.sub(r"\.?\[[^\]]*\]", "", at or "")


def _in_words(types: str) -> str:
    return " or ".join(_TYPES.get(one.strip(), one.strip()) for one in types.split("|"))


def _lower(said: str) -> str:
    return said[:1].lower() + said[1:]
