"""Picks the one payer among the faces of a frame, or says that there are two.

The payer is the largest face, weighted by how central it is; people further back are ignored.
A second face of about the same size means that two stand at the till, and nobody is picked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kiosk.domain.evidence import Reason

if TYPE_CHECKING:
    from kiosk.faces.vision.detector import Face

OTHER_WIDTH_SHARE_MIN = 0.6
"""A face this wide, beside the payer's, stands within about 1.7 times the payer's distance."""

EDGE_WEIGHT = 0.5
"""Weight of a face whose centre is at the frame's edge, against 1 in the middle."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The payer's face, if any; `reason` says why the frame cannot count.

    With `TWO_FACES` the face is still given, so that its PAD score can be taken.
    """

    face: Face | None
    reason: Reason | None


def choose_payer(faces: tuple[Face, ...], frame_width: int) -> Choice:
    """Choose among the faces of one frame that is `frame_width` pixels wide."""
    if not faces:
        return Choice(None, Reason.NO_FACE)

    def weight(face: Face) -> float:
        off_centre = min(1.0, abs(face.centre[0] / frame_width - 0.5) * 2)
        return face.width * face.height * (1.0 - (1.0 - EDGE_WEIGHT) * off_centre)

    payer = max(faces, key=weight)
    rivals = [
        face
        for face in faces
        if face is not payer
        and face.width >= OTHER_WIDTH_SHARE_MIN * payer.width
        and not _same_place(face, payer)
    ]
    return Choice(payer, Reason.TWO_FACES if rivals else None)


def _same_place(face: Face, payer: Face) -> bool:
    """Say whether a box is a second one around the payer's own face."""
    x, y = face.centre
    return payer.x <= x <= payer.x + payer.width and payer.y <= y <= payer.y + payer.height
