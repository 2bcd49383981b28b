"""Composed pictures for the detector: faces of all sizes on backgrounds whose licence is clear."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from data import held_out

HEIGHT, WIDTH = 256, 320
SAMPLES = (
    "brick.png", "grass.png", "gravel.png", "coffee.png", "chelsea.png", "moon.png", "coins.png",
    "page.png", "text.png", "rocket.jpg", "hubble_deep_field.jpg", "horse.png",
)  # fmt: skip
"""Of scikit-image's sample pictures, those without a person."""


def webcam_files(shared: Path, *, held: bool) -> list[Path]:
    return [
        file
        for file in sorted((shared / "pad").glob("*/*/*.jpg"))
        if held_out("nuaa-" + file.parent.name[:4]) == held
    ]


def face_files(shared: Path, *, held: bool) -> list[Path]:
    with (shared / "faces/labels.csv").open(encoding="utf-8", newline="") as stream:
        return [
            shared / "faces" / row["file"]
            for row in csv.DictReader(stream)
            if held_out(row["identity"]) == held
        ]


class Scenes:
    """Draws pictures; deterministic for its seed."""

    def __init__(self, shared: Path, samples: Path, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.webcam = webcam_files(shared, held=False)
        self.faces = face_files(shared, held=False)
        found = [cv2.imread(str(samples / name), cv2.IMREAD_COLOR) for name in SAMPLES]
        self.samples = [image for image in found if image is not None]
        self.rooms = [self._room(self._webcam_frame()) for _ in range(60)]

    def _webcam_frame(self) -> np.ndarray:
        return cv2.imread(str(self.webcam[self.rng.integers(len(self.webcam))]), cv2.IMREAD_COLOR)

    def _room(self, frame: np.ndarray) -> np.ndarray:
        """Return a strip of a webcam frame beside the person, who sits in the middle."""
        left = frame[:, : frame.shape[1] // 4]
        right = frame[:, -frame.shape[1] // 4 :]
        return np.concatenate([left, right], axis=1)

    def background(self) -> np.ndarray:
        rng = self.rng
        kind = rng.random()
        if kind < 0.35:
            base = self.rooms[rng.integers(len(self.rooms))]
        elif kind < 0.7:
            base = self.samples[rng.integers(len(self.samples))]
        else:
            cells = int(rng.integers(1, 24))
            noise = rng.uniform(0, 255, (cells, cells + 1, 3)).astype(np.float32)
            way = cv2.INTER_CUBIC if rng.random() < 0.6 else cv2.INTER_NEAREST
            base = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=way).clip(0, 255)
            base = base.astype(np.uint8)
            for _ in range(int(rng.integers(0, 8))):
                self._mark(base)
        height, width = base.shape[:2]
        share = rng.uniform(0.35, 1)
        h, w = max(16, int(height * share)), max(16, int(width * share))
        y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
        return cv2.resize(base[y : y + h, x : x + w], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)

    def _mark(self, image: np.ndarray) -> None:
        rng = self.rng
        colour = rng.uniform(0, 255, 3).tolist()
        a = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT)))
        b = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT)))
        kind = rng.integers(4)
        if kind == 0:
            cv2.rectangle(image, a, b, colour, -1)
        elif kind == 1:
            cv2.circle(image, a, int(rng.integers(4, 60)), colour, int(rng.choice([-1, 2])))
        elif kind == 2:
            cv2.line(image, a, b, colour, int(rng.integers(1, 9)))
        else:
            cv2.putText(image, str(rng.integers(10**6)), a, 0, rng.uniform(0.4, 2), colour, 2)

    def _paste(self, image: np.ndarray, patch: np.ndarray) -> None:
        """Put a patch somewhere, partly outside at times, with a hard or a soft edge."""
        rng = self.rng
        height, width = patch.shape[:2]
        angle = rng.normal(0, 9)
        x = rng.uniform(-0.25 * width, WIDTH - 0.75 * width)
        y = rng.uniform(-0.25 * height, HEIGHT - 0.75 * height)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
        matrix[:, 2] += (x, y)
        mask = np.zeros((height, width), np.float32)
        edge = max(1, int(rng.uniform(0, 0.12) * min(height, width)))
        mask[edge:-edge, edge:-edge] = 1
        if rng.random() < 0.7:
            mask = cv2.blur(mask, (2 * edge + 1, 2 * edge + 1))
        size = (WIDTH, HEIGHT)
        mask = cv2.warpAffine(mask, matrix, size)[..., None]
        moved = cv2.warpAffine(patch, matrix, size)
        image[:] = (image * (1 - mask) + moved * mask).astype(np.uint8)

    def _face(self) -> np.ndarray:
        """Return a whole LFW picture at a random size, often tinted."""
        rng = self.rng
        file = self.faces[rng.integers(len(self.faces))]
        patch = cv2.imread(str(file), cv2.IMREAD_COLOR)
        side = int(np.exp(rng.uniform(np.log(26), np.log(340))))
        way = cv2.INTER_AREA if side < 200 else cv2.INTER_LINEAR
        patch = cv2.resize(patch, (side, side), interpolation=way)
        if rng.random() < 0.5:
            tint = np.array([0.75, 0.95, 1.2]) * rng.normal(1, 0.08, 3)
            patch = np.clip(patch * tint, 0, 255).astype(np.uint8)
        return patch

    def _webcam(self) -> np.ndarray:
        """Return a webcam frame as the kiosk shrinks it, or nearer and moved."""
        rng = self.rng
        frame = self._webcam_frame()
        image = self.background()
        scale = 0.5 if rng.random() < 0.4 else np.exp(rng.uniform(np.log(0.22), np.log(1.1)))
        size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
        small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        x = int(rng.integers(min(0, WIDTH - size[0]), max(0, WIDTH - size[0]) + 1))
        y = int(rng.integers(min(0, HEIGHT - size[1]), max(0, HEIGHT - size[1]) + 1))
        part = small[max(0, -y) : HEIGHT - y, max(0, -x) : WIDTH - x]
        top, left = max(0, y), max(0, x)
        image[top : top + part.shape[0], left : left + part.shape[1]] = part
        return image

    def draw(self) -> np.ndarray:
        """Return one picture, HEIGHT x WIDTH x 3 BGR."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.4:
            image = self._webcam()
        else:
            image = self.background()
            if kind < 0.92:
                for _ in range(int(rng.integers(1, 5))):
                    self._paste(image, self._face())
        return self._exposed(image)

    def _exposed(self, image: np.ndarray) -> np.ndarray:
        rng = self.rng
        if rng.random() < 0.5:
            image = image[:, ::-1]
        value = image.astype(np.float32)
        if rng.random() < 0.6:
            value = 255 * (value / 255) ** np.exp(rng.normal(0, 0.35))
            value = value * rng.normal(1, 0.07, 3) * np.exp(rng.normal(0, 0.2))
            value = value + rng.normal(0, 10)
        if rng.random() < 0.2:
            value = np.repeat(value.mean(2, keepdims=True), 3, axis=2)
        if rng.random() < 0.25:
            value = cv2.GaussianBlur(value, (0, 0), rng.uniform(0.4, 1.6))
        if rng.random() < 0.4:
            value = value + rng.normal(0, rng.uniform(1, 7), value.shape)
        value = np.clip(value, 0, 255).astype(np.uint8)
        if rng.random() < 0.2:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))]
            value = cv2.imdecode(cv2.imencode(".jpg", value, quality)[1], cv2.IMREAD_COLOR)
        return np.ascontiguousarray(value)
