"""Keeping a job in a store: a note when it begins; map, model, picture, record when it ends."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gputsne.data.table import COMPRESSED
from gputsne.provenance import Run
from gputsne.provenance.outcome import described
from gputsne.runs.reading import Points
from gputsne.runs.store import Store
from gputsne.runs.streams import Source

if TYPE_CHECKING:
    from gputsne.runs.job import Job

__all__ = ["INPUT", "Keeping"]

INPUT: Final = "input"  # the stem of stored inputs: input.csv.gz, input-2.csv.gz


@dataclass
class Keeping:
    """Where a job is kept, and what of it.

    Attributes
    ----------
    store : Store
        The store.
    inputs : bool
        Whether to keep the files that are read, byte for byte.
    drawn : mapping of str to callable
        What is drawn of a finished map, by the name of the file: called as ``draw(path, model,
        points)``. One that can't be drawn is left out, with a remark.
    begun : str or None
        Id of the note that the store has while the job runs.
    stored : str or None
        Id of the stored run.
    """

    store: Store
    inputs: bool = False
    drawn: Mapping[str, Callable[[Path, Any, Points], None]] = field(default_factory=dict)
    begun: str | None = None
    stored: str | None = None

    def begin(self, run: Run) -> None:
        """Note in the store that a run has begun; so a store that isn't there is an early error.

        Parameters
        ----------
        run : Run
            What is known of it.

        Raises
        ------
        OSError
            The store can't be written to.
        """
        self.store.begin(run)
        self.begun = run.id

    def keep(self, run: Run, job: Job) -> None:
        """Store a run that has ended, with what there is of it.

        Parameters
        ----------
        run : Run
            Its record. One that was interrupted is stored with its map alone, since whoever
            interrupts doesn't want to wait.
        job : Job
            What was read and made.

        Raises
        ------
        OSError
            The store can't be written to; nothing of the run is in it.
        """
        try:
            with tempfile.TemporaryDirectory(prefix="gputsne-") as folder:
                files = self._files(Path(folder), run, job)
                self.stored = self.store.put(run, files=files)
        finally:  # a run that can't be stored says so itself: it was not killed
            if self.begun is not None:
                with suppress(OSError):
                    self.store.end(self.begun)

    def _files(self, folder: Path, run: Run, job: Job) -> dict[str, Path]:
        """Return what is stored beside the record."""
        if job.map is None:
            return {}
        files = {"map.parquet": _map(folder / "map.parquet", job)}
        if run.status in ("done", "failed", "deadline"):
            files |= self._others(folder, job)
        if self.inputs:
            files |= _inputs(job.sources)
        return files

    def _others(self, folder: Path, job: Job) -> dict[str, Path]:
        """Return what else there is of a map; what fails is left out, and said."""
        makers: dict[str, Callable[[Path], object]] = {}
        for name, draw in self.drawn.items():
            makers[name] = partial(_drawn, draw, job)
        makers["model.npz"] = job.model.save  # with the colours that its labels have in pictures
        made = {}
        for name, make in makers.items():
            try:
                make(folder / name)
            except Exception as error:
                job.note(f"the stored run has no {name}: {described(error)}")
            else:
                made[name] = folder / name
        return made


def _drawn(draw: Callable[[Path, Any, Points], None], job: Job, path: Path) -> None:
    draw(path, job.model, job.points)


def _map(path: Path, job: Job) -> Path:
    from gputsne.runs.writing import write_points

    write_points(path, job.map, job.points)
    return path


def _inputs(sources: Sequence[Source]) -> dict[str, Path]:
    """Return the inputs by the names under which they are stored."""
    found = {}
    for i, source in enumerate(sources):
        suffixes = [suffix.lower() for suffix in source.path.suffixes]
        packed = bool(suffixes) and suffixes[-1] in COMPRESSED
        form = "".join(suffixes[-2:] if packed else suffixes[-1:])
        found[f"{INPUT}{f'-{i + 1}' if i else ''}{form}"] = source.path
    return found
