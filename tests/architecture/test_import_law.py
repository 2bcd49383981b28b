"""The import law of ARCHITECTURE.md, checked by import-linter and, for the pure rooms, by reading.

import-linter can forbid what it is told; it cannot say "the standard library and nothing else".
"""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# The modules that must run with the standard library alone, and what of ours they may know.
PURE = {"kiosk/domain": "kiosk.domain", "models/manifest.py": "models"}


def imported_modules(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: write imports in full"
            found.add(node.module or "")
    return found


def run_import_linter(root: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache", "--no-logo"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_import_linter_keeps_every_contract(repository):
    """No room imports what the import law forbids."""
    result = run_import_linter(repository)

    assert result.returncode == 0, result.stdout + result.stderr


# One offence against each contract: the file it is written into, and the line.
OFFENCES = {
    "kiosk/domain/ids.py": "import kiosk.link.protocol",
    "kiosk/link/protocol.py": "import enrollment",
    "enrollment/__init__.py": "import kiosk.faces.camera.port",
    "kiosk/money/__init__.py": "import models.manifest, cv2, PySide6, onnxruntime, torch",
    "models/pack.py": "import kiosk.domain.errors, msgspec, cryptography",
    "kiosk/sandbox/__init__.py": "import kiosk.faces.opencv, kiosk.settings",
    "kiosk/faces/__init__.py": "import requests, sqlite_utils, click, fastapi, reportlab, xml",
    "kiosk/link/__init__.py": "import joserfc, jwcrypto, faiss, matplotlib, onnx",
}


def test_import_linter_catches_an_offence_against_each_contract(repository, tmp_path):
    """Every contract breaks when it is offended, so none of them is an empty sentence."""
    for package in ("kiosk", "enrollment", "models"):
        shutil.copytree(
            repository / package, tmp_path / package, ignore=shutil.ignore_patterns("*.onnx")
        )
    shutil.copy(repository / "pyproject.toml", tmp_path)
    for file, line in OFFENCES.items():
        with (tmp_path / file).open("a") as stream:
            stream.write(f"\n{line}\n")

    result = run_import_linter(tmp_path)

    assert re.search(r"Contracts: 0 kept, \d+ broken", result.stdout), result.stdout


@pytest.mark.parametrize("place", sorted(PURE))
def test_pure_rooms_need_only_the_standard_library(repository, place):
    """The rules run without a single installed library."""
    root = repository / place
    files = [root] if root.is_file() else sorted(root.rglob("*.py"))
    own = PURE[place]

    foreign = {
        f"{file.relative_to(repository)}: {module}"
        for file in files
        for module in imported_modules(file)
        if module.partition(".")[0] not in sys.stdlib_module_names
        and not (module == own or module.startswith(f"{own}."))
    }

    assert files
    assert foreign == set()


# Modules of the standard library that touch the world; the rules must not read it.
WORLDLY = {
    "asyncio", "ctypes", "datetime", "fcntl", "http", "io", "logging", "mmap", "multiprocessing",
    "os", "pathlib", "random", "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl",
    "subprocess", "sys", "tempfile", "threading", "time", "urllib",
}  # fmt: skip


def test_the_rules_touch_no_clock_disk_network_or_chance(repository):
    """Everything in domain is decided from its arguments."""
    files = sorted((repository / "kiosk" / "domain").rglob("*.py"))

    touched = {
        f"{file.name}: {module}"
        for file in files
        for module in imported_modules(file)
        if module.partition(".")[0] in WORLDLY
    }

    assert files
    assert touched == set()


def test_help_imports_no_heavy_library(repository):
    """`smiletill --help` answers without OpenCV, ONNX Runtime, insightface, numpy or Qt."""
    code = (
        "import sys; from kiosk.cli import run_command; code = run_command(['--help']);"
        "heavy = {'cv2', 'onnxruntime', 'insightface', 'numpy', 'PySide6'} & set(sys.modules);"
        "print(sorted(heavy), file=sys.stderr); sys.exit(code or len(heavy))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (result.returncode, result.stderr.strip()) == (0, "[]")
    assert "doctor" in result.stdout
