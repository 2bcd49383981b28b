"""Distils the starter encoder from MobileFace V2 in three phases; see README.md here.

    python train_encoder.py --work /tmp/train --teacher FILE --minutes 9 26 15

1. Block by block: each block learns, from what the teacher says before that block, what it says
   after it. Blocks of large maps see only some of the pictures: each has hundreds of places.
2. The late blocks together, behind the frozen early ones, towards the teacher's embedding.
3. All together towards embedding and blocks, with the normalisation's statistics fixed and folded, which halves the time.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch
from encoder_net import TEACHER_SCALES, TEACHER_TAPS, Encoder, Shipped
from metrics import report
from torch.nn import functional

from data import ALIGNED, SEED, aligned, held_out

BATCH = 64
MIXED = 28
"""Crops of a batch that are made of two faces: the teacher answers for the very same crop."""
SHARE_SEEN = (6, 6, 10, 10, 16, 32, 32, 64, 64, 64, 64, 64, 64, 64)
"""Pictures of a batch that stem, each block and head see in phase 1."""
HINT = 0.12
"""Weight in phase 3 of what the teacher says after each block."""
FROZEN = 4
"""Blocks that phase 2 leaves alone."""


class Faces:
    """The gathered faces, with augmentation; deterministic for its seed."""

    def __init__(self, file: Path, seed: int) -> None:
        with np.load(file) as data:
            self.images, self.identity, self.kind = data["images"], data["identity"], data["kind"]
            self.a = data["rows_yunet"][:, 4:14].reshape(-1, 5, 2)
            self.b = data["rows_own"][:, 4:14].reshape(-1, 5, 2)
            self.target = data["target"]
        held = np.array([held_out(name) for name in self.identity])
        lfw = self.kind == "lfw"
        self.test = np.flatnonzero(lfw & held)
        learn = np.flatnonzero(lfw & ~held)
        webcam = np.flatnonzero(~lfw & ~held)[::3]
        self.train = np.concatenate([learn, webcam])
        self.rng = np.random.default_rng(seed)
        self.queue = np.empty(0, int)
        self.own_share, self.jitter = 0.4, 0.045

    def next_rows(self, count: int) -> np.ndarray:
        while len(self.queue) < count:
            self.queue = np.concatenate([self.queue, self.rng.permutation(self.train)])
        rows, self.queue = self.queue[:count], self.queue[count:]
        return rows

    def moved(self, row: int) -> np.ndarray:
        """Return a crop with another detector's landmarks or noise on them, maybe mirrored."""
        rng, points = self.rng, self.a[row]
        if rng.random() < self.own_share and np.isfinite(self.b[row]).all():
            points = self.b[row]
        eyes = np.linalg.norm(points[0] - points[1])
        points = points + rng.normal(0, rng.uniform(0, self.jitter) * eyes, (5, 2))
        crop = aligned(self.images[row], points)
        return crop[:, ::-1] if rng.random() < 0.5 else crop

    def lit(self, crop: np.ndarray) -> np.ndarray:
        """Change light, sharpness and coding."""
        rng = self.rng
        value = crop.astype(np.float32)
        if rng.random() < 0.6:
            value = 255 * (value / 255) ** np.exp(rng.normal(0, 0.3))
            value = (value - 127) * np.exp(rng.normal(0, 0.2)) + 127 + rng.normal(0, 14)
        if rng.random() < 0.15:
            side = np.linspace(-1, 1, ALIGNED, dtype=np.float32)
            slope = rng.normal(0, 30, 2)
            value = value + slope[0] * side[:, None] + slope[1] * side[None]
        if rng.random() < 0.25:
            value = cv2.GaussianBlur(value, (0, 0), rng.uniform(0.4, 1.4))
        elif rng.random() < 0.2:
            small = int(rng.integers(44, 100))
            value = cv2.resize(value, (small, small), interpolation=cv2.INTER_AREA)
            value = cv2.resize(value, (ALIGNED, ALIGNED), interpolation=cv2.INTER_LINEAR)
        if rng.random() < 0.3:
            value = value + rng.normal(0, rng.uniform(1, 8), value.shape).astype(np.float32)
        value = np.clip(value, 0, 255).astype(np.uint8)
        if rng.random() < 0.2:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))]
            value = cv2.imdecode(cv2.imencode(".jpg", value, quality)[1], cv2.IMREAD_GRAYSCALE)
        return value

    def mixed(self, row: int) -> np.ndarray:
        """Return a crop blended or patched from two faces; faces nobody has, answers they have."""
        rng = self.rng
        one = self.moved(row).astype(np.float32)
        two = self.moved(int(rng.choice(self.train))).astype(np.float32)
        kind = rng.random()
        if kind < 0.5:
            mask = np.float32(rng.uniform(0.25, 0.75))
        else:
            mask = np.zeros((ALIGNED, ALIGNED), np.float32)
            cut = int(rng.integers(30, 82))
            if kind < 0.75:
                mask[:cut] = 1
            else:
                mask[:, :cut] = 1
            mask = cv2.GaussianBlur(mask, (0, 0), 4)
        return self.lit((one * mask + two * (1 - mask)).astype(np.uint8))

    def next_crops(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the next `BATCH` faces and crops of them; the first `MIXED` are blended."""
        rows = self.next_rows(BATCH)
        crops = [self.mixed(row) for row in rows[:MIXED]]
        crops += [self.lit(self.moved(row)) for row in rows[MIXED:]]
        return rows, np.stack(crops)

    def clean(self, rows: np.ndarray, own: bool) -> np.ndarray:
        points = self.b if own else self.a
        return np.stack([aligned(self.images[row], points[row]) for row in rows])


def far_from_hints(stages: list[torch.Tensor], said: list[torch.Tensor]) -> torch.Tensor:
    """Return how far the blended faces' stages are from what the teacher says after each block."""
    return sum(
        (mine[:MIXED] - y / scale).pow(2).mean() / (y / scale).var((0, 2, 3)).mean()
        for mine, y, scale in zip(stages[1:], said[1:], TEACHER_SCALES[1:])
    )


def learn(
    answers: torch.Tensor, goal: torch.Tensor, hint: torch.Tensor, hint_weight: float
) -> np.ndarray:
    """Take the gradients of a batch; return how far from the goal, from its likenesses, hints."""
    mine = functional.normalize(answers)
    near = (1 - (mine * goal).sum(1)).mean()
    alike = (mine @ mine.T - goal @ goal.T).pow(2).mean()
    (near * 4 + alike * 20 + hint * hint_weight).backward()
    return np.array([near.item(), alike.item(), hint.item()])


def as_input(crops: np.ndarray) -> torch.Tensor:
    value = torch.from_numpy(crops.astype(np.float32))[:, None]
    return ((value - 127.5) / 127.5).to(memory_format=torch.channels_last)


class TappedTeacher:
    def __init__(self, file: Path) -> None:
        import onnx

        graph = onnx.load(str(file))
        for name in TEACHER_TAPS:
            graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, ["CPUExecutionProvider"]
        )

    def __call__(self, crops: np.ndarray, taps: bool) -> list[torch.Tensor]:
        blob = np.repeat(crops[:, None].astype(np.float32), 3, axis=1)
        names = [*TEACHER_TAPS, "embedding"] if taps else ["embedding"]
        return [torch.from_numpy(x) for x in self.session.run(names, {"data": blob})]


@torch.no_grad()
def embed(net: Encoder, crops: np.ndarray) -> np.ndarray:
    net.eval()
    out = [
        functional.normalize(net(as_input(crops[at : at + 64]))).numpy()
        for at in range(0, len(crops), 64)
    ]
    net.train()
    return np.concatenate(out)


def export(net: Encoder, file: Path, *, lift: bool = False) -> None:
    net.eval()
    torch.onnx.export(
        Shipped(net, lift=lift).eval(),
        (torch.zeros(1, 3, ALIGNED, ALIGNED),),
        str(file),
        input_names=["input"],
        output_names=["embedding"],
        dynamic_axes={"input": {0: "N"}, "embedding": {0: "N"}},
        opset_version=17,
        dynamo=False,
    )
    net.train()


class Run:
    def __init__(self, args: argparse.Namespace) -> None:
        torch.manual_seed(SEED)
        self.work = args.work
        self.faces = Faces(args.work / "faces.npz", SEED)
        self.teacher = TappedTeacher(args.teacher)
        self.net = Encoder().to(memory_format=torch.channels_last).train()
        self.crops = {own: self.faces.clean(self.test_rows(own), own) for own in (False, True)}
        self.begun = time.time()

    def test_rows(self, own: bool) -> np.ndarray:
        rows = self.faces.test
        return rows[np.isfinite(self.faces.b[rows]).all((1, 2))] if own else rows

    def say(self, *words: object) -> None:
        print(f"{time.time() - self.begun:6.0f} s", *words, flush=True)

    def check(self, name: str, own: bool = False) -> None:
        vectors = embed(self.net, self.crops[own])
        rows = self.test_rows(own)
        near = float((vectors * self.faces.target[rows]).sum(1).mean())
        self.say(
            name,
            "own" if own else "yunet",
            report(vectors, self.faces.identity[rows]),
            f"cosine to the teacher {near:.4f}",
        )

    def keep(self, name: str) -> None:
        torch.save(self.net.state_dict(), self.work / f"encoder_{name}.pt")
        export(self.net, self.work / f"encoder_{name}.onnx")

    def loop(self, minutes: float, rates: list[dict]):
        """Yield (step, progress) until the time is up; the rate warms up and falls as a cosine."""
        optimiser = torch.optim.AdamW(rates, weight_decay=1e-4)
        top = [group["lr"] for group in optimiser.param_groups]
        begun, step = time.time(), 0
        while True:
            done = (time.time() - begun) / (60 * minutes)
            if done >= 1:
                return
            factor = min(1.0, (step + 1) / 60) * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done)))
            for group, rate in zip(optimiser.param_groups, top):
                group["lr"] = rate * factor
            optimiser.zero_grad()
            yield step
            torch.nn.utils.clip_grad_norm_([p for g in rates for p in g["params"]], 5.0)
            optimiser.step()
            step += 1

    def blockwise(self, minutes: float) -> None:
        units = [self.net.stem, *self.net.blocks, self.net.head]
        mean, kept = torch.zeros(len(units)), time.time()
        loop = self.loop(minutes, [{"params": list(self.net.parameters()), "lr": 4e-3}])
        for step in loop:
            rows = self.faces.next_rows(BATCH)
            crops = np.stack(
                [
                    self.faces.mixed(r) if i % 2 else self.faces.lit(self.faces.moved(r))
                    for i, r in enumerate(rows)
                ]
            )
            said = [t / scale for t, scale in zip(self.teacher(crops, taps=True), TEACHER_SCALES)]
            said = [
                t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t for t in said
            ]
            before = [as_input(crops), *said[:-1]]
            losses = []
            for unit, x, y, seen in zip(units, before, said, SHARE_SEEN):
                x, y = x[:seen], y[:seen]
                spread = y.var((0, 2, 3) if y.ndim == 4 else 0).mean()
                losses.append((unit(x) - y).pow(2).mean() / spread)
            torch.stack(losses).sum().backward()
            now = torch.stack(losses).detach()
            mean = now if step == 0 else 0.95 * mean + 0.05 * now
            if step % 100 == 99:
                self.say("blocks", step + 1, [round(float(v), 3) for v in mean])
            if time.time() - kept > 240:
                self.check("blocks")
                self.keep("blocks")
                kept = time.time()
        self.check("blocks end")
        self.keep("blocks")

    def together(self, minutes: float, frozen: int, rate: float, name: str) -> None:
        net = self.net
        early = [net.stem, *net.blocks[:frozen]] if frozen else []
        late = [*net.blocks[frozen:], net.head] if frozen else [net]
        for part in early:
            part.requires_grad_(False).eval()
        for part in late:
            part.requires_grad_(True).train()
        groups = [{"params": [p for part in late for p in part.parameters()], "lr": rate}]
        mean, eaten = np.zeros(3), time.time()
        for step in self.loop(minutes, groups):
            rows, crops = self.faces.next_crops()
            *said, told = self.teacher(crops[:MIXED], taps=not frozen)
            told = functional.normalize(told)
            goal = torch.cat([told, torch.from_numpy(self.faces.target[rows[MIXED:]])])
            x = as_input(crops)
            if frozen:
                with torch.no_grad():
                    for part in early:
                        x = part.eval()(x)
                for part in late:
                    x = part(x)
                hint = torch.zeros(())
            else:
                *stages, x = net.folded_stages(x)
                hint = far_from_hints(stages, said)
            now = learn(x, goal, hint, HINT)
            mean = now if step == 0 else 0.98 * mean + 0.02 * now
            if step % 100 == 99:
                self.say(name, step + 1, mean.round(5))
            if time.time() - eaten > 150:
                self.check(name)
                self.keep(name)
                for part in early:
                    part.eval()
                eaten = time.time()
        self.check(f"{name} end")
        self.check(f"{name} end", own=True)
        self.keep(name)
        net.requires_grad_(True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--minutes", type=float, nargs=3, default=(9, 26, 15))
    parser.add_argument("--start", type=Path, help="Weights after phase 2: only phase 3 runs.")
    parser.add_argument("--rate", type=float, default=8e-4, help="Learning rate of phase 3.")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    cv2.setNumThreads(1)
    run = Run(args)
    plain = np.concatenate(
        [
            functional.normalize(run.teacher(run.crops[False][at : at + 64], taps=False)[0]).numpy()
            for at in range(0, len(run.crops[False]), 64)
        ]
    )
    rows = run.faces.test
    run.say(len(run.faces.train), "to learn from,", len(rows), "held out")
    run.say("teacher, held out", report(plain, run.faces.identity[rows]))
    run.say("its mean of six", report(run.faces.target[rows], run.faces.identity[rows]))
    if args.start is None:
        run.blockwise(args.minutes[0])
        run.together(args.minutes[1], FROZEN, 2e-3, "late")
    else:
        run.net.load_state_dict(torch.load(args.start))
    run.together(args.minutes[2], 0, args.rate, "all")


if __name__ == "__main__":
    main()
