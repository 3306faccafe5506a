"""Schedules of the optimisation compared: quality of maps from the same P and the same start.

Each data set and seed has one P and one first map; every schedule starts from them. A run that is
in the results already is not done again, so that an interrupted benchmark goes on where it was.
docs/performance.md has the table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, finish, log, options, rounded
from schedule_cases import DATA, SETTINGS, digits, measured, problem, toy

import gputsne
from gputsne.backends import choose
from gputsne.base.types import StepParams
from gputsne.engine.field import Field
from gputsne.engine.optimize import initial_state, optimize
from gputsne.engine.schedule import Schedule

# ---- schedules


@dataclass(frozen=True)
class Phase:
    """Some iterations with the same parameters, or parameters that go evenly from one to another.

    ``rate`` is the learning rate over n; a pair is the first and the last value.
    """

    iterations: int
    rate: float | tuple[float, float]
    momentum: float | tuple[float, float] = 0.8
    exaggeration: float = 1.0
    max_step: float = 5.0


@dataclass(frozen=True)
class Phases:
    """A schedule made of phases, as ``optimize`` takes it."""

    n: int
    phases: tuple[Phase, ...]
    early_exaggeration_iter: int = 0  # only asked by stop="auto"

    @property
    def max_iter(self) -> int:
        """Iterations in all."""
        return sum(p.iterations for p in self.phases)

    def __call__(self, iteration: int) -> StepParams:
        """Return the parameters of an iteration, counted from 0."""
        for phase in self.phases:
            if iteration < phase.iterations:
                break
            iteration -= phase.iterations
        else:  # what the last one was
            iteration = phase.iterations - 1
        at = iteration / max(1, phase.iterations - 1)
        rate, momentum = (
            v if isinstance(v, float) else v[0] + at * (v[1] - v[0])
            for v in (phase.rate, phase.momentum)
        )
        return StepParams(phase.exaggeration, momentum, max(1.0, rate * self.n), phase.max_step)


def classic(iterations: int) -> tuple[Phase, ...]:
    """openTSNE's: 250 early iterations."""
    return (Phase(250, 1 / 48, 0.8, 12.0), Phase(iterations - 250, 1 / 4))


EARLY = Phase(120, 1 / 12, 0.8, 12.0, 2.0)  # quick early phase: four times the classic rate


def quick(main: int, rate: float, momentum: Any, cool: int = 0, step: float = 2.0,
          early: Phase = EARLY, cool_momentum: float = 0.5) -> tuple[Phase, ...]:  # fmt: skip
    """A quick early phase, a main phase, and a last one in which the points come to rest."""
    phases = (early, Phase(main, rate, momentum, 1.0, step))
    if cool:
        phases += (Phase(cool, (rate, rate / 16), cool_momentum, 1.0, step),)
    return phases


def paced(early: Any, main: Any, exaggeration: float = 12.0) -> tuple[Phase, ...]:
    """Two phases, each (iterations, rate over openTSNE's, momentum, step limit)."""
    (i0, r0, m0, s0), (i1, r1, m1, s1) = early, main
    return (
        Phase(i0, r0 / (4 * exaggeration), m0, exaggeration, s0),
        Phase(i1, r1 / 4, m1, 1.0, s1),
    )


def falling(first: int, stages: Any, main: Any, speed: float = 1.0, momentum: float = 0.8,
            start: float = 12.0) -> tuple[Phase, ...]:  # fmt: skip
    """Exaggeration let down in stages, each (iterations, exaggeration), then the main phase."""
    i1, r1, m1, s1 = main
    return (
        Phase(first, speed / (4 * start), momentum, start),
        *(Phase(i, speed / (4 * e), momentum, e, s1) for i, e in stages),
        Phase(i1, r1 / 4, m1, 1.0, s1),
    )


THREE = ((30, 6.0), (30, 3.0), (30, 1.5))
SCHEDULES: dict[str, Any] = {
    "classic-750": classic(750),
    "classic-2000": classic(2000),
    "n.9-300": quick(180, 1.0, 0.9),
    "n.9-400": quick(280, 1.0, 0.9),
    "n.8-300": quick(180, 1.0, 0.8),
    "n.8-400": quick(280, 1.0, 0.8),
    "n.9-400-cool30": quick(250, 1.0, 0.9, 30),
    "half.9-400": quick(280, 0.5, 0.9),
    "n.9-400-step1": quick(280, 1.0, 0.9, step=1.0),
    "n.95-300": quick(180, 1.0, 0.95),
    "early4-400": quick(280, 1.0, 0.9, early=Phase(120, 1 / 4, 0.8, 4.0, 2.0)),
    "early-slow-400": quick(280, 1.0, 0.9, early=Phase(120, 1 / 48, 0.8, 12.0, 5.0)),
    "early-.9-400": quick(280, 1.0, 0.9, early=Phase(120, 1 / 48, 0.9, 12.0, 5.0)),
    "early60-400": quick(340, 1.0, 0.9, early=Phase(60, 1 / 12, 0.8, 12.0, 2.0)),
    "e250-430": paced((250, 1.0, 0.8, 5.0), (180, 4.0, 0.9, 2.0)),
    "e250-430-step1": paced((250, 1.0, 0.8, 5.0), (180, 4.0, 0.9, 1.0)),
    "e250-430-step.5": paced((250, 1.0, 0.8, 5.0), (180, 4.0, 0.9, 0.5)),
    "e250-430-2x": paced((250, 1.0, 0.8, 5.0), (180, 2.0, 0.9, 1.0)),
    "e250-430-.8": paced((250, 1.0, 0.8, 5.0), (180, 4.0, 0.8, 1.0)),
    "e150.5-400": paced((150, 1.0, 0.5, 5.0), (250, 4.0, 0.9, 1.0)),
    "e150.2x-400": paced((150, 2.0, 0.5, 5.0), (250, 4.0, 0.9, 1.0)),
    "e150.8-400": paced((150, 1.0, 0.8, 5.0), (250, 4.0, 0.9, 1.0)),
    "e100-50-400": (
        Phase(100, 1 / 48, 0.8, 12.0),
        Phase(50, 1 / 16, 0.8, 4.0, 1.0),
        Phase(250, 1.0, 0.9, 1.0, 1.0),
    ),
    "steps-400": (
        Phase(60, 1 / 48, 0.8, 12.0),
        Phase(30, 1 / 24, 0.8, 6.0, 1.0),
        Phase(30, 1 / 12, 0.8, 3.0, 1.0),
        Phase(30, 1 / 6, 0.8, 1.5, 1.0),
        Phase(250, 1.0, 0.9, 1.0, 1.0),
    ),
    "rise-400": (
        Phase(120, 1 / 48, 0.8, 12.0),
        Phase(280, (0.25, 1.0), (0.8, 0.9), 1.0, 1.0),
    ),
    "steps-300": falling(60, THREE, (150, 4.0, 0.9, 1.0)),
    "steps-350": falling(60, THREE, (200, 4.0, 0.9, 1.0)),
    "steps-300-.95": falling(60, THREE, (150, 4.0, 0.95, 1.0)),
    "steps-300-.95-step.5": falling(60, THREE, (150, 4.0, 0.95, 0.5)),
    "steps-300-8x": falling(60, THREE, (150, 8.0, 0.9, 1.0)),
    "steps-2x-300": falling(40, ((20, 6.0), (20, 3.0), (20, 1.5)), (200, 4.0, 0.9, 1.0), 2.0),
    "steps-.9-300": falling(40, ((20, 6.0), (20, 3.0), (20, 1.5)), (200, 4.0, 0.9, 1.0), 1.0, 0.9),
    "steps-fine-300": falling(
        60,
        ((15, 8.5), (15, 6.0), (15, 4.2), (15, 3.0), (15, 2.1), (15, 1.5)),
        (150, 4.0, 0.9, 1.0),
    ),
    "steps-long-400": falling(60, ((50, 6.0), (50, 3.0), (50, 1.5)), (190, 4.0, 0.9, 1.0)),
    "steps-short-300": falling(30, ((30, 6.0), (30, 3.0), (30, 1.5)), (180, 4.0, 0.9, 1.0)),
    "steps-120-400": falling(120, THREE, (190, 4.0, 0.9, 1.0)),
    "steps-300-step2": falling(60, THREE, (150, 4.0, 0.9, 2.0)),
    "h-e100-350": falling(40, ((20, 6.0), (20, 3.0), (20, 1.5)), (250, 4.0, 0.9, 1.0)),
    "h-e100-400": falling(40, ((20, 6.0), (20, 3.0), (20, 1.5)), (300, 4.0, 0.9, 1.0)),
    "h-e100-400-limit1": tuple(
        replace(p, max_step=1.0)
        for p in falling(40, ((20, 6.0), (20, 3.0), (20, 1.5)), (300, 4.0, 0.9, 1.0))
    ),
    "h-e150-400": falling(60, THREE, (250, 4.0, 0.9, 1.0)),
    "q-e100-400-free": falling(40, ((20, 6.45), (20, 3.46), (20, 1.86)), (300, 4.0, 0.9, 1.0)),
    "h-e100-350-.95": falling(40, ((20, 6.0), (20, 3.0), (20, 1.5)), (250, 4.0, 0.95, 1.0)),
    "h-e100-350-.92": falling(40, ((20, 6.0), (20, 3.0), (20, 1.5)), (250, 4.0, 0.92, 1.0)),
    "h-e100-350-6x": falling(40, ((20, 6.0), (20, 3.0), (20, 1.5)), (250, 6.0, 0.9, 1.0)),
    "h-e200-400": falling(80, ((40, 6.0), (40, 3.0), (40, 1.5)), (200, 4.0, 0.9, 1.0)),
    "h-e150-400-.92": falling(60, THREE, (250, 4.0, 0.92, 1.0)),
    "h-e200-400-.92": falling(80, ((40, 6.0), (40, 3.0), (40, 1.5)), (200, 4.0, 0.92, 1.0)),
    "short": "short 430 180",
    "short-360": "short 360 180",
    "short-330": "short 330 180",
    "short-300": "short 300 180",
    "A": falling(60, THREE, (250, 4.0, 0.92, 1.0)),
    "B": falling(120, THREE, (250, 4.0, 0.92, 1.0)),
    "C": falling(120, ((20, 6.0), (20, 3.0), (20, 1.5)), (220, 4.0, 0.92, 1.0)),
    "D": falling(250, ((20, 6.0), (20, 3.0), (20, 1.5)), (200, 4.0, 0.92, 1.0)),
    "E": falling(60, THREE, (250, 4.0, 0.92, 1.0), 2.0),
    "F": (
        Phase(100, 1 / 48, 0.8, 12.0),
        Phase(50, 1 / 16, 0.8, 4.0, 1.0),
        Phase(250, 1.0, 0.92, 1.0, 1.0),
    ),
    "G": falling(100, THREE, (250, 4.0, 0.92, 1.0), 2.0, 0.5),
    "H": falling(120, ((40, 4.0),), (220, 4.0, 0.92, 1.0)),
    "I": falling(120, ((60, 6.0), (40, 3.0), (20, 1.5)), (220, 4.0, 0.92, 1.0)),
    "J1": paced((150, 1.0, 0.8, 5.0), (250, 4.0, 0.92, 1.0)),
    "J2": paced((250, 1.0, 0.8, 5.0), (250, 4.0, 0.92, 1.0)),
    "K": falling(120, ((40, 6.0), (20, 3.0)), (250, 4.0, 0.92, 1.0)),
    "quarters-250": "short 250 150",
    "quarters-300": "short 300 150",
    "quarters-350": "short 350 150",
    "quarters-400": "short 400 150",
    "quarters-e100-250": "short 250 100",
    "quarters-e120-300": "short 300 120",
    "quarters-e200-350": "short 350 200",
    "quarters-e200-300": "short 300 200",
    "e120-4-.8-400": paced((120, 1.0, 0.8, 5.0), (280, 4.0, 0.9, 1.0), 4.0),
}


def of(name: str, n: int, asked: argparse.Namespace) -> Any:
    """Return a schedule for n points."""
    phases = SCHEDULES[name]
    if isinstance(phases, str):
        known, whole, early = phases.split()
        return Schedule.named(known, n, max_iter=int(whole), early_exaggeration_iter=int(early))
    if asked.quick:
        phases = tuple(replace(p, iterations=p.iterations // 10) for p in phases)
    return Phases(n, phases)


# ---- the tables of docs/performance.md

COLUMNS = (
    ("KL", "KL", 4), ("kept_10", "10 kept", 4), ("kept_50", "50 kept", 4), ("KNC", "KNC", 3),
    ("CPD", "CPD", 3), ("accuracy", "accuracy", 4), ("pieces", "torn", 1),
    ("farthest", "farthest", 2), ("span", "span", 0),
)  # fmt: skip


MAIN = ("classic-750", "short", "classic-2000")  # others at full size are in the results


def tables(record: dict[str, Any]) -> str:
    """Return the tables: data at full size, what was tried, other settings."""
    head = " | ".join(title for _, title, _ in COLUMNS)
    rule = "--:|" * len(COLUMNS)
    out = [f"| data | schedule | runs | {head} |\n|---|---|--:|{rule}"]
    full = [r for r in record["runs"] if r["most"] is None]
    for data in DATA:
        own = [r for r in full if r["data"] == data]
        base = {r["seed"]: r for r in own if r["schedule"] == "classic-750"}
        both = base.keys() & {r["seed"] for r in own if r["schedule"] == "short"}
        own = [r for r in own if r["seed"] in both]  # else means would be of different data
        for schedule in MAIN:
            rows = [r for r in own if r["schedule"] == schedule]
            if not rows:
                continue
            n = f"{data}, {rows[0]['n']:,}"
            cells = " | ".join(spread(rows, base, k, d) for k, _, d in COLUMNS)
            out.append(f"| {n} | {schedule} | {len(rows)} | {cells} |")
    out.append(f"\n| data | schedule | {head} |\n|---|---|{rule}")
    for r in (r for r in record["runs"] if r["most"] is not None and r["seed"] == 0):
        cells = " | ".join(f"{r[k]:.{d}f}" for k, _, d in COLUMNS)
        out.append(f"| {r['data']}, {r['n']:,} | {r['schedule']} | {cells} |")
    out.append(f"\n| data | setting | runs | schedule | {head} |\n|---|---|--:|---|{rule}")
    others = record.get("settings", [])
    for data, name in dict.fromkeys((r["data"], r["setting"]) for r in others):
        own = [r for r in others if (r["data"], r["setting"]) == (data, name)]
        base = {r["seed"]: r for r in own if r["schedule"] == "classic"}
        for schedule in ("classic", "short"):
            rows = [r for r in own if r["schedule"] == schedule]
            cells = " | ".join(spread(rows, base, k, d) for k, _, d in COLUMNS)
            out.append(f"| {data} | {name} | {len(rows)} | {schedule} | {cells} |")
    return "\n".join(out)


def spread(rows: list[dict[str, Any]], base: dict[int, Any], key: str, digits: int) -> str:
    """Return the mean over seeds; with another schedule's, the paired difference and its sd."""
    mean = f"{np.mean([r[key] for r in rows]):.{digits}f}"
    gained = [r[key] - base[r["seed"]][key] for r in rows if r["seed"] in base]
    if len(gained) < 2 or not any(gained):
        return mean
    return f"{mean} ({np.mean(gained):+.{digits}f} ± {np.std(gained, ddof=1):.{digits}f})"


def main() -> None:
    """Run what is asked for and is not in the results yet."""
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--sets", default=",".join(DATA), help="data sets, by commas [all]")
    parser.add_argument("--schedules", default=",".join(SCHEDULES), help="by commas [all]")
    parser.add_argument("--seeds", default="0,1,2,3,4", help="by commas [0,1,2,3,4]")
    parser.add_argument("--most", type=int, help="rows of each set at most [all]")
    parser.add_argument("--settings", action="store_true", help="fit with other settings too")
    parser.add_argument("--table", action="store_true", help="print the tables and do nothing")
    parser.add_argument("--cache", type=Path, help="folder that keeps each P and first map")
    asked = parser.parse_args()
    folder = asked.results or (None if asked.quick else RESULTS)
    path = folder and folder / "schedules.json"
    old = json.loads(path.read_text()) if path and path.exists() else {}
    runs = old.get("runs", [])
    if asked.table:
        print(tables(old))
        return
    done = {(r["data"], r["most"], r["seed"], r["schedule"]) for r in runs}
    sets, seeds, most = asked.sets.split(","), [int(s) for s in asked.seeds.split(",")], asked.most
    if asked.quick:
        sets, seeds, most = ["digits", "toy"], [0], 600
    ops = choose("cpu" if not asked.quick else "auto", asked.threads).ops
    for seed in seeds:
        for name in sets:
            names = asked.schedules.split(",")
            todo = [s for s in names if (name, most, seed, s) not in done]
            if not todo:
                continue
            given, near = problem(name, seed, most, asked), {}
            for schedule in todo:
                began = time.perf_counter()
                result = optimize(
                    given["P"],
                    initial_state(given["Y0"]),
                    Field(ops),
                    of(schedule, given["P"].n, asked),
                )
                seconds = time.perf_counter() - began
                facts = {
                    "KL": result.kl_divergence,
                    **measured(given, result.state.Y, near),
                    "seconds": seconds,
                    "nodes": float(np.prod(result.mesh.fft_shape)) if result.mesh else 0.0,
                }
                log(
                    f"{name} {seed} {schedule:18s} "
                    + " ".join(f"{k} {v:.4g}" for k, v in facts.items())
                )
                own = {"data": name, "n": given["P"].n, "most": most}
                runs.append({**own, "seed": seed, "schedule": schedule, **facts})
                if path:
                    keep(path, {**old, "runs": runs})
    others = old.get("settings", [])
    if asked.settings:
        others = [run for seed in seeds for run in settings(seed, asked)]
    finish("schedules", asked, {"runs": runs, "settings": others})


def settings(seed: int, asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a run for each setting, data set and schedule that is not the default's measure."""
    for data, (X, y) in (("digits", digits(seed, None)), ("toy", toy(seed, 3000))):
        for name, told in SETTINGS.items():
            told = {"random_state": seed, "n_jobs": asked.threads, "device": "cpu", **told}
            rows = told.pop("rows", len(X))
            for schedule in ("classic", "short"):
                model = gputsne.TSNE(schedule=schedule, **told).fit(X[:rows])
                given = {"X": X[:rows], "y": y[:rows]}
                facts = {"KL": model.kl_divergence_, **measured(given, model.embedding_, {})}
                log(f"{data}, {name}, {seed}, {schedule}: KL {facts['KL']:.4f}")
                yield {"data": data, "setting": name, "seed": seed, "schedule": schedule, **facts}


def keep(path: Path, record: dict[str, Any]) -> None:
    """Write what was measured so far, so that an interrupted benchmark loses none of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(rounded(record), indent=1) + "\n")
    fresh.replace(path)


if __name__ == "__main__":
    main()
