"""Seconds and memory of a job by stage.

The job notes when each stage began and ended; the process that started it samples its memory
meanwhile, by the same clock, and so keeps out of its way.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class Clock:
    """Stages of a job: ``marks`` has (stage, begin, end), in seconds of the machine's clock."""

    def __init__(self) -> None:
        self.marks: list[tuple[str, float, float]] = []
        self.began = time.monotonic()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time a block as a stage."""
        began = time.monotonic()
        yield
        self.marks.append((stage, began, time.monotonic()))

    def stages(self, began: float, seconds: Mapping[str, float]) -> None:
        """Enter stages that a library timed itself, one after the other from ``began``."""
        for stage, taken in seconds.items():
            if stage != "total":
                self.marks.append((stage, began, began + taken))
                began += taken

    def seconds(self) -> dict[str, float]:
        """Return seconds by stage, and ``total`` until now."""
        found = {stage: end - begin for stage, begin, end in self.marks}
        return {**found, "total": time.monotonic() - self.began}


def resident_bytes(process: int | str) -> int:
    """Return the memory that a process holds now, libraries included; 0 where it has gone."""
    return _status(process, "VmRSS:")


def peak_bytes(process: int | str = "self") -> int:
    """Return the most memory that a process held, libraries and data included.

    ``ru_maxrss`` would count what the parent held before exec; VmHWM starts anew with it.
    """
    return _status(process, "VmHWM:")


def _status(process: int | str, key: str) -> int:
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    _, found, rest = text.partition(key)
    return 1024 * int(rest.split()[0]) if found else 0


def stage_peaks(
    marks: list[tuple[str, float, float]], samples: list[tuple[float, int]]
) -> dict[str, int]:
    """Return the most bytes that were sampled in each stage; a stage without samples is left out.

    Parameters
    ----------
    marks : list of (stage, begin, end)
        What a Clock noted.
    samples : list of (time, bytes)
        By the same clock, ascending.
    """
    found: dict[str, int] = {}
    for stage, begin, end in marks:
        held = [taken for at, taken in samples if begin <= at <= end]
        if held:
            found[stage] = max(*held, found.get(stage, 0))
    return found
