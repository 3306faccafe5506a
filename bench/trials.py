"""Changes of an iteration that were tried: quality of maps from the same P and the same start.

Restarts of momentum, a rate per row, fewer edges or older forces in the early phase, step limits
that follow the span. Forces come from the package's kernels; the step itself is written out here in
numpy, so that it can be changed. docs/performance.md has the table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import finish, folder_of, keep, log, options
from schedule_cases import DATA, measured, problem

from gputsne.backends import Ops, choose
from gputsne.base.types import Affinities, State, StepParams
from gputsne.engine.field import Field
from gputsne.engine.iteration import Engine
from gputsne.engine.optimize import separate_coincident
from gputsne.engine.schedule import Schedule

FREE = 1e30  # a limit of the step that none reaches
LOOKS = 10  # iterations from one KL to the next where a rise restarts the momentum
CENTRED = 50  # iterations between two that move the map's mean to the origin, as in a fit


@dataclass(frozen=True)
class Trial:
    """One change of a schedule; every default leaves the schedule as it is.

    Attributes
    ----------
    schedule : str
        Of ``gputsne.engine.schedule.SCHEDULES``.
    momentum : float or None
        Of the main phase.
    restart : bool
        Whether all velocities are set to 0 in the main phase where KL rises.
    power : float
        Of a row's share of P over the mean share: the row's rate is divided by it.
    edges : float
        Share of the edges of each row, the heaviest, that the early phase has.
    kept : int
        Iterations of the early phase that have the same repulsion.
    share : float or None
        Limit of the step in the main phase as a share of the map's span.
    """

    schedule: str
    momentum: float | None = None
    restart: bool = False
    power: float = 0.0
    edges: float = 1.0
    kept: int = 1
    share: float | None = None


TRIALS = {
    "classic": Trial("classic"),
    "classic, momentum .95": Trial("classic", momentum=0.95),
    "classic, momentum .95, restarts": Trial("classic", momentum=0.95, restart=True),
    "classic, rate by row": Trial("classic", power=1.0),
    "classic, rate by root of row": Trial("classic", power=0.5),
    "classic, a third of the edges": Trial("classic", edges=1 / 3),
    "classic, repulsion kept twice": Trial("classic", kept=2),
    "classic, step limit span / 100": Trial("classic", share=0.01),
    "short": Trial("short"),
    "short, momentum .95": Trial("short", momentum=0.95),
    "short, momentum .95, restarts": Trial("short", momentum=0.95, restart=True),
    "short, rate by row": Trial("short", power=1.0),
    "short, rate by root of row": Trial("short", power=0.5),
    "short, a third of the edges": Trial("short", edges=1 / 3),
    "short, repulsion kept twice": Trial("short", kept=2),
    "short, step limit span / 250": Trial("short", share=0.004),
}


def heaviest(P: Affinities, share: float) -> Affinities:
    """Return P with the heaviest share of each row's edges, symmetric, of the same sum."""
    from scipy.sparse import csr_array

    n, sizes = P.n, np.diff(P.indptr)
    rows = np.repeat(np.arange(n), sizes)
    order = np.lexsort((-P.data, rows))
    rank = np.arange(len(rows)) - np.repeat(P.indptr[:-1], sizes)
    kept = np.zeros(len(rows), bool)
    kept[order] = rank < np.ceil(share * np.repeat(sizes, sizes))
    chosen = csr_array((P.data * kept, P.indices, P.indptr), (n, n))
    both = chosen.maximum(chosen.T).tocsr()  # an edge stays where either end keeps it
    both.eliminate_zeros()
    both.sort_indices()
    data = both.data * (P.data.sum(dtype=float) / both.data.sum(dtype=float))
    return Affinities(
        both.indptr.astype(P.indptr.dtype), both.indices.astype(np.int32), data.astype(np.float32)
    )


class Descent:
    """A map that is moved by a trial's rules."""

    def __init__(self, trial: Trial, P: Affinities, Y: np.ndarray, ops: Ops) -> None:
        self.trial, self.ops, self.P = trial, ops, ops.hold(P)
        self.early_P = ops.hold(heaviest(P, trial.edges)) if trial.edges < 1 else self.P
        self.Y, self.field = separate_coincident(Y), Field(ops)
        self.velocity, self.gains = np.zeros_like(self.Y), np.ones_like(self.Y)
        self.phi, self.repulsion = np.empty(len(Y), np.float32), np.empty_like(self.Y)
        self.Z: Any = 0.0
        share = np.add.reduceat(P.data, P.indptr[:-1], dtype=float) * P.n
        self.rates = np.maximum(share, 0.5)[:, None] ** -trial.power  # no row has less than half
        self.restarts = self.evaluations = 0

    def slope(self, early: bool, exaggeration: float) -> np.ndarray:
        """Return the gradient: what one step of a resting map with rate 1 undoes."""
        n, c = self.Y.shape
        out, still = np.empty_like(self.Y), np.zeros((n, c), np.float32)
        gains = np.full((n, c), 0.5, np.float32)  # become 0.7 or 1, by the sign of the slope
        plain = StepParams(exaggeration, 0.0, 1.0, FREE, 0.6)
        P = self.early_P if early else self.P
        self.ops.attract_and_step(
            P, self.Y, out, still, gains, self.repulsion, float(self.Z), 1.0, plain
        )
        return -still / gains

    def run(self, schedule: Schedule) -> None:
        """Do all iterations."""
        trial, lowest, exaggeration = self.trial, np.inf, 0.0
        for i in range(schedule.max_iter):
            told, early = schedule(i), i < schedule.early_exaggeration_iter
            if told.exaggeration != exaggeration:
                self.field.invalidate(new_forces=True)
                exaggeration = told.exaggeration
            if not early or i % trial.kept == 0:
                self.Z = self.field.evaluate(self.Y, self.phi, self.repulsion)
                self.evaluations += 1
            slope = self.slope(early, exaggeration)
            onward = (self.velocity > 0) != (slope > 0)
            self.gains = np.where(onward, self.gains + 0.2, self.gains * 0.8 + told.min_gain)
            momentum, limit = told.momentum, told.max_step
            if not early:
                momentum = momentum if trial.momentum is None else trial.momentum
                limit = limit if trial.share is None else trial.share * np.ptp(self.Y, axis=0).max()
            rate = told.learning_rate * self.rates
            self.velocity = momentum * self.velocity - rate * self.gains * slope
            length = np.linalg.norm(self.velocity, axis=1, keepdims=True)
            self.velocity *= limit / np.maximum(length, limit)
            self.Y = (self.Y + self.velocity).astype(np.float32)
            if (i + 1) % CENTRED == 0:
                self.ops.recentre(self.Y)
                self.field.invalidate()
            if trial.restart and not early and i % LOOKS == 0:
                kl = self.kl()
                if kl > lowest:
                    self.velocity[:] = 0
                    self.restarts += 1
                lowest = kl

    def kl(self) -> float:
        """Return KL(P || Q) of the map, with all edges."""
        state = State(self.Y, np.zeros_like(self.Y), np.ones_like(self.Y), 0)
        return Engine(self.P, state, Field(self.ops)).kl_divergence()


def trials(
    name: str, seed: int, asked: argparse.Namespace, todo: Set[str]
) -> Iterator[dict[str, Any]]:
    """Yield what each trial of ``todo`` gives on one data set."""
    if not todo:
        return
    ops = choose("cpu" if not asked.quick else "auto", asked.threads).ops
    given, near = problem(name, seed, asked.most.get(name), asked), {}
    for title, trial in ((t, trial) for t, trial in TRIALS.items() if t in todo):
        descent = Descent(trial, given["P"], given["Y0"], ops)
        less = {"max_iter": 60, "early_exaggeration_iter": 20} if asked.quick else {}
        began = time.process_time()
        descent.run(Schedule.named(trial.schedule, given["P"].n, **less))
        seconds = time.process_time() - began
        facts = {
            "KL": descent.kl(),
            **measured(given, descent.Y, near),
            "restarts": descent.restarts,
            "early_edges": len(descent.early_P.data) / len(descent.P.data),
            "evaluations": descent.evaluations,
            "processor_seconds": seconds,
        }
        log(f"{name} {seed} {title}: " + " ".join(f"{k} {v:.4g}" for k, v in facts.items()))
        yield {"data": name, "n": given["P"].n, "seed": seed, "trial": title, **facts}


# Columns of the table: what, its title, digits.
COLUMNS = (
    ("KL", "KL", 4), ("kept_10", "10 kept", 4), ("kept_50", "50 kept", 4), ("KNC", "KNC", 3),
    ("CPD", "CPD", 3), ("accuracy", "accuracy", 4), ("farthest", "farthest", 2),
    ("span", "span", 0),
)  # fmt: skip


def table(runs: list[dict[str, Any]]) -> str:
    """Return the table of docs/performance.md: means, and differences of a trial, of all seeds."""
    head = " | ".join(title for _, title, _ in COLUMNS)
    out = [f"| data | trial | {head} |", "|---|---|" + "--:|" * len(COLUMNS)]
    for data, title in dict.fromkeys((r["data"], r["trial"]) for r in runs):
        own = [r for r in runs if (r["data"], r["trial"]) == (data, title)]
        schedule, *change = title.split(", ", 1)
        plain = {r["seed"]: r for r in runs if (r["data"], r["trial"]) == (data, schedule)}
        cells = []
        for key, _, digits in COLUMNS:
            if change:
                gained = [r[key] - plain[r["seed"]][key] for r in own]
                cells.append(" / ".join(f"{x:+.{digits}f}" for x in gained))
            else:
                cells.append(f"{np.mean([r[key] for r in own]):.{digits}f}")
        out.append(f"| {data}, {own[0]['n']:,} | {title} | {' | '.join(cells)} |")
    return "\n".join(out)


def main() -> None:
    """Run every trial on every set and seed that is asked for."""
    parser = options(__doc__.splitlines()[0], threads=1)
    parser.add_argument("--sets", default="digits,toy,mnist", help="by commas")
    parser.add_argument("--seeds", default="0,1", help="by commas [0,1]")
    parser.add_argument("--table", action="store_true", help="print the table and do nothing")
    parser.add_argument("--cache", type=Path, help="folder that keeps each P and first map")
    asked = parser.parse_args()
    asked.most = {"mnist": 20_000}
    sets, seeds = asked.sets.split(","), [int(s) for s in asked.seeds.split(",")]
    if asked.quick:
        sets, seeds, asked.most = ["digits", "toy"], [0], dict.fromkeys(DATA, 600)
    folder = folder_of(asked)
    path = folder and folder / "trials.json"
    runs = json.loads(path.read_text())["runs"] if path and path.exists() else []
    if asked.table:
        print(table(runs))
        return
    for seed in seeds:
        for name in sets:
            done = {r["trial"] for r in runs if (r["data"], r["seed"]) == (name, seed)}
            runs.extend(trials(name, seed, asked, TRIALS.keys() - done))
            keep("trials", asked, {"runs": runs})
    finish("trials", asked, {"runs": runs})


if __name__ == "__main__":
    main()
