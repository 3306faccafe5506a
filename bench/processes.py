"""Jobs: runs a function of jobs.py in a process of its own, one at a time, and watches it.

All get the same caps on threads. A job that crashes, hangs or takes too long ends as a
``JobFailed`` that says why; an interrupt ends the job before it ends the benchmark.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from bench.clock import resident_bytes, stage_peaks
from bench.common import device, log

WORKER = Path(__file__).resolve().parent / "worker.py"
CAPS = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR", "NUMBA", "VECLIB", "RAYON")
EVERY = 0.02  # seconds between two samples of a job's memory
LIMIT = 3600.0  # seconds that a job may take unless told


class JobFailed(Exception):
    """A job that ended without facts; the text says how."""


class OutOfTime(Exception):
    """The benchmark's budget is spent."""


class Jobs:
    """Runs jobs, one at a time."""

    def __init__(self, folder: Path, asked: Any) -> None:
        self.folder, self.count = folder, 0
        self.threads, self.device = asked.threads, device(asked)
        self.limit = float(getattr(asked, "limit", None) or LIMIT)
        minutes = getattr(asked, "minutes", None)
        self.ends = float("inf") if minutes is None else time.monotonic() + 60 * minutes

    def __call__(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Run a job; arrays among the arguments go as npy files.

        Returns what the job returns: with ``peak_bytes``, the most memory its process held, and
        ``stage_peak_bytes`` where it told its stages.

        Raises JobFailed, and OutOfTime where the budget is spent before the job ends.
        """
        if time.monotonic() > self.ends:
            raise OutOfTime
        self.count += 1
        call = self.folder / f"{self.count}-{name}.json"
        told = {k: self._kept(k, v) for k, v in arguments.items()}
        own = {"job": name, "threads": self.threads, "device": self.device}
        call.write_text(json.dumps(own | told), encoding="utf-8")
        began = time.monotonic()
        samples = self._watched(call)
        try:
            facts: dict[str, Any] = json.loads(call.with_suffix(".out").read_text("utf-8"))
        except OSError:
            raise JobFailed(f"{name} ended without a result: {last_line(call)}") from None
        marks = facts.pop("marks", [])
        if marks:
            facts["stage_peak_bytes"] = stage_peaks(marks, samples)
        peak, whole = facts["peak_bytes"] / 1e9, time.monotonic() - began
        seconds = facts.get("seconds", {}).get("total")
        timed = "" if seconds is None else f"{seconds:.2f} s, "
        who = f"{arguments.get('peer', '')} {name}".strip()
        log(f"{who}: {timed}{peak:.2f} GB ({whole:.1f} s of process)")
        return facts

    def _watched(self, call: Path) -> list[tuple[float, int]]:
        """Run the process to its end; return samples of its memory."""
        caps = {f"{name}_NUM_THREADS": str(self.threads) for name in CAPS}
        samples = []
        with call.with_suffix(".log").open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-P", str(WORKER), str(call)],
                env={**os.environ, **caps},
                stdout=said,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                start_new_session=True,  # so that all it starts can be ended with it
            )
            ends = time.monotonic() + self.limit
            try:
                while process.poll() is None:
                    if time.monotonic() > self.ends:
                        raise OutOfTime
                    if time.monotonic() > ends:
                        raise JobFailed(f"took more than {self.limit:.0f} s")
                    samples.append((time.monotonic(), resident_bytes(process.pid)))
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(EVERY)
            finally:  # at an interrupt too
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode:
            raise JobFailed(f"{ended(process.returncode)}: {last_line(call)}")
        return samples

    def _kept(self, name: str, value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return str(value) if isinstance(value, Path) else value
        path = self.folder / f"{self.count}-{name}.npy"
        np.save(path, value)
        return str(path)


def ended(status: int) -> str:
    """Return how a process ended."""
    if status >= 0:
        return f"failed with status {status}"
    reason = " (out of memory, perhaps)" if -status == signal.SIGKILL else ""
    return f"was ended by {signal.Signals(-status).name}{reason}"


def last_line(call: Path) -> str:
    """Return the last line that a job said."""
    text = call.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


@contextmanager
def jobs(asked: Any) -> Iterator[Jobs]:
    """Lend a folder for the arrays of a benchmark's jobs."""
    with tempfile.TemporaryDirectory(prefix="gputsne-bench-") as folder:
        try:
            yield Jobs(Path(folder), asked)
        except JobFailed as failed:
            raise SystemExit(str(failed)) from None
