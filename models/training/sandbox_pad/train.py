"""Train the sandbox's PAD network on simulated people; see README.md here.

Run as a script, never imported. Pictures stay in memory.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[3]))
from kiosk.faces.vision.detector import Detector, Face
from kiosk.faces.vision.pad.passive import crop_scaled
from kiosk.sandbox.people.scene import CustomerScene, EmptyScene, PhotoScene, gather
from models.manifest import SHIPPED_DIR, load_pack

TRAIN_PEOPLE = (0, 1, 3, 4)
KEPT_OUT = (2, 5)
FIRST_TRAINING_SEED = 1_000_000
SIDE = 80
SCALE = 2.7
SEED = 11


class Net(nn.Module):
    """Four strided convolutions; colour and light are normalised inside."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 16, 32, 48, 64)
        layers = []
        for before, after in zip(widths, widths[1:]):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(64, 3)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = (pixels - 110.0) / 64.0
        x = self.body(x).mean(dim=(2, 3))
        return self.head(x)


class WithProbabilities(nn.Module):
    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.net(pixels), dim=1)


def patch_of(image: np.ndarray, face: Face, rng: np.random.Generator, jitter: float) -> np.ndarray:
    dx, dy = rng.normal(0, 0.05 * jitter, 2)
    size = 1 + rng.normal(0, 0.06 * jitter)
    box = Face(
        face.x + dx * face.width,
        face.y + dy * face.height,
        face.width * size,
        face.height * size,
        face.score,
        face.landmarks,
    )
    crop = crop_scaled(image, box, SCALE * (1 + rng.normal(0, 0.05 * jitter)))
    return cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def drawn(crowd, detector, people, seeds, frames, rng, jitter):
    """Return patches and labels of customers (1) and photos (0)."""
    patches, labels = [], []
    for seed in seeds:
        for label, kind in ((1, CustomerScene), (0, PhotoScene)):
            person = people[int(rng.integers(len(people)))]
            turning = {"turning": bool(rng.random() < 0.4)} if label else {}
            scene = kind(crowd, person, int(seed), **turning)
            smile = float(rng.random() < 0.4)
            for index in range(frames):
                at_ms = int(rng.integers(0, 9_000))
                image = scene.frame(index, at_ms, smile * rng.random())
                faces = detector.detect(image)
                if faces:
                    patches.append(patch_of(image, faces[0], rng, jitter))
                    labels.append(label)
    return np.stack(patches), np.array(labels)


def rooms(crowd, count, rng):
    patches = []
    for seed in range(count):
        image = EmptyScene(crowd, FIRST_TRAINING_SEED + seed).frame(0, 0, 0.0)
        size = rng.uniform(100, 180)
        face = Face(
            rng.uniform(80, 560 - size),
            rng.uniform(60, 440 - size),
            size,
            size,
            1.0,
            np.zeros((5, 2), np.float32),
        )
        patches.append(patch_of(image, face, rng, 1.0))
    return np.stack(patches)


def real(shared, detector, count, rng):
    """Frames of real people and prints, as class 2; their colours are changed at random later."""
    files = (
        sorted((shared / "pad").glob("*/*/*.jpg")) + sorted((shared / "faces").glob("*.jpg"))[::6]
    )
    rng.shuffle(files)
    patches = []
    for file in files[: count * 2]:
        image = cv2.imread(str(file), cv2.IMREAD_COLOR)
        faces = detector.detect(image)
        if faces:
            patches.append(patch_of(image, faces[0], rng, 1.0))
        if len(patches) >= count:
            break
    return np.stack(patches)


def augmented(batch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    out = np.empty(batch.shape, np.float32)
    for i, patch in enumerate(batch):
        if rng.random() < 0.5:
            patch = patch[:, ::-1]
        if rng.random() < 0.25:
            quality = int(rng.integers(40, 95))
            _, coded = cv2.imencode(".jpg", patch, [cv2.IMWRITE_JPEG_QUALITY, quality])
            patch = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        value = patch.astype(np.float32)
        if rng.random() < 0.3:
            value = cv2.GaussianBlur(value, (0, 0), rng.uniform(0.3, 1.0))
        value = value * rng.uniform(0.7, 1.25) * rng.uniform(0.9, 1.1, 3)
        grey = value.mean(axis=2, keepdims=True)
        value = grey + (value - grey) * rng.uniform(0.75, 1.2)
        value += rng.normal(0, rng.uniform(0, 4), value.shape)
        out[i] = np.clip(value, 0, 255)
    return np.ascontiguousarray(out.transpose(0, 3, 1, 2))


def report(net, name, patches, labels):
    net.eval()
    with torch.no_grad():
        blob = torch.from_numpy(patches.astype(np.float32).transpose(0, 3, 1, 2).copy())
        score = torch.softmax(net(blob), dim=1)[:, 1].numpy()
    live, attack = score[labels == 1], score[labels != 1]
    parts = []
    if len(live):
        parts.append(
            f"customers n={len(live)} below .5: {np.mean(live < 0.5):.4f}, lowest {live.min():.3f}"
        )
    if len(attack):
        parts.append(
            f"others n={len(attack)} above .5: {np.mean(attack >= 0.5):.4f}, highest {attack.max():.3f}"
        )
    print(name, "; ".join(parts), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--real", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=520)
    parser.add_argument("--epochs", type=int, default=14)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    start = time.monotonic()
    crowd = gather()
    detector = Detector(load_pack(SHIPPED_DIR / "starter").detector, score_min=0.6)
    train_seeds = range(FIRST_TRAINING_SEED, FIRST_TRAINING_SEED + options.scenes)
    x, y = drawn(crowd, detector, TRAIN_PEOPLE, train_seeds, 5, rng, 1.0)
    others = [rooms(crowd, 400, rng)]
    kept_real = None
    if options.real:
        frames = real(options.real, detector, 1600, rng)
        others.append(frames[:1300])
        kept_real = frames[1300:]
    z = np.concatenate(others)
    x, y = np.concatenate([x, z]), np.concatenate([y, np.full(len(z), 2)])
    counts = np.bincount(y, minlength=3)
    print(
        f"drawn in {time.monotonic() - start:.0f} s; photo, customer, other: {counts.tolist()}",
        flush=True,
    )
    net = Net()
    weights = torch.tensor(counts.sum() / (3.0 * counts), dtype=torch.float32)
    loss_of = nn.CrossEntropyLoss(weight=weights, label_smoothing=0.02)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    steps = options.epochs * (len(x) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for epoch in range(options.epochs):
        net.train()
        order = rng.permutation(len(x))
        total = 0.0
        for at in range(0, len(order) - 63, 64):
            chosen = order[at : at + 64]
            loss = loss_of(
                net(torch.from_numpy(augmented(x[chosen], rng))), torch.from_numpy(y[chosen])
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(
            f"epoch {epoch + 1} loss {total / (len(order) // 64):.4f} {time.monotonic() - start:.0f} s",
            flush=True,
        )
    net.eval()
    for name, people in (
        ("people seen, seeds not", TRAIN_PEOPLE),
        ("people and seeds not seen", KEPT_OUT),
    ):
        report(net, name, *drawn(crowd, detector, people, range(500_000, 500_060), 4, rng, 0.0))
    if kept_real is not None:
        report(net, "real frames not seen", kept_real, np.full(len(kept_real), 2))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        WithProbabilities(net).eval(),
        torch.zeros(1, 3, SIDE, SIDE),
        str(options.out),
        input_names=["input"],
        output_names=["probs"],
        opset_version=13,
        dynamo=False,
        dynamic_axes={"input": {0: "n"}, "probs": {0: "n"}},
    )
    print(f"{options.out.name} {options.out.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
