"""Work: what comparisons of engines share: options, who can run, an order of jobs, a record kept.

The record is written after every job; an interrupt or the end of ``--minutes`` keeps it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from bench import peers
from bench.common import keep, log, options
from bench.peers import PEERS
from bench.processes import JobFailed, Jobs, OutOfTime

INTERRUPTED = 130  # exit status, as a shell gives it


def parser_of(name: str, about: str) -> ArgumentParser:
    """Return a parser with the options of every comparison."""
    parser = options(f"{name}: {about}")
    parser.prog = f"python -m bench {name}"
    parser.add_argument("--peers", help=f"some of: {', '.join(PEERS)}, with commas between [all]")
    parser.add_argument("--minutes", type=float, help="no job begins or goes on after so long")
    parser.add_argument("--limit", type=float, default=3600, help="seconds a job may take [3600]")
    parser.add_argument("--perplexity", type=float, default=30.0, help="[30]")
    parser.add_argument("--seed", type=int, default=0, help="[0]")
    return parser


def parsed(parser: ArgumentParser, name: str, argv: list[str]) -> Any:
    """Return what is asked; ``named`` says whether peers were asked for by name."""
    asked = parser.parse_args(argv)
    asked.case, asked.named = name, asked.peers not in (None, "all")
    asked.peers = peers.named(asked.peers)
    return asked


class Work(ABC):
    """The jobs of one case, and its record.

    ``facts["engines"]`` has a dict for each engine: ``label``, ``version``, ``note``, and
    ``left_out`` or ``failed`` with the reason where it has no figures.
    """

    def __init__(self, asked: Any, run: Jobs, kind: str, told: dict[str, Any]) -> None:
        self.asked, self.run = asked, run
        self.ask: dict[str, Any] = {"perplexity": asked.perplexity, "seed": asked.seed}
        self.engines: dict[str, dict[str, Any]] = {}
        self.facts: dict[str, Any] = {
            "kind": kind, **told, **self.ask, "complete": False, "ended": "not yet",
            "engines": self.engines,
        }  # fmt: skip

    @abstractmethod
    def work(self) -> Iterator[None]:
        """Do one job after the other, in the order of their worth."""

    @abstractmethod
    def show(self) -> None:
        """Print the figures, and who has none."""

    def finish(self) -> None:  # noqa: B027 - most have nothing to do
        """Do what is left when all jobs ended, or some."""

    def measure(self) -> None:
        """Do all of it, or as much as time allows."""
        try:
            for _ in self.work():
                self.write()
            self.facts |= {"complete": True, "ended": "all was measured"}
        except OutOfTime:
            self.facts["ended"] = f"after {self.asked.minutes:g} minutes, as was asked"
        except KeyboardInterrupt:
            self.facts["ended"] = "interrupted"
        log(f"{self.asked.case}: {self.facts['ended']}")
        self.write()
        self.show()
        self.finish()
        if self.facts["ended"] == "interrupted":
            raise SystemExit(INTERRUPTED)

    def write(self) -> None:
        """Write the record as it stands."""
        keep(self.asked.case, self.asked, self.facts)

    def able(self) -> list[str]:
        """Return the engines that have neither been left out nor failed."""
        return [n for n, e in self.engines.items() if "left_out" not in e and "failed" not in e]

    def probe(self, n: int, able: list[str] | None = None) -> None:
        """Find out who can run here on n rows, and print who can't, and why."""
        for name in self.asked.peers if able is None else able:
            peer = PEERS[name]
            engine = self.engines[name] = {"label": peer.label, "note": peer.note}
            if peer.by_name and not self.asked.named:
                engine["left_out"] = "tried only where it is asked for by name"
            elif n > peer.largest and not self.asked.named:
                engine["left_out"] = f"not tried on more than {peer.largest:,} rows unless named"
            else:
                try:
                    found = self.run("probe", peer=name)
                    engine |= {k: found[k] for k in ("left_out", "version") if k in found}
                except JobFailed as failed:
                    engine["left_out"] = f"can't be imported: {failed}"
            if "left_out" in engine:
                log(f"{peer.label} is left out: {engine['left_out']}")

    def fitted(self, name: str, job: str = "fit", **more: Any) -> dict[str, Any]:
        """Return what a fit tells; with --quick it is short."""
        if self.asked.quick:
            more.setdefault("iterations", PEERS[name].quick)
        return self.run(job, peer=name, **self.ask, **more)

    def fail(self, name: str, failed: JobFailed) -> None:
        """Note that an engine failed; the others go on."""
        self.engines[name]["failed"] = str(failed)
        log(f"{self.engines[name]['label']} failed: {failed}")

    def judged(self, **told: Any) -> dict[str, Any]:
        """Return the quality of a map.

        Raises JobFailed for a map that has none.
        """
        found = self.run("quality", **told)
        found.pop("peak_bytes")
        if "failed" in found:
            raise JobFailed(found["failed"])
        return found
