"""Who of the simulated people can play what. Data only, cheap to import."""

from __future__ import annotations

FIGURES = (0, 1, 2, 5)
"""People who can be customers: their neutral face and their smile are told apart reliably."""

BYSTANDERS = (3, 4)
"""People who do as strangers only: person 3 smiles so broadly in the photograph that no warp takes
it away, and person 4 was photographed nearly from the side."""

EVERYBODY = 6
