"""What came of an enrolment, as the window shows it: enrolled, or why not."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kiosk.link.protocol import Enrolled, EnrolRefused


@dataclass(frozen=True, slots=True)
class Result:
    """The answer of faces; `person` is empty if nobody was enrolled."""

    person: str = ""
    reason: str = ""
    detail: str = ""
    samples: int = 0
    quality: int = 0
    account_hint: str = ""
    pin_always: str = ""
    other_person: str = ""
    score: float | None = None
    threshold: float | None = None
    rehearsed: bool = False
    recognised: bool = False
    rehearsal_reason: str = ""
    asked: tuple[str, ...] = ()
    seconds: float = 0.0

    @classmethod
    def of(cls, answer: Enrolled | EnrolRefused) -> Result:
        """Read what faces answers."""
        if isinstance(answer, EnrolRefused):
            return cls(
                reason=answer.reason,
                detail=answer.detail,
                other_person=answer.person or "",
                score=answer.score,
                threshold=answer.threshold,
            )
        made = cls(
            person=answer.person,
            samples=answer.samples,
            quality=answer.quality,
            account_hint=answer.account_hint,
            pin_always=answer.pin_always,
        )
        tried = answer.rehearsal
        if tried is None:
            return made
        return replace(
            made,
            rehearsed=True,
            recognised=tried.recognised,
            rehearsal_reason=tried.reason,
            asked=tried.asked,
            seconds=tried.seconds,
        )

    def is_look_alike(self) -> bool:
        """Say whether staff are to decide if this is the same person or another."""
        return not self.person and bool(self.other_person)
