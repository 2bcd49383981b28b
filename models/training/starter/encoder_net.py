"""The encoder: inverted residuals with the stage widths of its teacher, random at the start."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

GREY = (0.299, 0.587, 0.114)
PLAN = (
    (32, 32, 96, 2),
    (32, 32, 96, 1),
    (32, 32, 96, 1),
    (32, 32, 96, 2),
    (32, 32, 96, 1),
    (32, 32, 96, 1),
    (32, 64, 96, 2),
    (64, 64, 192, 1),
    (64, 64, 192, 1),
    (64, 128, 192, 2),
    (128, 128, 384, 1),
    (128, 128, 384, 1),
)
"""Width before, after, inside, and stride of each block."""
TEACHER_TAPS = (
    "_minimumscalar0",
    "batchnorm2",
    "_plus0",
    "_plus1",
    "batchnorm11",
    "_plus2",
    "_plus3",
    "batchnorm20",
    "_plus4",
    "_plus5",
    "batchnorm29",
    "_plus6",
    "_plus7",
)
"""What the teacher says after its stem and after each block."""
TEACHER_SCALES = (0.08, *[0.1] * 3, *[0.08] * 3, *[0.07] * 3, *[0.25] * 3, 4.8)
"""Spread of what it says, stage by stage; the student learns the same at spread 1. One number for
all blocks that add to each other."""


LIFT = 3
"""Pixels by which crops are moved up before they are looked at; below, the last row is repeated."""


def lifted(crops: np.ndarray) -> np.ndarray:
    return np.concatenate([crops[:, LIFT:], np.repeat(crops[:, -1:], LIFT, axis=1)], axis=1)


class Block(nn.Module):
    def __init__(self, before: int, after: int, inside: int, stride: int) -> None:
        super().__init__()
        self.adds = stride == 1 and before == after
        self.body = nn.Sequential(
            nn.Conv2d(before, inside, 1, bias=False),
            nn.BatchNorm2d(inside),
            nn.ReLU6(),
            nn.Conv2d(inside, inside, 3, stride, 1, groups=inside, bias=False),
            nn.BatchNorm2d(inside),
            nn.ReLU6(),
            nn.Conv2d(inside, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        if self.adds:
            nn.init.constant_(self.body[-1].weight, 0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.body(x)
        return x + y if self.adds else y

    def folded(self, x: torch.Tensor) -> torch.Tensor:
        """Do the same with normalisation as it stands, folded into the convolutions."""
        wide, norm_a, _, deep, norm_b, _, narrow, norm_c = self.body
        y = functional.relu6(functional.conv2d(x, *fold(wide, norm_a)))
        weight, bias = fold(deep, norm_b)
        y = functional.relu6(functional.conv2d(y, weight, bias, deep.stride, 1, 1, deep.groups))
        y = functional.conv2d(y, *fold(narrow, norm_c))
        return x + y if self.adds else y


def fold(layer: nn.Module, norm: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weight and bias of a layer with the running statistics of the norm after it."""
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    shape = (-1, *[1] * (layer.weight.ndim - 1))
    return layer.weight * factor.reshape(shape), norm.bias - norm.running_mean * factor


class Encoder(nn.Module):
    """Takes grey crops, (x - 127.5) / 127.5, N x 1 x 112 x 112."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()
        )
        self.blocks = nn.ModuleList([Block(*row) for row in PLAN])
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(128 * 16, 256, bias=False), nn.BatchNorm1d(256)
        )

    def stages(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return what stem, each block and the head say."""
        out = [self.stem(x)]
        for block in self.blocks:
            out.append(block(out[-1]))
        out.append(self.head(out[-1]))
        return out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.stages(x)[-1]

    def folded_stages(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Do as `stages()` with normalisation as it stands: half the time in training."""
        stem, norm = self.stem[0], self.stem[1]
        out = [functional.relu6(functional.conv2d(x, *fold(stem, norm), 2, 1))]
        for block in self.blocks:
            out.append(block.folded(out[-1]))
        flat = out[-1].flatten(1)
        return [*out, functional.linear(flat, *fold(self.head[1], self.head[2]))]


class Shipped(nn.Module):
    """What is exported: RGB in, made grey and maybe moved up, length 1 out."""

    def __init__(self, net: Encoder, *, lift: bool = False) -> None:
        super().__init__()
        self.net = net
        self.lift = lift
        self.register_buffer("grey", torch.tensor(GREY).reshape(1, 3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        grey = (pixels * self.grey).sum(1, keepdim=True)
        if self.lift:
            grey = torch.cat([grey[:, :, LIFT:], *[grey[:, :, -1:]] * LIFT], dim=2)
        return nn.functional.normalize(self.net(grey))
