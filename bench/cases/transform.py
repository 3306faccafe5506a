"""New rows on a fitted map: time of placing 100,000, and whether fitted rows come back.

The new rows are MNIST shifted and jittered (gputsne.datasets.enlarge), none of them fitted. The
time includes preparing them, building the index of the fitted rows and searching it. Peers that
place new rows do it too: their time, and how many new rows have the label of their neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gputsne
from bench.cases.work import Work, parsed, parser_of
from bench.common import data, log, target
from bench.peers import OURS, PEERS
from bench.processes import JobFailed, Jobs, jobs


def main(name: str, argv: list[str]) -> None:
    """Place, with ours and with the peers that can."""
    parser = parser_of(name, "new rows on a fitted map")
    parser.add_argument("-m", type=int, help="new rows [100,000]")
    asked = parsed(parser, name, argv)
    asked.peers = [peer for peer in asked.peers if PEERS[peer].place is not None]
    m = asked.m or (1200 if asked.quick else 100_000)
    X, y, told = data(asked)
    grown = gputsne.datasets.enlarge(X, y, n=len(X) + m, random_state=1)
    log(f"{told}, {m:,} new rows; {asked.threads} threads")
    with jobs(asked) as run:
        Placing(asked, run, grown, len(X), told).measure()


class Placing(Work):
    """The work: ours in detail, then every engine alike."""

    def __init__(self, asked: Any, run: Jobs, grown: Any, n: int, told: str) -> None:
        what = {"data": told, "n": n, "new_rows": grown.n - n, "d": grown.X.shape[1]}
        super().__init__(asked, run, "transform", what)
        labels = grown.labels
        self.rows: dict[str, Any] = {"X": grown.X[:n], "new": grown.X[n:]}
        self.labels: dict[str, Any] = {"y": labels[:n], "new_y": labels[n:]}

    def work(self) -> Iterator[None]:
        self.probe(self.facts["n"])
        if OURS in self.able():
            short = {"iterations": 150} if self.asked.quick else {}
            self.facts |= self.fitted(OURS, "transform", **self.rows, **short)
            self.facts["targets"] = {
                "seconds": target(self.facts["seconds"]["total"], 20.0, most=True),
                "median_move_share_of_diameter": target(
                    self.facts["training_rows_moved"]["median"], 0.01, most=True
                ),
            }
            yield
        for name in self.able():
            try:
                self.engines[name] |= self.fitted(name, "place", **self.rows, **self.labels)
            except JobFailed as failed:
                self.fail(name, failed)
            yield

    def show(self) -> None:
        for engine in self.engines.values():
            if "seconds" in engine:
                seconds, right = engine["seconds"]["total"], engine["accuracy"]
                print(f"{engine['label']:22}{seconds:9.2f} s, labels right {right:.3f}")
            else:
                print(f"{engine['label']:22}{engine.get('left_out') or engine.get('failed', '')}")
