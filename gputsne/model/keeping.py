"""A fit that keeps itself while it runs: when to copy its state, when to write, what to go on from.

A copy is taken between two iterations, since an interrupt may come inside one; it lies where the
state does and is written only when it is time, or when something ends the fit.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gputsne.base.messages import warn_user
from gputsne.engine.kept import MeshRecord, Standing
from gputsne.engine.optimize import Result
from gputsne.engine.schedule import Schedule
from gputsne.model import checkpoint as files
from gputsne.model import fingerprint, persistence
from gputsne.model.checkpoint import ANEW, Checkpoint, Start
from gputsne.model.parameters import Parameters
from gputsne.model.records import Fit
from gputsne.model.stages import Stages

__all__ = ["Further", "Keeping"]

COPY_EVERY = 0.25  # seconds of work that an interrupt costs at most, beside the iteration itself
SHARE = 100.0  # copying takes at most one part in so many of the time, and writing does


@dataclass(frozen=True, eq=False)
class Further:
    """A run that is to go on.

    Attributes
    ----------
    fit : Fit
        With prepared rows, P, and the map that the iterations started from.
    schedule : Schedule
        Of the run.
    others : int
        Bytes of everything but the mesh, as planned.
    standing : Standing or None
        Where it stood; None before its first iteration.
    told : dict
        What its record says of the data.
    """

    fit: Fit
    schedule: Schedule
    others: int
    standing: Standing | None
    told: dict[str, Any]

    @property
    def mesh(self) -> MeshRecord | None:
        """The mesh to go on with."""
        if self.standing is not None:
            return self.standing.mesh
        return None if self.fit.result is None else self.fit.result.mesh


class Keeping:
    """Keeps one fit, where its callbacks have a ``Checkpoint``; a context around its stages.

    Parameters
    ----------
    params : Parameters
        Of the fit.
    device : str
        Where it runs.
    data : callable
        Returns the hash of X; "" where a run goes on without.
    anew : bool
        Whether this can't be the rest of another run.

    Attributes
    ----------
    further : Further or None
        What to go on from.

    Raises
    ------
    ValueError
        The file is of another run than this fit would be, or damaged; a parameter can't be kept.
    OSError
        It can't be read or written, or is there and not to be gone on from.
    """

    def __init__(
        self,
        params: Parameters,
        device: str,
        data: Callable[[], str] = str,
        *,
        anew: bool = False,
    ) -> None:
        self.checkpoint: Checkpoint | None = params.checkpoint
        self.further: Further | None = None
        self._start = Start("", device, {}, "", {}, {}, 0, {})
        self._copy: Callable[[], Standing] | None = None
        self._timings: dict[str, float] = {}
        self._began = self._copy_at = self._write_at = 0.0
        self._writes = False
        checkpoint = self.checkpoint
        if checkpoint is None:
            return
        persistence.check_kept(params.snapshot())
        self._start = replace(
            self._start,
            versions=fingerprint.versions(),
            data=data(),
            asked=fingerprint.asked(params),
        )
        if checkpoint.resume and checkpoint.path.exists() and not anew:
            self.further = self._found(checkpoint)
        else:
            files.check_free(checkpoint)

    def _found(self, checkpoint: Checkpoint) -> Further:
        """Return what the files hold; they go on being this run's."""
        saved, start = files.read(checkpoint)
        path, now = checkpoint.path, self._start
        if names := fingerprint.differing(start.versions, now.versions):
            told = ", ".join(f"{n} {start.versions.get(n, 'none')}" for n in names)
            here = ", ".join(f"{n} {now.versions.get(n, 'none')}" for n in names)
            raise ValueError(
                f"{path} was written with {told}, and this is {here}: another version makes "
                f"another map. Go on with that one, {ANEW}"
            )
        if start.device != now.device:
            raise ValueError(
                f"{path} was begun on device={start.device!r}, and this fit runs on "
                f"{now.device!r}, which makes another map: choose that one, {ANEW}"
            )
        if now.data:  # without X all of it comes from the file itself
            self._check_same(path, start)
        self._start, self._writes = start, True
        standing = files.read_state(checkpoint, saved, start)
        return Further(saved.fit, Schedule(**start.schedule), start.others, standing, start.told)

    def _check_same(self, path: Path, start: Start) -> None:
        """Raise ValueError unless X and the parameters are those that a run was begun with."""
        now = self._start
        if not start.data:
            raise ValueError(f"{path} was left by optimize: TSNE.resume goes on with it, {ANEW}")
        if names := fingerprint.differing(start.asked, now.asked):
            told = ", ".join(f"{n}={start.asked.get(n)!r}" for n in names)
            here = ", ".join(f"{n}={now.asked.get(n)!r}" for n in names)
            raise ValueError(
                f"{path} was begun with {told}, and this fit has {here}: give the same, {ANEW}"
            )
        if start.data != now.data:
            raise ValueError(
                f"{path} was begun with other data: X differs in values, order of rows or names "
                f"of columns. Give the same X, {ANEW}"
            )

    def begin(self, stages: Stages, first: Result, schedule: Schedule) -> None:
        """Take note that the iterations begin; a new run is written as it is before them.

        Parameters
        ----------
        stages : Stages
            As far as they came.
        first : Result
            The map that the iterations start from.
        schedule : Schedule
            What they do.
        """
        checkpoint, fit = self.checkpoint, stages.so_far()
        if checkpoint is None:
            return
        self._timings = {k: v for k, v in fit.timings.items() if k != "total"}
        if self.further is None:
            told = {} if stages.about is None else stages.about.told
            self._start = replace(
                self._start,
                token=secrets.token_hex(16),
                schedule=dict(vars(schedule)),
                others=stages.others,
                told={name: told[name] for name in ("input", "columns") if name in told},
            )
            self._writes = self._trying(
                lambda: files.begin(checkpoint, replace(fit, result=first), self._start)
            )
        self._began = time.monotonic()
        self._write_at = self._began + 60.0 * checkpoint.minutes

    @property
    def aside(self) -> Callable[[Callable[[], Callable[[], Standing]]], None] | None:
        """What the loop offers its state to; see ``engine.optimize``."""
        return self._offered if self._writes else None

    def _offered(self, copy: Callable[[], Callable[[], Standing]]) -> None:
        now = time.monotonic()
        if now < self._copy_at:
            return
        self._copy = copy()
        self._copy_at = now + max(COPY_EVERY, SHARE * (time.monotonic() - now))
        if now >= self._write_at:
            self._write()
            took = time.monotonic() - now
            minutes = 1.0 if self.checkpoint is None else self.checkpoint.minutes
            self._write_at = now + max(60.0 * minutes, SHARE * took)

    def _write(self) -> None:
        """Write the last copy, unless it is on disk."""
        copy, checkpoint = self._copy, self.checkpoint
        if copy is None or checkpoint is None or not self._writes:
            return
        spent = self._timings.get("optimize", 0.0) + time.monotonic() - self._began
        timings = self._timings | {"optimize": spent}
        timings["total"] = sum(timings.values())
        if self._trying(lambda: files.write(checkpoint, self._start, copy(), timings)):
            self._copy = None

    def _trying(self, write: Callable[[], None]) -> bool:
        """Write; a disk that is full ends no fit."""
        try:
            write()
        except OSError as error:
            warn_user(f"no checkpoint was written: {error}; the fit goes on without")
            return False
        return True

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what the fit came to, whatever ends it; a finished one needs no files."""
        if kind is None and self.checkpoint is not None and not self.checkpoint.keep:
            with suppress(OSError):  # the map is there all the same
                self.checkpoint.remove()
        else:
            self._write()
