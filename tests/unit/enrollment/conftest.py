"""Words of `enrol` meet faces as a fake here, in folders where an installation was founded."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def founded(tmp_path: Path) -> None:
    """Have a sign of an installation in both places that these tests name with --data."""
    for folder in (tmp_path, tmp_path / "data"):
        (folder / "vault").mkdir(parents=True)
