"""Fits the detector's heads, which are linear, by least squares; see README.md here.

    python fit_heads.py --shared DIR --work /tmp/train --start detector_modules.pt

Each head is a pointwise and a depthwise convolution without anything between them. The features are
the student's own, the goals what YuNet says after each of the two. Places count more where YuNet
sees a face.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from detector_net import HEADS, STRIDES, TEACHER_LOGITS
from torch.nn import functional
from train_detector import Run, Teacher

PICTURES = 240
STEP = 6
MIDDLES = {
    "cls": ("257", "259", "261"),
    "obj": ("269", "271", "273"),
    "bbox": ("263", "265", "267"),
    "kps": ("275", "277", "279"),
}
FACE_WEIGHT = {"cls": 20.0, "obj": 20.0, "bbox": 300.0, "kps": 300.0}
RIDGE = 1e-4


def solve(x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the weighted ridge solution; the last row belongs to the constant."""
    x = torch.cat([x, torch.ones(len(x), 1)], 1).double()
    root = weight.double().sqrt()[:, None]
    a, b = x * root, y.double() * root
    gram = a.T @ a
    gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram))
    return torch.linalg.solve(gram, a.T @ b).float()


def flat(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


@torch.no_grad()
def fit(run: Run, yunet: Path) -> None:
    names = [n for three in (*MIDDLES.values(), *TEACHER_LOGITS.values()) for n in three]
    teacher = Teacher(yunet, names)
    rows = np.arange(PICTURES)
    kept: dict = {}
    for at in range(0, PICTURES, STEP):
        pixels = np.ascontiguousarray(
            run.pictures[rows[at : at + STEP]].transpose(0, 3, 1, 2), np.float32
        )
        said = dict(zip(names, teacher.named(pixels)))
        top, middle, fine = run.net.features(torch.from_numpy(pixels))[-3:]
        for level, x in enumerate((fine, middle, top)):
            sure = (
                said[TEACHER_LOGITS["cls"][level]].sigmoid()
                * said[TEACHER_LOGITS["obj"][level]].sigmoid()
            ).sqrt()
            kept.setdefault((level, "x"), []).append(flat(x))
            kept.setdefault((level, "sure"), []).append(flat(sure)[:, 0])
            for name in HEADS:
                goal = said[MIDDLES[name][level]]
                kept.setdefault((level, name), []).append(flat(goal))
                around = functional.unfold(goal, 3, padding=1)
                around = around.reshape(len(goal), goal.shape[1], 9, -1).permute(0, 3, 1, 2)
                kept.setdefault((level, name, "around"), []).append(around.flatten(0, 1))
                kept.setdefault((level, name, "out"), []).append(
                    flat(said[TEACHER_LOGITS[name][level]])
                )
    kept = {key: torch.cat(parts) for key, parts in kept.items()}
    for level in range(len(STRIDES)):
        x, sure = kept[level, "x"], kept[level, "sure"]
        for name, width in HEADS.items():
            weight = 1 + FACE_WEIGHT[name] * sure
            point, deep = run.net.heads[name][level]
            found = solve(x, kept[level, name], weight)
            point.weight.copy_(found[:-1].T.reshape(point.weight.shape))
            point.bias.copy_(found[-1])
            for channel in range(width):
                around = kept[level, name, "around"][:, channel]
                found = solve(around, kept[level, name, "out"][:, channel : channel + 1], weight)
                deep.weight[channel, 0].copy_(found[:-1, 0].reshape(3, 3))
                deep.bias[channel] = found[-1, 0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    run = Run(args)
    run.net.load_state_dict(torch.load(args.start))
    run.net.eval()
    fit(run, args.shared / "models/face_detection_yunet_2023mar.onnx")
    run.keep("heads")


if __name__ == "__main__":
    main()
