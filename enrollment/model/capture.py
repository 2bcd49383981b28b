"""What staff and customer are shown while faces enrols: pose, hint, how far, and which step.

It reads the `Progress` lines of one enrolment, in their order. It measures and sees nothing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from enrollment.model.draft import Step
from kiosk.link.protocol import Progress

HINTS = {
    "no_face", "two_faces", "too_far", "too_close", "not_centred", "too_dark", "too_bright",
    "backlit", "low_contrast", "blurred", "turned_away", "poor_picture",
}  # fmt: skip
"""Why a frame was no use; said to the customer, because only they can change it."""


class Pose(enum.Enum):
    """How the customer is asked to look."""

    PLAIN = "pose_plain"
    TURN = "pose_turn"
    GLASSES = "pose_glasses"


_POSES = {pose.value: pose for pose in Pose}
_BANK = {"comparing", "keeping", "mandate", "approve_mandate"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One moment of an enrolment.

    Args:
        step: Which of the window's steps it belongs to.
        code: The step's own name, for its sentence.
        pose: How the customer is asked to look.
        hint: Why the last frame was no use, or "".
        share: How far the samples of all poses are, 0 to 1.
        link: Where the payer approves the mandate, or "".
        seconds_left: Until the approval is given up; 0 without a link.
    """

    step: Step = Step.FACE
    code: str = "checking"
    pose: Pose = Pose.PLAIN
    hint: str = ""
    share: float = 0.0
    link: str = ""
    seconds_left: int = 0

    def after(self, line: Progress) -> Seen:
        """Take one more line and return the new moment."""
        share = min(1.0, line.done / line.total) if line.total > 0 else 0.0
        if line.code in HINTS:
            return replace(self, hint=line.code, share=max(self.share, share))
        if line.code in _POSES:
            return replace(
                self,
                step=Step.FACE,
                code=line.code,
                pose=_POSES[line.code],
                hint="",
                share=share if line.total else self.share,
            )
        if line.code == "approve_mandate":
            left = max(0, line.total - line.done)
            return replace(
                self, step=Step.BANK, code=line.code, link=line.detail, seconds_left=left, hint=""
            )
        if line.code in _BANK:
            return replace(self, step=Step.BANK, code=line.code, hint="", share=1.0)
        if line.code == "rehearsing":
            return replace(self, step=Step.DONE, code=line.code, hint="", link="", seconds_left=0)
        if line.code == "looking":
            return replace(self, code=line.code, hint="", share=max(self.share, share))
        return replace(self, code=line.code, hint="")
