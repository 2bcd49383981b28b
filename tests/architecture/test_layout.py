"""The house keeps its shape: rooms where they belong, small modules, no person's picture."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

PACKAGES = ("kiosk", "enrollment", "models")
ROOT_FOLDERS = {
    ".ci", "docs", "enrollment", "kiosk", "models", "packaging", "tests",
}  # fmt: skip
MODULE_LINES_MAX = 500  # STYLE.md habit 19
FUNCTION_LINES_MAX = 70  # STYLE.md habit 19
PICTURES = {".jpg", ".jpeg", ".npz", ".npy", ".mp4", ".avi"}
# Written so that this file does not contain what it looks for. The places where checkouts, keys
# and tools of one particular machine live have no business in the repository.
MACHINE_PATHS = re.compile(rb"/wor[k]/|/roo[t]/|/home/[a-z]|/opt/pyp[i]|[.]libra[r]y")


def tracked_files(repository: Path) -> list[Path]:
    """All files of the checkout that git knows or would take up."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        timeout=30,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    names = [name.decode() for name in listing.stdout.split(b"\0") if name]
    return [repository / name for name in names if (repository / name).is_file()]


def modules(repository: Path, *roots: str) -> list[Path]:
    """All Python files under some folders, without the scripts that made our weights."""
    found = [file for root in roots for file in sorted((repository / root).rglob("*.py"))]
    return [file for file in found if "training" not in file.parts]


def test_packaging_is_not_a_package(repository):
    """An `__init__.py` in packaging/ would shadow the library of that name for everyone."""
    assert not (repository / "packaging" / "__init__.py").exists()


def test_tests_are_no_packages(repository):
    """The test tree mirrors the packages and must not become one."""
    assert list((repository / "tests").rglob("__init__.py")) == []


def test_no_unplanned_folder_at_the_root(repository):
    """Top-level folders are the rooms of ARCHITECTURE.md."""
    folders = {file.relative_to(repository).parts[0] for file in tracked_files(repository)}
    files = {file.name for file in repository.iterdir() if file.is_file()}

    assert folders - files <= ROOT_FOLDERS


def test_every_module_begins_with_its_docstring(repository):
    """One can read what a file does, and what it does not, in its first paragraph."""
    silent = [
        str(file.relative_to(repository))
        for file in modules(repository, *PACKAGES, "tests")
        if not ast.get_docstring(ast.parse(file.read_text()))
    ]

    assert silent == []


def test_modules_stay_small(repository):
    """A file past 500 lines holds two subjects."""
    long = [
        f"{file.relative_to(repository)}: {lines}"
        for file in modules(repository, *PACKAGES, "tests")
        if (lines := len(file.read_text().splitlines())) > MODULE_LINES_MAX
    ]

    assert long == []


def test_functions_stay_small(repository):
    """A function can be seen at once, its docstring left aside."""
    long = []
    for file in modules(repository, *PACKAGES):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            lines = (node.end_lineno or 0) - body[0].lineno + 1
            if lines > FUNCTION_LINES_MAX:
                long.append(f"{file.relative_to(repository)}:{node.name}: {lines}")

    assert long == []


def test_no_unfinished_marks(repository):
    """What is not done stands in an issue, not in the code."""
    mark = re.compile(r"\b(TOD[O]|FIXM[E]|XX[X])\b|NotImplementedErro[r]")
    marked = [
        str(file.relative_to(repository))
        for file in modules(repository, *PACKAGES)
        if mark.search(file.read_text())
    ]

    assert marked == []


def test_no_picture_of_a_person_in_the_repository(repository):
    """Faces never enter the repository, nor arrays that could be made of them."""
    pictures = [
        str(file.relative_to(repository))
        for file in tracked_files(repository)
        if file.suffix.lower() in PICTURES
    ]

    assert pictures == []


def test_no_path_of_one_machine_in_the_repository(repository):
    """The checkout works wherever it lies."""
    named = [
        str(file.relative_to(repository))
        for file in tracked_files(repository)
        if file.suffix != ".onnx" and MACHINE_PATHS.search(file.read_bytes())
    ]

    assert named == []
