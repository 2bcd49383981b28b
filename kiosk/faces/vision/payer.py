"""Picks the one payer among the faces of a frame, or says that there are two.

The payer is the largest face, weighted by how central it is and whether it looks at the till;
people further back are ignored. A second face of about the same size means that two stand in the
zone, looking or not, and nobody is picked: they are asked.
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

AWAY_WEIGHT = 0.5
"""Weight of a face that looks elsewhere: somebody in profile counts as one at 1.4 times the
distance would, so that a talking neighbour does not become the payer."""

LOOKING_OFFSET_MAX = 0.35
"""Nose from the middle of the eyes in eye distances, about 25 degrees: the quality gate's limit."""


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
    if len(faces) == 1:
        return Choice(faces[0], None)

    def weight(face: Face) -> float:
        off_centre = min(1.0, abs(face.centre[0] / frame_width - 0.5) * 2)
        looking = 1.0 if _looks_here(face) else AWAY_WEIGHT
        return face.width * face.height * looking * (1.0 - (1.0 - EDGE_WEIGHT) * off_centre)

    payer = max(faces, key=weight)
    rivals = [
        face
        for face in faces
        if face is not payer
        and face.width >= OTHER_WIDTH_SHARE_MIN * payer.width
        and not _same_place(face, payer)
    ]
    return Choice(payer, Reason.TWO_FACES if rivals else None)


def _looks_here(face: Face) -> bool:
    right_eye, left_eye, nose = face.landmarks[:3].tolist()
    across = (left_eye[0] - right_eye[0], left_eye[1] - right_eye[1])
    size = max(across[0] ** 2 + across[1] ** 2, 1e-6)
    middle = ((right_eye[0] + left_eye[0]) / 2, (right_eye[1] + left_eye[1]) / 2)
    along = (nose[0] - middle[0]) * across[0] + (nose[1] - middle[1]) * across[1]
    return bool(abs(along) <= LOOKING_OFFSET_MAX * size)


def _same_place(face: Face, payer: Face) -> bool:
    """Say whether a box is a second one around the payer's own face."""
    x, y = face.centre
    return payer.x <= x <= payer.x + payer.width and payer.y <= y <= payer.y + payer.height
