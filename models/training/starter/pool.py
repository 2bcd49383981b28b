"""Draws the detector's pictures in advance, with YuNet's answers; see README.md here.

python pool.py --shared DIR --samples DIR --work /tmp/train --count 6000
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
from detector_net import HEADS, STRIDES
from scenes import HEIGHT, WIDTH, Scenes
from train_detector import Teacher

from data import SEED

STEP = 12


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--count", type=int, default=6000)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    scenes = Scenes(args.shared, args.samples, SEED)
    teacher = Teacher(args.shared / "models/face_detection_yunet_2023mar.onnx")
    shape = (args.count, HEIGHT, WIDTH, 3)
    pictures = np.lib.format.open_memmap(args.work / "pool.npy", "w+", np.uint8, shape)
    answers = {
        (kind, stride): np.lib.format.open_memmap(
            args.work / f"pool_{kind}_{stride}.npy", "w+", np.float16,
            (args.count, width, HEIGHT // stride, WIDTH // stride),
        )
        for kind, width in HEADS.items()
        for stride in STRIDES
    }  # fmt: skip
    begun = time.time()
    for at in range(0, args.count, STEP):
        drawn = np.stack([scenes.draw() for _ in range(min(STEP, args.count - at))])
        pictures[at : at + len(drawn)] = drawn
        pixels = np.ascontiguousarray(drawn.transpose(0, 3, 1, 2), np.float32)
        _, theirs = teacher(pixels, taps=False)
        for (kind, stride), kept in answers.items():
            kept[at : at + len(drawn)] = theirs[kind][STRIDES.index(stride)].numpy()
        if at // STEP % 50 == 49:
            print(f"{time.time() - begun:.0f} s {at + len(drawn)}", flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    main()
