"""Pictures, split, landmarks and teacher answers, gathered once into one file; see README.md here.

    python data.py --shared ../../../../shared --work /tmp/train

Never imported by the kiosk. What it writes holds pictures of people: keep it out of the repository
and delete it after the training.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

sys.path.insert(0, str(Path(__file__).parents[3]))
from kiosk.bench import sets

SIDE = 200
"""Pixels of the square picture kept of each face, the size of LFW's files."""
ALIGNED = 112
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
TARGET_JITTER = 0.02
SEED = 20261128


def held_out(identity: str) -> bool:
    """Say whether an identity is kept out of every training; NUAA's are written nuaa-0001."""
    if identity.startswith("nuaa-"):
        return identity.removeprefix("nuaa-") in sets.WEBCAM_HELD_OUT
    return sets.held_out(identity)


def similarity(points: np.ndarray, target: np.ndarray = TEMPLATE) -> np.ndarray:
    """Return the 2 x 3 least-squares similarity (Umeyama), as insightface's `face_align`."""
    points = points.astype(np.float64)
    mean_p, mean_t = points.mean(0), target.mean(0)
    p, t = points - mean_p, target - mean_t
    u, s, vt = np.linalg.svd(t.T @ p / len(p))
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * sign) @ vt
    scale = (s * sign).sum() / p.var(0).sum()
    matrix = np.empty((2, 3))
    matrix[:, :2] = scale * rotation
    matrix[:, 2] = mean_t - matrix[:, :2] @ mean_p
    return matrix


def aligned(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(image, similarity(points), (ALIGNED, ALIGNED), borderValue=0)


def detector(file: Path, score: float):
    return cv2.FaceDetectorYN.create(str(file), "", (320, 320), score, 0.3, 50)


def found(net, image: np.ndarray) -> np.ndarray | None:
    """Return the row (box, landmarks, score) of the largest face, sides up to 320 as the kiosk."""
    height, width = image.shape[:2]
    shrink = min(1.0, 320 / max(height, width))
    if shrink < 1:
        size = (round(width * shrink), round(height * shrink))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    net.setInputSize((image.shape[1], image.shape[0]))
    _, rows = net.detect(image)
    if rows is None:
        return None
    row = max(rows, key=lambda r: r[2] * r[3]).copy()
    row[:14] /= shrink
    return row


def square_of(frame: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Cut 1.7 times the box around a face; return it with scale and offset of the coordinates."""
    side = 1.7 * max(row[2], row[3])
    x0, y0 = row[0] + row[2] / 2 - side / 2, row[1] + row[3] / 2 - side / 2
    scale = SIDE / side
    matrix = np.array([[scale, 0, -x0 * scale], [0, scale, -y0 * scale]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.warpAffine(frame, matrix, (SIDE, SIDE), flags=flags), scale, np.array([x0, y0])


class Teacher:
    """MobileFace V2 on grey crops; answers are normalised."""

    def __init__(self, file: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        blob = np.repeat(crops[:, None].astype(np.float32), 3, axis=1)
        out = self.session.run(["embedding"], {"data": blob})[0]
        return out / np.linalg.norm(out, axis=1, keepdims=True)


def gather(shared: Path, start: Path):
    """Yield picture (grey, 200 x 200), identity, kind, label and landmarks of both detectors."""
    yunet = detector(shared / "models/face_detection_yunet_2023mar.onnx", 0.6)
    own = detector(start, 0.6)
    with (shared / "faces/labels.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        image = cv2.imread(str(shared / "faces" / row["file"]), cv2.IMREAD_COLOR)
        if image is None:
            continue
        a, b = found(yunet, image), found(own, image)
        if a is None:
            continue
        b = a * np.nan if b is None else b
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        yield grey, row["identity"], "lfw", row["expression"], a, b
    for file in sorted((shared / "pad").glob("*/*/*.jpg")):
        kind = file.parent.parent.name
        frame = cv2.imread(str(file), cv2.IMREAD_COLOR)
        a, b = found(yunet, frame), found(own, frame)
        if a is None:
            continue
        b = a * np.nan if b is None else b
        picture, scale, origin = square_of(frame, a)
        for row in (a, b):
            row[:2] = (row[:2] - origin) * scale
            row[2:4] *= scale
            row[4:14] = ((row[4:14].reshape(5, 2) - origin) * scale).reshape(-1)
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        yield grey, "nuaa-" + file.parent.name[:4], kind, "", a, b


def targets(teacher: Teacher, images: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the teacher's mean answer over the clean crop, two slightly moved ones and mirrors."""
    rng = np.random.default_rng(SEED)
    out = []
    for at in range(0, len(images), 32):
        total = 0.0
        for moved in (0.0, 1.0, 1.0):
            crops = []
            for image, place in zip(images[at : at + 32], points[at : at + 32]):
                eyes = np.linalg.norm(place[0] - place[1])
                noise = rng.normal(0, TARGET_JITTER * eyes, place.shape) * moved
                crops.append(aligned(image, place + noise))
            crops = np.stack(crops)
            total = total + teacher(crops) + teacher(crops[:, :, ::-1])
        out.append(total / np.linalg.norm(total, axis=1, keepdims=True))
    return np.concatenate(out).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--start-detector", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    begun = time.time()
    kept = list(zip(*gather(args.shared, args.start_detector)))
    images = np.stack(kept[0])
    rows_a, rows_b = np.stack(kept[4]), np.stack(kept[5])
    points = rows_a[:, 4:14].reshape(-1, 5, 2)
    print(f"{len(images)} faces, {time.time() - begun:.0f} s", flush=True)
    teacher = Teacher(args.shared / "models/mobileface_identification_v2.onnx")
    target = targets(teacher, images, points)
    np.savez(
        args.work / "faces.npz",
        images=images,
        identity=np.array(kept[1]),
        kind=np.array(kept[2]),
        expression=np.array(kept[3]),
        rows_yunet=rows_a,
        rows_own=rows_b,
        target=target,
        held_out=np.array([held_out(name) for name in kept[1]]),
    )
    print(f"done, {time.time() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
