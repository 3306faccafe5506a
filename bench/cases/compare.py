"""One data set, every engine: time, memory and quality, and quality against time.

The order of the work makes a part of it useful: first one fit of every engine and its quality,
then the curves, then the iterations alone from one P and one start, then the repeats.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench import data as sets
from bench.cases.work import Work, parsed, parser_of
from bench.common import folder_of, log, median_of
from bench.peers import PEERS
from bench.processes import JobFailed, Jobs, jobs

QUICK_REPEATS = 1
COLUMNS = (("KL", "kl"), ("kept", "kept"), ("KNC", "knc"), ("CPD", "cpd"))


def main(name: str, argv: list[str], *, rows: int | None = None) -> None:
    """Run a comparison on the set called ``name``; ``rows``: MNIST enlarged to so many."""
    parser = parser_of(name, "every engine on the same rows")
    parser.add_argument("--repeats", type=int, default=3, help="fits of each; medians are kept [3]")
    parser.add_argument("--no-curve", action="store_true", help="leave out shorter and longer fits")
    parser.add_argument("--no-same-start", action="store_true", help="leave out iterations alone")
    parser.add_argument("-n", type=int, help="rows: the first n, or copies, shifted and jittered")
    parser.add_argument("--out", type=Path, help="folder for the maps, as an npz")
    asked = parsed(parser, name, argv)
    if asked.quick:
        asked.repeats = QUICK_REPEATS
    X, y, told = sets.load(name if name in sets.SOURCES else "mnist", asked.data, quick=asked.quick)
    n = asked.n or (None if asked.quick else rows)
    if n is not None:
        X, y, told = sets.sized(X, y, told, n)
    log(f"{told}; {asked.threads} threads; {', '.join(asked.peers)}")
    with jobs(asked) as run:
        Comparison(asked, run, X, y, told).measure()


class Comparison(Work):
    """The work of one set."""

    def __init__(self, asked: Any, run: Jobs, X: np.ndarray, y: np.ndarray, told: str) -> None:
        what = {"data": told, "n": len(X), "d": X.shape[1], "repeats": asked.repeats}
        super().__init__(asked, run, "comparison", what)
        self.y = y
        folder = run.folder
        # written once, for all jobs
        self.X_file, self.y_file = folder / "X.npy", folder / "y.npy"
        self.P, self.Y0 = folder / "P.npz", folder / "Y0.npy"
        np.save(self.X_file, X)
        np.save(self.y_file, y)

    def work(self) -> Iterator[None]:
        self.probe(self.facts["n"])
        yield
        more = {"P_file": self.P, "Y0_file": self.Y0, **self.ask}
        self.facts["common_P"] = self.run("affinities", X=self.X_file, **more)
        for name in self.able():
            yield from self.fit(name)
        if not self.asked.no_curve:
            for name in self.able():
                yield from self.curve(name)
        for turn in range(self.asked.repeats):
            if not self.asked.no_same_start:
                for name in self.able():
                    yield from self.same_start(name, turn)
            if turn:
                for name in self.able():
                    yield from self.again(name)

    def fit(self, name: str) -> Iterator[None]:
        """Fit once, and judge the map."""
        engine, Y = self.engines[name], self.map_of(name)
        try:
            self.add(engine, self.fitted(name, X=self.X_file, Y=Y))
            yield
            engine["quality"] = self.judge(Y, P=self.P)
        except JobFailed as failed:
            self.fail(name, failed)
        yield

    def again(self, name: str) -> Iterator[None]:
        """Fit once more; one that fails now leaves the figures of before."""
        engine = self.engines[name]
        try:
            self.add(engine, self.fitted(name, X=self.X_file, Y=self.run.folder / "again.npy"))
        except JobFailed as failed:
            engine.setdefault("failures", []).append(str(failed))
        yield

    def add(self, engine: dict[str, Any], run: dict[str, Any]) -> None:
        """Enter a run, and the medians of all runs so far."""
        runs = engine.setdefault("runs", [])
        runs.append(run)
        engine["seconds"] = {
            stage: median_of(runs, lambda r, stage=stage: r["seconds"][stage])
            for stage in run["seconds"]
        }
        totals = [r["seconds"]["total"] for r in runs]
        engine["spread"] = [min(totals), max(totals)]
        engine["peak_bytes"] = median_of(runs, lambda r: r["peak_bytes"])

    def curve(self, name: str) -> Iterator[None]:
        """Fit with fewer and more iterations: seconds, and the share of neighbours kept."""
        engine, Y = self.engines[name], self.run.folder / "curve.npy"
        peer = PEERS[name]
        for iterations in (peer.quick,) if self.asked.quick else peer.sweep:
            try:
                run = self.fitted(name, X=self.X_file, Y=Y, iterations=iterations)
                found = self.judge(Y, only=["kept"])
            except JobFailed as failed:
                engine.setdefault("failures", []).append(f"{iterations} iterations: {failed}")
            else:
                point = {"iterations": iterations, "seconds": run["seconds"]["total"]}
                engine.setdefault("curve", []).append({**point, **found})
            yield

    def same_start(self, name: str, turn: int) -> Iterator[None]:
        """Run the iterations alone from the common P and start; judge the first map."""
        engine, Y = self.engines[name], self.run.folder / f"{name}-same.npy"
        if PEERS[name].optimise is None:
            return
        short = {"iterations": PEERS[name].quick} if self.asked.quick else {}
        try:
            given = {"P": self.P, "Y0": self.Y0, "Y": Y, **self.ask, **short}
            run = self.run("optimise", peer=name, **given)
            same = engine.setdefault("same_start", {"runs": []})
            same["runs"].append(run)
            same["seconds"] = median_of(same["runs"], lambda r: r["seconds"]["optimize"])
            if turn == 0:
                same["kl"] = self.judge(Y, P=self.P, only=[])["kl"]
        except JobFailed as failed:
            engine.setdefault("failures", []).append(f"from the same start: {failed}")
        yield

    def judge(self, Y: Path, **more: Any) -> dict[str, Any]:
        """Return the quality of a map of these rows."""
        return self.judged(X=self.X_file, y=self.y_file, map=Y, **more)

    def map_of(self, name: str) -> Path:
        """Return the file of an engine's first map."""
        return self.run.folder / f"map-{name}.npy"

    def show(self) -> None:
        print("".join([f"{'':28}{'seconds':>9}{'GB':>7}", *(f"{c:>9}" for c, _ in COLUMNS)]))
        for engine in self.engines.values():
            label = f"{engine['label']} {engine.get('version', '')}"
            if "seconds" not in engine:
                print(f"{label:29}{engine.get('left_out') or engine.get('failed', 'not yet')}")
                continue
            found = engine.get("quality", {})
            cells = [f"{found[key]:9.4f}" if key in found else f"{'':9}" for _, key in COLUMNS]
            seconds, peak = engine["seconds"]["total"], engine["peak_bytes"] / 1e9
            print("".join([f"{label:28}{seconds:9.2f}{peak:7.2f}", *cells]))

    def finish(self) -> None:
        """Draw the maps for the page, and keep them where asked."""
        from bench import picture

        maps = {name: self.map_of(name) for name in self.engines if self.map_of(name).exists()}
        found = {name: np.load(path) for name, path in maps.items()}
        folder = folder_of(self.asked)
        for name, Y in found.items():
            if folder is not None and np.isfinite(Y).all():
                picture.small(Y, self.y, folder / "pictures" / f"{self.asked.case}-{name}.png")
        if self.asked.out is not None:
            self.asked.out.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(self.asked.out / "maps.npz", labels=self.y, **found)
            log(f"written {self.asked.out / 'maps.npz'}")
