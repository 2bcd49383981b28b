"""What lies under money/till, and the menu: private, read strictly, named clearly when wrong."""

import stat
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from kiosk.domain.errors import BadInputError, SetupError
from kiosk.domain.money import Money
from kiosk.money.till.access import KEYS_MAX, FailureBrake, KeyRing, TillRole
from kiosk.money.till.certificate import certificate_of
from kiosk.money.till.menu import MenuItem, read_menu
from kiosk.money.till.wire import DEPTH_MAX, read_amount, read_object

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_a_key_is_kept_as_a_hash_only(tmp_path):
    """The file holds nothing that would open anything, and only its owner may read it."""
    folder = tmp_path / "till"
    ring = KeyRing(folder)
    secret = ring.add("bar", TillRole.TILL, "now")
    file = folder / "keys.json"

    assert secret.encode() not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(secret) >= 43
    found = ring.who(secret)
    assert found is not None
    assert (found.name, found.role) == ("bar", TillRole.TILL)
    assert ring.who(secret[:-1]) is None
    assert ring.who("") is None


def test_another_process_changes_the_keys_at_once(tmp_path):
    """A running interface sees what the command line has written."""
    running, command = KeyRing(tmp_path), KeyRing(tmp_path)
    assert running.keys() == ()
    secret = command.add("bar", TillRole.STAFF, "now")
    assert running.who(secret) is not None
    assert command.remove("bar")
    assert running.who(secret) is None
    assert not command.remove("bar")


def test_names_are_used_once_and_keys_are_bounded(tmp_path):
    """A second key of the same name, a bad name, and one too many are refused."""
    ring = KeyRing(tmp_path)
    ring.add("t0", TillRole.TILL, "now")
    for name in ("t0", "", "a b", "x" * 41, "ä", "a:b"):
        with pytest.raises(BadInputError):
            ring.add(name, TillRole.TILL, "now")
    for number in range(1, KEYS_MAX):
        ring.add(f"t{number}", TillRole.TILL, "now")
    with pytest.raises(BadInputError) as error:
        ring.add("more", TillRole.TILL, "now")
    assert error.value.code == "too_many_tills"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"version":2,"keys":[]}',
        b'{"version":1,"keys":[{"name":"a","role":"owner","sha256":"x","made":""}]}',
        b'{"version":1,"keys":[],"more":1}',
        b'{"version":1,"keys":[]}' + b" " * 70_000,
    ],
)
def test_a_damaged_file_of_keys_lets_nobody_in(tmp_path, content):
    """It is an error with a mend, never an empty list."""
    (tmp_path / "keys.json").write_bytes(content)

    with pytest.raises(SetupError) as error:
        KeyRing(tmp_path).who("st_x")
    assert error.value.code == "till_keys_bad"


def test_the_oldest_sender_is_forgotten_first():
    """Memory is bounded however many senders there are."""
    brake = FailureBrake(free=1, pause_s=60, senders_max=2)
    for sender in ("a", "b", "c"):
        brake.failed(sender)

    assert brake.left_s("a") == 0
    assert 0 < brake.left_s("c") <= 60
    assert brake.total == 3


def test_the_certificate_is_made_once(tmp_path):
    """Same files, same fingerprint; the key for its owner only."""
    folder = tmp_path / "till"
    first = certificate_of(folder, "192.0.2.7", NOW)
    certificate = x509.load_pem_x509_certificate(first.path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert certificate_of(folder, "other", NOW) == first
    assert stat.S_IMODE(first.key_path.stat().st_mode) == 0o600
    digest = certificate.fingerprint(hashes.SHA256()).hex().upper()
    assert first.fingerprint.replace(":", "") == digest
    found = {str(it) for it in names.get_values_for_type(x509.IPAddress)}
    assert found == {"127.0.0.1", "192.0.2.7"}


@pytest.mark.parametrize("missing", ["key.pem", "certificate.pem"])
def test_half_a_certificate_is_not_made_whole(tmp_path, missing):
    """A lost half is an error: a new one would break every till without a word."""
    certificate_of(tmp_path, "127.0.0.1", NOW)
    (tmp_path / missing).unlink()

    with pytest.raises(SetupError) as error:
        certificate_of(tmp_path, "127.0.0.1", NOW)
    assert error.value.code == "till_certificate_bad"


def menu(tmp_path, content):
    file = tmp_path / "menu.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_menu(file, "GBP")


def test_a_menu_as_a_spreadsheet_writes_it(tmp_path):
    """Byte order mark, CRLF, quotes, columns in another order, empty lines."""
    found = menu(tmp_path, '\ufeffPrice,Item,Group\r\n4.50,"Soup, hot",Starters\r\n\r\n3,Tea,\r\n')

    assert found == (
        MenuItem("Soup, hot", Money(450), "Starters"),
        MenuItem("Tea", Money(300), ""),
    )


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("", 1, "empty"),
        ("name,price\nSoup,1.00\n", 1, "columns"),
        ("item,price,item\n", 1, "columns"),
        ("item,price\nSoup\n", 2, "columns"),
        ("item,price\nSoup,1.00\nTea,free\n", 3, "price"),
        ("item,price\nSoup,0.00\n", 2, "price"),
        ("item,price\nSoup,-1.00\n", 2, "price"),
        ("item,price\nSoup,1.005\n", 2, "price"),
        ('item,price\nSoup,"1,50"\n', 2, "price"),
        ("item,price\n,1.00\n", 2, "no name"),
        ("item,price\nSoup,1.00\nSoup,2.00\n", 3, "line 2"),
        ("item,price\n" + "x" * 81 + ",1.00\n", 2, "80"),
        ('item,price\n"Soup\nof the day",1.00\n', 3, "printable"),
        (b"item,price\nS\xfcppchen,1.00\n", 2, "UTF-8"),
        ('item,price\n"Soup,1.00\n', 2, "quotes"),
        ("item,price\n" + "".join(f"i{n},1\n" for n in range(1_001)), 1_002, "1000"),
        (b"x" * 300_000, 1, "longer"),
    ],
)
def test_a_menu_that_is_wrong_names_the_line(tmp_path, content, line, words):
    """So that the owner finds it."""
    with pytest.raises(BadInputError) as error:
        menu(tmp_path, content)

    assert error.value.code == "menu_bad"
    assert error.value.message.startswith(f"Line {line} ")
    assert words in error.value.message


def test_a_menu_that_is_not_there_is_a_setup_error(tmp_path):
    """Its path is in the settings."""
    with pytest.raises(SetupError) as error:
        read_menu(tmp_path / "none.csv", "GBP")
    assert error.value.code == "menu_unreadable"


def test_depth_is_counted_outside_of_strings(tmp_path):
    """Brackets in a text are text."""
    text = "[" * 500 + '\\"' + "{" * 500
    deepest = b'{"a":' * (DEPTH_MAX - 1) + b"{}" + b"}" * (DEPTH_MAX - 1)

    assert read_object(f'{{"a":"{text}"}}'.encode()) == {"a": text.replace('\\"', '"')}
    assert read_object(deepest)
    with pytest.raises(BadInputError):
        read_object(b'{"a":' + deepest + b"}")


def test_every_amount_of_two_decimals_is_read_exactly():
    """As a number and as text, up to the ceiling."""
    for units in (1, 7, 10, 29, 57, 110, 435, 1_999, 99_999, 100_000):
        text = f"{units // 100}.{units % 100:02d}"
        assert read_amount(text, "GBP") == Money(units)
        number = read_object(f'{{"a":{text}}}'.encode())["a"]
        assert read_amount(number, "GBP") == Money(units)
