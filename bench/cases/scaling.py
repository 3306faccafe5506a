"""From 1,000 to 1,000,000 rows: seconds, memory and neighbours kept of every engine, and growth.

Rows are MNIST's 50 components, the first n or copies of them that are shifted and jittered. An
engine that fails at a size, or takes longer than ``--limit``, isn't asked for larger ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bench import data as sets
from bench.cases.work import Work, parsed, parser_of
from bench.common import log
from bench.peers import PEERS
from bench.processes import JobFailed, Jobs, jobs

SIZES = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
QUICK_SIZES = (200, 400)
MOST = 1.2  # exponent that an engine of n log n stays below, in time and memory
GROWTH_FROM = 10_000  # rows from which the exponent is fitted: below, fixed costs rule


def main(name: str, argv: list[str]) -> None:
    """Run all sizes, the smallest first."""
    parser = parser_of(name, "every engine on more and more rows")
    parser.add_argument("--sizes", type=int, nargs="+", help=f"{SIZES}")
    asked = parsed(parser, name, argv)
    sizes = sorted(asked.sizes or (QUICK_SIZES if asked.quick else SIZES))
    loaded = sets.load("mnist", asked.data, quick=asked.quick)
    log(f"{loaded[2]}: {sizes} rows; {asked.threads} threads; {', '.join(asked.peers)}")
    with jobs(asked) as run:
        Scaling(asked, run, loaded, sizes).measure()


class Scaling(Work):
    """The work of all sizes."""

    def __init__(self, asked: Any, run: Jobs, loaded: Any, sizes: list[int]) -> None:
        X, _, told = loaded
        super().__init__(asked, run, "scaling", {"data": told, "d": X.shape[1], "sizes": sizes})
        self.loaded, self.sizes = loaded, sizes

    def work(self) -> Iterator[None]:
        self.probe(self.sizes[0])
        folder = self.run.folder
        X_file, y_file, Y = folder / "X.npy", folder / "y.npy", folder / "Y.npy"
        for n in self.sizes:
            X, y, _ = sets.sized(*self.loaded, n)
            np.save(X_file, X)
            np.save(y_file, y)
            for name in self.able():
                if n > PEERS[name].largest and not self.asked.named:
                    self.engines[name]["failed"] = f"not tried on {n:,} rows unless named"
                    continue
                try:
                    point = self.point(name, n, X=X_file, Y=Y)
                    kept = self.judged(X=X_file, y=y_file, map=Y, only=["kept"])
                    self.engines[name].setdefault("sizes", []).append({**point, **kept})
                    self.grow(self.engines[name])
                except JobFailed as failed:
                    self.fail(name, JobFailed(f"at {n:,} rows: {failed}"))
                yield

    def point(self, name: str, n: int, **files: Any) -> dict[str, Any]:
        """Return the figures of one fit."""
        run = self.fitted(name, **files)
        return {"n": n, **{key: run[key] for key in ("seconds", "peak_bytes")}}

    def grow(self, engine: dict[str, Any]) -> None:
        """Enter the exponents of seconds = a n^b, and of memory beyond a process's own."""
        large = [p for p in engine["sizes"] if p["n"] >= GROWTH_FROM]
        n = [p["n"] for p in large]
        if len(n) > 1:
            engine["exponent"] = slope(n, [p["seconds"]["total"] for p in large])
        if len(n) > 2:
            more = np.diff([p["peak_bytes"] for p in large])
            if (more > 0).all():
                engine["memory_exponent"] = slope(np.diff(n), more)

    def show(self) -> None:
        for engine in self.engines.values():
            told = [f"{p['n']:,}: {p['seconds']['total']:.2f} s" for p in engine.get("sizes", [])]
            for name, what in (("exponent", "seconds"), ("memory_exponent", "memory")):
                if name in engine:
                    held = "within" if engine[name] < MOST else "NOT within"
                    told.append(f"{what} as n^{engine[name]:.2f}, {held} n^{MOST}")
            told += [engine[key] for key in ("left_out", "failed") if key in engine]
            print(f"{engine['label']:22}{'; '.join(told)}")


def slope(n: Any, values: Any) -> float:
    """Return the exponent b of values = a n^b, by least squares of the logarithms.

    Of rows and bytes from one size to the next, what a process has anyway cancels out.
    """
    return float(np.polyfit(np.log(n), np.log(values), 1)[0])
