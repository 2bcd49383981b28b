"""The command line as people call it: a process of its own, its last line, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CALL_S_MAX = 180


@dataclass(frozen=True)
class Call:
    """What one call of the command line came to."""

    code: int
    result: dict[str, Any]
    stdout: str
    stderr: str


Smiletill = Callable[..., Call]


@pytest.fixture
def smiletill() -> Smiletill:
    """Call `smiletill WORD … --json`; without a JSON line the result is empty."""

    def call(*words: object, **environment: str) -> Call:
        program = Path(sys.executable).with_name("smiletill")
        done = subprocess.run(
            [str(program), *(str(word) for word in words)],
            capture_output=True,
            text=True,
            timeout=CALL_S_MAX,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        lines = done.stdout.splitlines()
        result = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
        return Call(done.returncode, result, done.stdout, done.stderr)

    return call
