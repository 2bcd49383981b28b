"""Which model pack the numbers of an installation are about.

The people who are enrolled are compared with the pack they were enrolled with, whatever was chosen
since; so it is theirs whose thresholds count. Where nobody is known to be enrolled it is the one in
use. It opens no vault and loads no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kiosk.domain.ids import PackId, pack_name
from kiosk.faces.pack_people import noted_people
from models.store import choice_stamp, current_pack


@dataclass(frozen=True, slots=True)
class PacksHere:
    """The packs of an installation.

    Args:
        people: How many people of which pack, most first; perhaps nobody.
        in_use: Name of the pack that whoever comes next is enrolled with.
    """

    people: dict[PackId, int]
    in_use: str

    @property
    def name(self) -> str:
        """The pack that most of the people here are compared with, else the one in use."""
        return pack_name(next(iter(self.people))) if self.people else self.in_use

    def count(self, name: str) -> int:
        """Return how many people are enrolled with a pack, of whatever version."""
        return sum(count for pack, count in self.people.items() if pack_name(pack) == name)


def packs_here(data_dir: Path) -> PacksHere:
    """Look what an installation works with.

    Raises:
        SetupError: The choice of a pack cannot be read.
    """
    people = noted_people(data_dir)
    chosen = choice_stamp(data_dir) is not None
    # As the faces process has it: the one that was chosen, else that of the people.
    in_use = pack_name(next(iter(people))) if people and not chosen else current_pack(data_dir)
    return PacksHere(people, in_use)
