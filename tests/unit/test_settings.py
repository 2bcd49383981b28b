"""What an owner may write into settings.toml."""

import pytest

from kiosk.domain.errors import BadInputError
from kiosk.settings import load_settings


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
