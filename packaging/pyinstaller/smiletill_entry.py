"""The installed program: the command line, or one process of ours.

In a package there is no Python to call with `-m`, so `smiletill --process kiosk.….main WORDS` is
what `kiosk.link.process.process_command` starts instead. It runs a `main` module of kiosk and
nothing else.
"""

from __future__ import annotations

import re
import runpy
import sys

SWITCH = "--process"
PROCESS = re.compile(r"kiosk(\.[a-z_]+)*\.main")
EXIT_USAGE = 2


def main() -> None:
    """Become what the first word says."""
    if sys.argv[1:2] == [SWITCH]:
        module = sys.argv[2] if len(sys.argv) > 2 else ""
        if not PROCESS.fullmatch(module):
            sys.stderr.write(f"smiletill: no process of SmileTill has this name: {module!r}\n")
            sys.exit(EXIT_USAGE)
        sys.argv[:] = [module, *sys.argv[3:]]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    # Only now: a process must not load the parts of another.
    from kiosk.cli import main as command_line  # noqa: PLC0415

    command_line()


if __name__ == "__main__":
    main()
