"""Trains the encoder further: faces higher in the crop, answers nearer to each person's mean.

    python refine.py --work /tmp/train --teacher FILE --start W/encoder_all.pt --minutes 36

The teacher tells training people apart better when the face lies a few pixels higher than the
ArcFace template puts it, so it was not trained on that template (README.md has the figures). The
student's input keeps the template: its network moves the crop (`Lifted`), and so does the teacher.

One run, its end is kept: no choice among states was made by what they reach on anybody.
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from encoder_net import Encoder, lifted
from metrics import report
from torch.nn import functional
from train_encoder import MIXED, Run, as_input, export, far_from_hints, learn

from data import ALIGNED, SEED, TEMPLATE, similarity

VIEWS = ((1.0, -2.0), (1.0, -3.0), (1.03, -3.0))
"""Scale and downward move of the crops whose answers, mirrors too, make the mean answer."""
TO_PERSON = 0.3
"""How much of the mean of a person's pictures is added to the answer for each of them."""
HINT = 0.06
"""Weight of what the teacher says after each block."""
OWN = 0.7
"""Share of crops by the pack's own detector's landmarks."""
AVERAGED = 0.995
"""What the running average of the weights keeps of itself at each step."""


def answers(run: Run, rows: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the teacher's mean answer over `VIEWS` and mirrors."""
    out = []
    for at in range(0, len(rows), 32):
        total = 0.0
        for scale, down in VIEWS:
            target = (TEMPLATE - ALIGNED / 2) * scale + ALIGNED / 2 + [0.0, down]
            crops = np.stack(
                [
                    cv2.warpAffine(
                        run.faces.images[row], similarity(points[row], target), (ALIGNED, ALIGNED)
                    )
                    for row in rows[at : at + 32]
                ]
            )
            for seen in (crops, np.ascontiguousarray(crops[:, :, ::-1])):
                total = total + functional.normalize(run.teacher(seen, taps=False)[0])
        out.append(functional.normalize(total).numpy())
    return np.concatenate(out)


def to_person(told: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Move each answer a little to the mean of that person's; who has one picture stays."""
    _, code = np.unique(identity, return_inverse=True)
    mean = np.zeros((code.max() + 1, told.shape[1]), np.float32)
    np.add.at(mean, code, told)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    moved = told + TO_PERSON * mean[code]
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


@torch.no_grad()
def average(kept: Encoder, now: Encoder, step: int) -> None:
    share = min(AVERAGED, (step + 1) / (step + 10))
    for mine, theirs in zip(kept.parameters(), now.parameters()):
        mine.lerp_(theirs, 1 - share)


@torch.no_grad()
def check(run: Run, net: Encoder, name: str) -> None:
    """Print what held-out people give, looked at with their mirror images, own landmarks."""
    net.eval()
    rows, crops = run.test_rows(own=True), run.crops[True]
    out = []
    for at in range(0, len(crops), 64):
        total = 0.0
        for seen in (crops[at : at + 64], crops[at : at + 64, :, ::-1]):
            total = total + functional.normalize(net.folded_stages(as_input(lifted(seen)))[-1])
        out.append(functional.normalize(total).numpy())
    run.say(name, "mirrored", report(np.concatenate(out), run.faces.identity[rows]))


def refine(run: Run, told: np.ndarray, minutes: float, rate: float) -> Encoder:
    net = run.net.eval()
    kept = copy.deepcopy(net).requires_grad_(False)
    groups = [{"params": list(net.parameters()), "lr": rate}]
    mean, checked = np.zeros(3), time.time()
    for step in run.loop(minutes, groups):
        rows, crops = run.faces.next_crops()
        crops = lifted(crops)
        *said, made = run.teacher(crops[:MIXED], taps=True)
        mirrored = np.ascontiguousarray(crops[:MIXED, :, ::-1])
        made = functional.normalize(made) + functional.normalize(
            run.teacher(mirrored, taps=False)[0]
        )
        goal = torch.cat([functional.normalize(made), torch.from_numpy(told[rows[MIXED:]])])
        *stages, x = net.folded_stages(as_input(crops))
        now = learn(x, goal, far_from_hints(stages, said), HINT)
        mean = now if step == 0 else 0.98 * mean + 0.02 * now
        average(kept, net, step)
        if step % 50 == 49:
            run.say("refine", step + 1, mean.round(5))
        if time.time() - checked > 360:
            check(run, kept, f"average after {step + 1}")
            torch.save(kept.state_dict(), run.work / "encoder_refining.pt")
            checked = time.time()
    check(run, net, "end")
    check(run, kept, "average end")
    return kept


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=34)
    parser.add_argument("--rate", type=float, default=6e-4)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    cv2.setNumThreads(1)
    run = Run(args)
    run.net.load_state_dict(torch.load(args.start))
    run.faces.own_share, run.faces.jitter = OWN, 0.035
    rows, faces = run.faces.train, run.faces
    whole = np.isfinite(faces.b).all((1, 2))
    points = np.where(whole[:, None, None], faces.b, faces.a)
    told = np.zeros_like(faces.target)
    told[rows] = to_person(answers(run, rows, points), faces.identity[rows])
    run.say(len(rows), "to learn from; answers done; seed", SEED)
    kept = refine(run, told, args.minutes, args.rate)
    torch.save(kept.state_dict(), args.work / "encoder_refined.pt")
    export(kept, args.work / "encoder_refined.onnx", lift=True)


if __name__ == "__main__":
    main()
