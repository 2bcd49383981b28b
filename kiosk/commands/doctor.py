"""The word `doctor`: show what this machine has and lacks, and how to mend it.

Answers no (exit 1) only when something is missing that a payment in the sandbox needs; a missing
camera is named but does not count, because a folder of frames can stand in for it there.
"""

from __future__ import annotations

from pathlib import Path

import click

from kiosk.commands.common import data_option, emit, json_option
from kiosk.doctor import Finding, State, can_pay_in_sandbox, examine
from kiosk.machine import ThisMachine

_STATE_WIDTH = max(len(state.value) for state in State) + 2


def as_text(findings: tuple[Finding, ...]) -> str:
    """Return the findings as lines to read: state and sentence, the mend below."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.state.value:<{_STATE_WIDTH}}{finding.sentence}")
        if finding.mend:
            lines.append(f"{'':<{_STATE_WIDTH}}-> {finding.mend}")
    lines.append("")
    lines.append(
        "Nothing that a payment in the sandbox needs is missing."
        if can_pay_in_sandbox(findings)
        else "A payment in the sandbox cannot work before what is missing above is mended."
    )
    return "\n".join(lines)


def as_json_object(findings: tuple[Finding, ...]) -> dict[str, object]:
    """Return the findings as the JSON object of `--json`."""
    return {
        "ok": can_pay_in_sandbox(findings),
        "checks": [
            {
                "name": finding.name,
                "state": finding.state.value,
                "needed": finding.is_needed,
                "sentence": finding.sentence,
                "mend": finding.mend,
            }
            for finding in findings
        ],
    }


@click.command()
@data_option
@json_option
def doctor(data_dir: Path, as_json: bool) -> int:
    """Say what this machine lacks and how to mend it."""
    findings = examine(ThisMachine(), data_dir)
    emit(as_json_object(findings), as_json, as_text(findings))
    return 0 if can_pay_in_sandbox(findings) else 1
