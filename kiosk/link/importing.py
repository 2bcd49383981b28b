"""The message that brings in one person of a list: pictures instead of a camera.

It is part of the protocol (kiosk/link/protocol.py) and is answered as `EnrolPerson` is.
"""

from __future__ import annotations

from kiosk.domain.mandate import MandateLimits
from kiosk.link.message import Private


class ImportPerson(Private, frozen=True, tag="import_person"):
    """Enrol somebody from pictures that were taken elsewhere.

    `pictures` are absolute paths, of files or of folders. `consent_given_at` is when they agreed
    (ISO 8601), and `signature` what shows it, as at enrolment. Nobody's life can be seen in a
    picture: whoever comes in this way needs the PIN at every payment until they are enrolled live.
    """

    name: str
    phone: str
    pin: str
    consent_version: str
    consent_given_at: str
    pictures: tuple[str, ...]
    pack: str | None = None
    limits: MandateLimits | None = None
    language: str = ""
    signature: str = ""
    adult: bool = False


ImportMessage = ImportPerson
