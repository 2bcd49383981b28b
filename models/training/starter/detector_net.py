"""The detector: YuNet's plan, so that OpenCV's `FaceDetectorYN` reads it; random at the start."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

STRIDES = (8, 16, 32)
HEADS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
TEACHER_TAPS = (
    "184", "188", "193", "197", "201", "205", "210", "214", "219", "223", "228", "232", "236", "246", "256"
)  # fmt: skip
"""What the teacher says after its first convolution and after each of its units."""
TEACHER_LOGITS = {
    "cls": ("258", "260", "262"),
    "obj": ("270", "272", "274"),
    "bbox": ("264", "266", "268"),
    "kps": ("276", "278", "280"),
}


class Unit(nn.Sequential):
    """A pointwise and a depthwise convolution."""

    def __init__(self, before: int, after: int, *, last: bool = False) -> None:
        layers = [
            nn.Conv2d(before, after, 1),
            nn.Conv2d(after, after, 3, 1, 1, groups=after, bias=last),
        ]
        super().__init__(*layers, *([] if last else [nn.BatchNorm2d(after), nn.ReLU()]))
        if not last:
            # The spread of what YuNet says, roughly.
            nn.init.constant_(self[2].weight, 0.3)


class Detector(nn.Module):
    """N x 3 x H x W, BGR 0 to 255, sides multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), Unit(16, 16)
        )
        self.one = nn.Sequential(nn.MaxPool2d(2), Unit(16, 16), Unit(16, 32))
        self.two = nn.Sequential(Unit(32, 32), Unit(32, 64))
        self.three, self.four, self.five = (
            nn.Sequential(nn.MaxPool2d(2), Unit(64, 64), Unit(64, 64)) for _ in range(3)
        )
        self.lateral = nn.ModuleList([Unit(64, 64) for _ in STRIDES])
        self.heads = nn.ModuleDict(
            {
                name: nn.ModuleList([Unit(64, width, last=True) for _ in STRIDES])
                for name, width in HEADS.items()
            }
        )
        with torch.no_grad():
            for name in ("cls", "obj"):
                for head in self.heads[name]:
                    head[1].bias.fill_(-4.0)

    def chain(self) -> list[nn.Module]:
        """Return the backbone's parts, one for each of the first taps."""
        three = [part for stage in (self.three, self.four, self.five) for part in halves(stage)]
        return [self.stem[:3], self.stem[3], *halves(self.one), *self.two, *three]

    def features(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        """Return what each part says, in the order of `TEACHER_TAPS`."""
        said = [centred(pixels)]
        for part in self.chain():
            said.append(part(said[-1]))
        return [*said[1:], *self._neck(said[1:])]

    def local(self, pixels: torch.Tensor, said: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return what each part says to what the teacher says before it."""
        before = [centred(pixels), *said[: len(self.chain()) - 1]]
        chain = [part(x) for part, x in zip(self.chain(), before)]
        return [*chain, *self._neck(said, said[-3:])]

    def _neck(self, said, taught=None) -> list[torch.Tensor]:
        """Return the three last maps, coarse to fine, behind one's own or the teacher's."""
        three, four, five = said[7], said[9], said[11]
        top = self.lateral[2](five)
        middle = self.lateral[1](four + doubled(taught[0] if taught else top))
        fine = self.lateral[0](three + doubled(taught[1] if taught else middle))
        return [top, middle, fine]

    def answers(self, fine, middle, top) -> dict[str, list[torch.Tensor]]:
        """Return the heads' maps, before any sigmoid."""
        maps = (fine, middle, top)
        return {
            name: [head(x) for head, x in zip(heads, maps)] for name, heads in self.heads.items()
        }

    def forward(self, pixels: torch.Tensor) -> dict[str, list[torch.Tensor]]:
        *_, top, middle, fine = self.features(pixels)
        return self.answers(fine, middle, top)


def halves(stage: nn.Sequential) -> list[nn.Module]:
    """Return pool and first unit as one part, and the second unit."""
    return [stage[:2], stage[2]]


def centred(pixels: torch.Tensor) -> torch.Tensor:
    """Filters learn slowly from pixels that are all far above zero."""
    return (pixels - 112.0) / 64.0


def doubled(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")


class Shipped(nn.Module):
    """Twelve outputs in YuNet's order, for one picture."""

    def __init__(self, net: Detector) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        answers = self.net(pixels)
        out = []
        for name, width in HEADS.items():
            for value in answers[name]:
                flat = value.permute(0, 2, 3, 1).reshape(1, -1, width)
                out.append(flat.sigmoid() if name in ("cls", "obj") else flat)
        return out
