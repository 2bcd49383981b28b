"""The lock files install exactly what the project says it needs, and nothing unpinned."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def locked_versions(text: str) -> dict[str, set[str]]:
    """The pinned versions of each library; one may be pinned twice under markers."""
    pins: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", text, re.MULTILINE):
        pins.setdefault(canonicalize_name(name), set()).add(version)
    return pins


def requirements(repository, *groups: str) -> list[Requirement]:
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    wanted = list(project["project"]["dependencies"])
    for group in groups:
        wanted += project["dependency-groups"][group]
    return [Requirement(line) for line in wanted]


@pytest.mark.parametrize(
    ("lock", "groups"),
    [("requirements.lock", ("setup",)), ("requirements-dev.lock", ("setup", "dev"))],
)
def test_lock_satisfies_pyproject(repository, lock, groups):
    """Every requirement is pinned, at a version that fits."""
    pins = locked_versions((repository / lock).read_text())

    unmet = [
        str(requirement)
        for requirement in requirements(repository, *groups)
        if not pins.get(canonicalize_name(requirement.name))
        or not all(
            requirement.specifier.contains(version, prereleases=True)
            for version in pins[canonicalize_name(requirement.name)]
        )
    ]

    assert unmet == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_pins_by_hash_and_names_no_host(repository, lock):
    """Each pin carries a hash; where to fetch from is the machine's choice, not the file's."""
    text = (repository / lock).read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]

    assert entries
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert not re.search(r"https?://|--index-url|--extra-index-url|--find-links|file:", text)


def test_developers_lock_contains_the_runtime_lock(repository):
    """Tests run with the very versions that a terminal gets."""
    runtime = locked_versions((repository / "requirements.lock").read_text())
    developers = locked_versions((repository / "requirements-dev.lock").read_text())

    assert {name: developers.get(name) for name in runtime} == runtime
