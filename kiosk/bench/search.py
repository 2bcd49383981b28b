"""Measures the gallery's search beside the engines it could have been, and beside reading alone.

    python -m kiosk.bench.search '{"sizes": [10000], …}'

It runs as a process of its own, because the number of threads of BLAS is settled when numpy is
loaded; every engine gets the same number. In each round every engine answers the same fresh probe,
in turn, so that a busy neighbour slows all of them; medians are told.

- ours: `gallery_rows.Rows.best`, what a customer waits for;
- numpy: one float32 product with all rows (BLAS) and the best k of it;
- faiss: `IndexFlatIP`'s search; usearch: its exact search of float32 rows;
- floor: reading the bytes that ours has to read, and nothing else; the same for all floats.

Recall is ours against the best k by the float32 product, ties within its rounding allowed.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from kiosk.faces.vault.gallery_rows import SCANNED_FROM, Rows, top
from kiosk.link.process import process_command

K = 8
"""Candidates of a search (`eyes.CANDIDATES`)."""
CHUNK_ROWS = 65_536
TIE = 1e-6
"""Scores nearer than float32 can tell at this length."""
GENUINE = 0.6
"""Score of every second probe to its own row; the others are strangers."""
SLOWER_MAX = 1.05
"""Ours may measure this much above the best of the three: two medians of one thing differ by so
much here."""

Floats = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    sizes: tuple[int, ...]
    dimension: int = 512
    rounds: int = 15
    threads: int = 1
    seed: int = 20_261_128
    effective: int = 0
    """Dimensions that the vectors really fill; 0: all. Fewer make strangers more alike."""
    plot: str = ""


def run(plan: Plan) -> dict[str, Any]:
    """Measure in a process with the plan's number of threads; return its report."""
    words = [*process_command("kiosk.bench.search"), json.dumps(dataclasses.asdict(plan))]
    threads = str(plan.threads)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def measure(plan: Plan) -> dict[str, Any]:
    """Measure every size of a plan, in this process."""
    import faiss  # noqa: PLC0415 - only the measuring process needs it

    faiss.omp_set_num_threads(plan.threads)
    results = [_size(plan, size) for size in plan.sizes]
    return {
        "results": results,
        "dimension": plan.dimension,
        "effective": plan.effective or plan.dimension,
        "k": K,
        "threads": plan.threads,
        "rounds": plan.rounds,
        "seed": plan.seed,
        "ok": all(
            it["recall"] == 1.0
            and it["ours_ms"] <= SLOWER_MAX * min(it["numpy_ms"], it["faiss_ms"], it["usearch_ms"])
            for it in results
        ),
    }


def in_words(report: dict[str, Any]) -> str:
    """Say it for a person."""
    columns = ("ours", "numpy", "faiss", "usearch", "floor")
    heading = " ".join(f"{name:>8}" for name in columns)
    lines = [
        (
            f"{report['dimension']} dimensions, {report['threads']} thread, best {report['k']}:"
            f" medians of {report['rounds']} rounds, ms"
        )
    ]
    lines.append(f"{'people':>9} {heading} {'recall':>8}")
    for it in report["results"]:
        times = " ".join(f"{it[f'{name}_ms']:>8.2f}" for name in columns)
        lines.append(f"{it['n']:>9} {times} {it['recall']:>8.3f}")
    return "\n".join(lines)


def _size(plan: Plan, size: int) -> dict[str, Any]:
    random = np.random.default_rng([plan.seed, size])
    crowd = _crowd(random, plan, size)
    ours = Rows(plan.dimension)
    for start in range(0, size, CHUNK_ROWS):
        ours.extend(crowd[start : start + CHUNK_ROWS])
    # Reading: eight bytes at a time, the largest of them; nothing of a search is cheaper.
    scanned = np.zeros(-(-size * plan.dimension // 8), np.uint64)
    scanned += np.uint64(1)
    engines = _engines(crowd, ours, plan.threads)
    floats = crowd.reshape(-1).view(np.uint64)
    engines["floor_f32"] = lambda _probe: floats.max()
    reads_bytes = size >= SCANNED_FROM
    engines["floor"] = (lambda _probe: scanned.max()) if reads_bytes else engines["floor_f32"]
    times: dict[str, list[float]] = {name: [] for name in engines}
    hits = wanted = 0
    probes = _probes(random, crowd, plan)
    for number in tqdm(range(plan.rounds + 1), desc=f"{size}", file=sys.stderr):
        probe = next(probes)
        answers = {}
        for name in sorted(engines, key=lambda _: random.random()):
            engines[name](probe)  # what fits into the caches is there for each alike
            begun = time.perf_counter()
            answers[name] = engines[name](probe)
            if number:  # the first round warms up
                times[name].append(time.perf_counter() - begun)
        truth = crowd @ probe
        least = np.sort(truth)[-K]
        rows, _ = answers["ours"]
        hits += int(np.sum(truth[rows] >= least - TIE))
        wanted += min(K, size)
    told = {f"{name}_ms": round(1e3 * float(np.median(it)), 3) for name, it in times.items()}
    slowest = {f"{name}_max_ms": round(1e3 * max(it), 3) for name, it in times.items()}
    ours.close()
    return {
        "n": size,
        **told,
        "recall": round(hits / wanted, 6),
        "ratio_to_numpy": round(told["ours_ms"] / told["numpy_ms"], 3),
        "ratio_to_floor": round(told["ours_ms"] / told["floor_ms"], 2),
        "ours_max_ms": slowest["ours_max_ms"],
    }


def _engines(crowd: Floats, ours: Rows, threads: int) -> dict[str, Callable[[Floats], Any]]:
    import faiss  # noqa: PLC0415
    from usearch.compiled import MetricKind  # noqa: PLC0415
    from usearch.index import search  # noqa: PLC0415

    def numpy(probe: Floats) -> Any:
        scores = crowd @ probe
        return top(scores, K), scores

    return {
        "ours": lambda probe: ours.best(probe, K),
        "numpy": numpy,
        # What IndexFlatIP's search calls, without a second copy of the rows.
        "faiss": lambda probe: faiss.knn(
            probe[np.newaxis], crowd, K, metric=faiss.METRIC_INNER_PRODUCT
        ),
        "usearch": lambda probe: search(
            crowd, probe, K, MetricKind.IP, exact=True, threads=threads
        ),
    }


def _crowd(random: np.random.Generator, plan: Plan, size: int) -> Floats:
    """Return unit vectors, made in pieces so that only they need room."""
    made = np.empty((size, plan.dimension), np.float32)
    inner = plan.effective or plan.dimension
    turn, _ = np.linalg.qr(random.standard_normal((plan.dimension, inner)))
    for start in range(0, size, CHUNK_ROWS):
        part = random.standard_normal((min(CHUNK_ROWS, size - start), inner), np.float32)
        if plan.effective:
            part = part @ turn.T.astype(np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        made[start : start + len(part)] = part
    return made


def _probes(random: np.random.Generator, crowd: Floats, plan: Plan) -> Iterator[Floats]:
    """Yield probes: people of the gallery and strangers in turn."""
    while True:
        stranger = _crowd(random, plan, 1)[0]
        own = crowd[random.integers(len(crowd))]
        genuine = GENUINE * own + np.sqrt(1 - GENUINE**2) * stranger
        for probe in (genuine, _crowd(random, plan, 1)[0]):
            yield (probe / np.linalg.norm(probe)).astype(np.float32)


def plot(report: dict[str, Any], path: Path) -> None:
    """Draw the times over the number of people."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    sizes = [it["n"] for it in report["results"]]
    for name, style in (
        ("ours", "o-"), ("numpy", "s--"), ("faiss", "^--"), ("usearch", "v--"), ("floor", ":"),
    ):  # fmt: skip
        axes.loglog(sizes, [it[f"{name}_ms"] for it in report["results"]], style, label=name)
    axes.set(xlabel="people in the gallery", ylabel="one search, ms (median)")
    axes.set_title(f"{report['dimension']} dimensions, {report['threads']} thread")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> int:
    """Measure what the first argument says; print the report as JSON."""
    words = sys.argv[1:] if arguments is None else arguments
    plan = Plan(**json.loads(words[0]))
    report = measure(plan)
    if plan.plot:
        plot(report, Path(plan.plot))
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
