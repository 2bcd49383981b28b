"""What an owner may write into settings.toml."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kiosk.domain.errors import BadInputError
from kiosk.settings import PolicyFile, Settings, load_settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def keys_of(settings: msgspec.Struct, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each key of a file as it is documented, with its default."""
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, msgspec.Struct):
            yield from keys_of(value, f"{before}{name}.")
        else:
            # Strings, numbers, truths and empty tables look the same in JSON and in TOML.
            yield before + name, msgspec.json.encode(value).decode()


@pytest.mark.parametrize(
    ("file", "settings"), [("settings.toml", Settings()), ("policy.toml", PolicyFile())]
)
def test_the_page_of_settings_names_every_key_and_its_default(file, settings):
    """No key is missing there, none is made up, and each default is the one in force."""
    part = PAGE.read_text().split(f"\n## {file}\n")[1].split("\n## ")[0]

    told = re.findall(r"^\| `([a-z_.]+)` \| `([^`]*)` \| \S", part, re.MULTILINE)

    assert sorted(told) == sorted(keys_of(settings))


@pytest.mark.parametrize(
    ("words", "code"), [("", "44"), ('country_code = "353"', "353"), ('country_code = ""', "")]
)
def test_a_country_code_is_one_to_three_digits_or_none(data_dir, words, code):
    """Without a word it is the United Kingdom's, as the currency is."""
    (data_dir / "settings.toml").write_text(words)

    assert load_settings(data_dir).country_code == code


@pytest.mark.parametrize("code", ["+44", "044", "0", "4444", "GB", "٤٤", "44\\n"])
def test_what_is_no_country_code_is_refused(data_dir, code):
    """A number must never be compared by something that stands in no number."""
    (data_dir / "settings.toml").write_text(f'country_code = "{code}"')

    with pytest.raises(BadInputError) as caught:
        load_settings(data_dir)
    assert caught.value.code == "settings_bad"


@pytest.mark.parametrize(
    "words", ['usb = "46d:825"', 'serial = "A1"', 'path = "/sys/devices/usb1"', "number = 0"]
)
def test_a_pin_that_no_camera_could_fit_is_refused(data_dir, words):
    """Better said at the start than by a terminal without a camera."""
    (data_dir / "settings.toml").write_text(f"[camera]\n{words}\n", encoding="utf-8")

    with pytest.raises(BadInputError) as caught:
        load_settings(data_dir)
    assert caught.value.code == "settings_bad"
