"""Distils the starter detector from YuNet in three phases; see README.md here.

    python train_detector.py --shared DIR --work /tmp/train --minutes 3.5 4 3

1. Unit by unit: each learns, from what YuNet says before it, what YuNet says after it; the heads
   learn from YuNet's last maps.
2. All together towards YuNet's answers, with weight on landmarks and boxes where it sees a face.
3. Unit by unit again, with the normalisation's statistics fixed.

`fit_heads.py` goes on from here. The pictures and YuNet's answers to them come from `pool.py`.

1. Unit by unit: each learns, from what YuNet says before it, what YuNet says after it; the
   heads learn from YuNet's last maps.
2. All together towards YuNet's answers, with weight on landmarks and boxes where it sees a face.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
from detector_net import HEADS, STRIDES, TEACHER_LOGITS, TEACHER_TAPS, Detector, Shipped
from scenes import face_files, webcam_files
from torch.nn import functional

from data import SEED

BATCH = 6
LOCAL_BATCH = 3
HINT = 0.5
"""Weight in phase 2 of what YuNet says after each unit."""
CHANNELS_LAST = torch.channels_last
WEIGHTS = {"cls": 1.0, "obj": 1.0, "bbox": 0.5, "kps": 1.5}


class Teacher:
    def __init__(self, file: Path, names: list[str] | None = None) -> None:
        graph = onnx.load(str(file))
        plain = [*TEACHER_TAPS, *(name for three in TEACHER_LOGITS.values() for name in three)]
        names = names or plain
        del graph.graph.output[:]
        for name in names:
            graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
        shape = graph.graph.input[0].type.tensor_type.shape.dim
        for place, name in ((0, "N"), (2, "H"), (3, "W")):
            shape[place].ClearField("dim_value")
            shape[place].dim_param = name
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, ["CPUExecutionProvider"]
        )
        self.names, self.logits = names, plain[len(TEACHER_TAPS) :]

    def named(self, pixels: np.ndarray) -> list[torch.Tensor]:
        """Return what was asked for by name at the start."""
        return [torch.from_numpy(x) for x in self.session.run(self.names, {"input": pixels})]

    def __call__(self, pixels: np.ndarray, *, taps: bool):
        names = [*(TEACHER_TAPS if taps else ()), *self.logits]
        out = [torch.from_numpy(x) for x in self.session.run(names, {"input": pixels})]
        said, rest = out[: -len(self.logits)], iter(out[-len(self.logits) :])
        return said, {name: [next(rest) for _ in STRIDES] for name in HEADS}


def distance(mine: dict, theirs: dict) -> dict[str, torch.Tensor]:
    """Return the loss of each kind of answer; places count by how sure YuNet is of a face."""
    total = {name: torch.zeros(()) for name in HEADS}
    for level in range(len(STRIDES)):
        sure = (theirs["cls"][level].sigmoid() * theirs["obj"][level].sigmoid()).sqrt()
        for name in ("cls", "obj"):
            goal = theirs[name][level].sigmoid()
            loss = functional.binary_cross_entropy_with_logits(
                mine[name][level], goal, reduction="none"
            )
            floor = functional.binary_cross_entropy_with_logits(
                theirs[name][level], goal, reduction="none"
            )
            weight = 1 + 4 * sure
            total[name] = total[name] + 30 * ((loss - floor) * weight).mean()
        place = sure * (sure > 0.2)
        for name, sharp in (("bbox", 0.05), ("kps", 0.02)):
            # In strides; the Huber turn lies near the error that is wanted.
            loss = functional.huber_loss(
                mine[name][level], theirs[name][level], reduction="none", delta=sharp
            )
            loss = (loss / sharp).sum(1, keepdim=True)
            total[name] = total[name] + (loss * place).sum() / (place.sum() + 1.0)
    return total


def real_frames(shared: Path) -> list[np.ndarray]:
    """Return held-out frames as the kiosk's detector gets them."""
    frames = []
    for file in webcam_files(shared, held=True)[::4]:
        frame = cv2.imread(str(file), cv2.IMREAD_COLOR)
        frames.append(cv2.resize(frame, (320, 240), interpolation=cv2.INTER_AREA))
    frames += [cv2.imread(str(f), cv2.IMREAD_COLOR) for f in face_files(shared, held=True)[::5]]
    return frames


def faces_of(file: Path, frames: list[np.ndarray], score: float) -> list[np.ndarray]:
    net = cv2.FaceDetectorYN.create(str(file), "", (320, 320), score, 0.3, 50)
    out = []
    for frame in frames:
        net.setInputSize((frame.shape[1], frame.shape[0]))
        rows = net.detect(frame)[1]
        out.append(np.empty((0, 15), np.float32) if rows is None else rows)
    return out


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    x0, y0 = np.maximum(a[:2], b[:2])
    x1, y1 = np.minimum(a[:2] + a[2:4], b[:2] + b[2:4])
    inside = max(0.0, x1 - x0) * max(0.0, y1 - y0)
    return float(inside / (a[2] * a[3] + b[2] * b[3] - inside))


def compare(file: Path, reference: list, weak: list, frames: list, score: float) -> dict:
    """Count YuNet's faces that are found, landmark errors and faces that YuNet does not see."""
    found = total = false = 0
    errors = []
    for theirs, any_of, mine in zip(reference, weak, faces_of(file, frames, score)):
        for face in theirs[theirs[:, 2] >= 30]:
            total += 1
            best = max(mine, key=lambda row: overlap(face, row), default=None)
            if best is None or overlap(face, best) < 0.5:
                continue
            found += 1
            points = face[4:14].reshape(5, 2)
            gap = np.linalg.norm(points - best[4:14].reshape(5, 2), axis=1).mean()
            errors.append(gap / np.linalg.norm(points[0] - points[1]))
        false += sum(all(overlap(row, face) < 0.3 for face in any_of) for row in mine)
    return {
        "recall": round(found / max(total, 1), 4),
        "of": total,
        "landmarks": round(float(np.median(errors)), 4) if errors else None,
        "landmarks_p90": round(float(np.quantile(errors, 0.9)), 4) if errors else None,
        "false": false,
        "frames": len(frames),
    }


class Run:
    def __init__(self, args: argparse.Namespace) -> None:
        torch.manual_seed(SEED)
        self.work = args.work
        yunet = args.shared / "models/face_detection_yunet_2023mar.onnx"
        self.teacher = Teacher(yunet)
        self.pictures = np.load(args.work / "pool.npy", mmap_mode="r")
        self.pool = {
            kind: [np.load(args.work / f"pool_{kind}_{s}.npy", mmap_mode="r") for s in STRIDES]
            for kind in HEADS
        }
        self.rng = np.random.default_rng(SEED)
        self.queue = np.empty(0, int)
        self.net = Detector().to(memory_format=CHANNELS_LAST).train()
        self.frames = real_frames(args.shared)
        self.reference = faces_of(yunet, self.frames, 0.8)
        self.weak = faces_of(yunet, self.frames, 0.3)
        self.begun = time.time()

    def say(self, *words: object) -> None:
        print(f"{time.time() - self.begun:6.0f} s", *words, flush=True)

    def batch(self, count: int) -> tuple[np.ndarray, torch.Tensor, dict]:
        """Return pictures, the same for the network, and YuNet's answers."""
        if len(self.queue) < count:
            self.queue = self.rng.permutation(len(self.pictures))
        rows, self.queue = np.sort(self.queue[:count]), self.queue[count:]
        pixels = np.ascontiguousarray(self.pictures[rows].transpose(0, 3, 1, 2), np.float32)
        answers = {
            kind: [torch.from_numpy(level[rows].astype(np.float32)) for level in levels]
            for kind, levels in self.pool.items()
        }
        return pixels, torch.from_numpy(pixels).contiguous(memory_format=CHANNELS_LAST), answers

    def keep(self, name: str) -> None:
        torch.save(self.net.state_dict(), self.work / f"detector_{name}.pt")
        file = self.work / f"detector_{name}.onnx"
        names = [f"{kind}_{stride}" for kind in HEADS for stride in STRIDES]
        torch.onnx.export(
            Shipped(self.net.eval()), (torch.zeros(1, 3, 640, 640),), str(file),
            input_names=["input"], output_names=names, opset_version=11, dynamo=False,
        )  # fmt: skip
        for score in (0.6, 0.7, 0.8):
            result = compare(file, self.reference, self.weak, self.frames, score)
            self.say(name, "score", score, result)

    def loop(self, minutes: float, rate: float):
        optimiser = torch.optim.AdamW(self.net.parameters(), lr=rate, weight_decay=1e-5)
        begun, step = time.time(), 0
        while (done := (time.time() - begun) / (60 * minutes)) < 1:
            factor = min(1.0, (step + 1) / 40) * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done)))
            optimiser.param_groups[0]["lr"] = rate * factor
            optimiser.zero_grad()
            yield step
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
            optimiser.step()
            step += 1

    def modules(self, minutes: float, rate: float) -> None:
        mean = np.zeros(len(TEACHER_TAPS) + len(HEADS))
        for step in self.loop(minutes, rate):
            pixels, x, theirs = self.batch(LOCAL_BATCH)
            said, _ = self.teacher(pixels, taps=True)
            losses = [
                (mine - goal).pow(2).mean() / goal.var((0, 2, 3)).mean()
                for mine, goal in zip(self.net.local(x, said), said)
            ]
            top, middle, fine = said[-3:]
            heads = distance(self.net.answers(fine, middle, top), theirs)
            (sum(losses) + sum(WEIGHTS[k] * v for k, v in heads.items())).backward()
            now = np.array([v.item() for v in (*losses, *heads.values())])
            mean = now if step == 0 else 0.95 * mean + 0.05 * now
            if step % 50 == 49:
                self.say("modules", step + 1, mean.round(3).tolist())
        self.keep("modules")

    def together(self, minutes: float) -> None:
        mean, kept = np.zeros(len(HEADS) + 1), time.time()
        for step in self.loop(minutes, 1.5e-3):
            pixels, x, theirs = self.batch(BATCH)
            said, _ = self.teacher(pixels, taps=True)
            features = self.net.features(x)
            top, middle, fine = features[-3:]
            losses = distance(self.net.answers(fine, middle, top), theirs)
            hint = sum(
                (mine - goal).pow(2).mean() / goal.var((0, 2, 3)).mean()
                for mine, goal in zip(features, said)
            )
            (sum(WEIGHTS[k] * v for k, v in losses.items()) + HINT * hint).backward()
            now = np.array([v.item() for v in (*losses.values(), hint)])
            mean = now if step == 0 else 0.98 * mean + 0.02 * now
            if step % 100 == 99:
                self.say("together", step + 1, mean.round(4).tolist())
            if time.time() - kept > 180:
                self.keep("together")
                kept = time.time()
        self.keep("together")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, nargs=3, default=(3.5, 4, 3))
    parser.add_argument("--start", type=Path, help="Weights after phase 1: only phase 2 runs.")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    run = Run(args)
    start = args.shared / "starter-v0/starter_detector.onnx"
    run.say("v0, score 0.8", compare(start, run.reference, run.weak, run.frames, 0.8))
    if args.start is None:
        run.modules(args.minutes[0], 1e-2)
    else:
        run.net.load_state_dict(torch.load(args.start))
    # With the statistics of so few pictures the normalisation itself is the largest error by now:
    # from here on those that were gathered stay as they are.
    run.net.eval()
    run.together(args.minutes[1])
    run.modules(args.minutes[2], 3e-3)


if __name__ == "__main__":
    main()
