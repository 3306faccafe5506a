"""Tracker: the common part of callbacks that write a fit down elsewhere, and the order of events.

A tracker that fails costs a warning and no map: after the first error of a fit nothing more is sent
of it.
"""

from __future__ import annotations

import math
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from gputsne.base.messages import warn_user
from gputsne.base.types import Progress
from gputsne.data import require, write
from gputsne.provenance import Run
from gputsne.provenance.facts import describe

__all__ = ["Tracker"]

T = TypeVar("T")
DPI: Final = 60  # of the picture: some 400 pixels across, as lists of runs show it
TOTALS: Final = (
    "kl_divergence", "n_iter", "neighbors_recall", "seconds", "cost", "peak_memory_bytes",
    "peak_device_bytes",
)  # fmt: skip


@dataclass
class _Tracked:
    """One fit, as far as the tracker has been told of it."""

    handle: Any = None  # what `_begin` returned
    before: str | None = None  # id of the record that the model had
    failed: bool = False


@dataclass
class _PerThread(threading.local):
    """Fits that are under way in this thread; a callback may fit a model of its own."""

    fits: list[_Tracked] = field(default_factory=list)


class Tracker(ABC):
    """A callback that writes down parameters, KL as it falls, at the end times, map and picture.

    Pass one to ``TSNE(callbacks=...)``, alone or among others. It may serve several fits, one after
    the other or at once in several threads; each becomes a run of its own. A copy, as
    ``sklearn.base.clone`` and pickle make one, has the settings and none of the runs.

    Parameters
    ----------
    name : str or None
        Of the run; None: the service's own choice.
    tags : dict of str to str or None
        What the run is to be found by.
    measure : callable or None
        Called with the fitted model, returns numbers by name, which become metrics of the run; not
        called where the fit was cut short.
    labels : array_like, shape (n,), or None
        Colours of the picture.
    thumbnail : bool or None, default None
        Whether to add a picture of the map; None: where matplotlib is installed.

    Attributes
    ----------
    ids : list of str
        Ids that the service gave to the runs of this object, in the order of their beginning.

    Raises
    ------
    DependencyMissing
        The package of the service isn't installed, or none that draws a thumbnail; the message
        names the extra.
    TypeError
        For a measure that can't be called.

    Warns
    -----
    UserWarning
        Once per fit, where the service fails: the fit goes on, and the map stands.

    Notes
    -----
    One for another service is derived from this class: ``_begin(parameters)`` returns a handle and
    the run's id, ``_log(handle, values, iteration)`` sends numbers, ``_finish(handle, run, values,
    files)`` all that is known at the end, ``_close(handle, status)`` ends the run.
    """

    package: ClassVar[str] = ""  # which has to be installed

    def __init__(
        self,
        *,
        name: str | None = None,
        tags: Mapping[str, str] | None = None,
        measure: Callable[[Any], Mapping[str, float]] | None = None,
        labels: Any = None,
        thumbnail: bool | None = None,
    ) -> None:
        if self.package:
            require(self.package, f"the tracker {type(self).__name__}")
        if thumbnail:
            require("matplotlib", "a thumbnail")
        if measure is not None and not callable(measure):
            raise TypeError(f"measure={measure!r} must be a function of the fitted model")
        self.name, self.tags = name, {str(k): str(v) for k, v in (tags or {}).items()}
        self.measure, self.labels, self.thumbnail = measure, labels, thumbnail
        self.ids: list[str] = []
        self._here = _PerThread()

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings: the runs are this object's own."""
        return {k: v for k, v in vars(self).items() if k not in ("ids", "_here")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the settings of another."""
        vars(self).update(state, ids=[], _here=_PerThread())

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def start(self, model: Any) -> None:
        """Begin a run; called when parameters are checked, before anything is computed.

        Parameters
        ----------
        model : TSNE
            Not fitted yet, or about to be continued by ``optimize``.
        """
        parameters = {k: v for k, v in describe(model)["parameters"].items() if v is not None}
        earlier: Run | None = getattr(model, "run_", None)
        self._start(parameters).before = None if earlier is None else earlier.id

    def __call__(self, progress: Progress) -> None:
        """Write down the KL divergence.

        Parameters
        ----------
        progress : Progress
            What a callback is told.
        """
        fit = self._here.fits[-1] if self._here.fits else self._start({})
        if math.isfinite(progress.kl_divergence):
            values = {"kl_divergence": progress.kl_divergence}
            self._try(
                fit, "logged nothing", lambda: self._log(fit.handle, values, progress.iteration)
            )

    def finish(self, model: Any) -> None:
        """Write down what came of the fit and end the run; called once, whatever ended the fit.

        Parameters
        ----------
        model : TSNE
            ``model.run_`` says how the fit ended.
        """
        fit = self._here.fits.pop() if self._here.fits else self._start({}, keep=False)
        run: Run | None = getattr(model, "run_", None)
        if run is not None and run.id == fit.before:
            run = None  # what was refused before it began has no record
        status = "failed" if run is None else run.status
        try:
            if run is not None:
                self._try(fit, "did not get the result", lambda: self._tell(fit, run, model))
        finally:
            if fit.handle is not None:
                close = partial(self._close, fit.handle, status)
                self._try(fit, "was not closed", close, even_failed=True)

    def _tell(self, fit: _Tracked, run: Run, model: Any) -> None:
        values = _totals(run) | self._measured(run, model)
        with tempfile.TemporaryDirectory(prefix="gputsne-") as folder:
            self._finish(fit.handle, run, values, self._files(run, model, folder))

    def _start(self, parameters: dict[str, Any], *, keep: bool = True) -> _Tracked:
        fit = _Tracked()
        if keep:
            self._here.fits.append(fit)
        begun = self._try(fit, "did not begin a run", lambda: self._begin(parameters))
        if begun is not None:
            fit.handle, found = begun
            self.ids.append(found)
        return fit

    def _try(
        self, fit: _Tracked, what: str, work: Callable[[], T], *, even_failed: bool = False
    ) -> T | None:
        """Do what may fail; the first failure of a fit is a warning and ends its tracking."""
        if fit.failed and not even_failed:
            return None
        try:
            return work()
        except Exception as error:
            if not fit.failed:
                fit.failed = True
                told = " ".join(f"{type(error).__name__}: {error}".split())
                warn_user(
                    f"{type(self).__name__} {what}: {told[:300]}. The fit goes on and its map "
                    "stands; nothing more of it is sent there"
                )
            return None

    def _measured(self, run: Run, model: Any) -> dict[str, float]:
        if self.measure is None or run.status != "done":
            return {}
        try:
            return {str(k): float(v) for k, v in self.measure(model).items()}
        except Exception as error:
            warn_user(f"measure failed: {type(error).__name__}: {error}; the map stands")
            return {}

    def _files(self, run: Run, model: Any, folder: str) -> dict[str, Path]:
        """Return what is kept of a fit beside numbers: record, map and picture."""
        found = {"record": Path(folder, "run.json")}
        run.write(found["record"])
        Y = getattr(model, "embedding_", None)
        if Y is None:
            return found
        suffix = "npy" if find_spec("pyarrow") is None else "parquet"
        found["map"] = Path(folder, f"embedding.{suffix}")
        write(found["map"], Y)
        wanted = find_spec("matplotlib") is not None if self.thumbnail is None else self.thumbnail
        if wanted:
            from gputsne.plotting import plot

            found["picture"] = Path(folder, "map.png")
            plot(model, self.labels, path=found["picture"], dpi=DPI)
        return found

    @abstractmethod
    def _begin(self, parameters: dict[str, Any]) -> tuple[Any, str]:
        """Begin a run; return what the other methods are given, and its id."""

    @abstractmethod
    def _log(self, handle: Any, values: dict[str, float], iteration: int) -> None:
        """Send numbers of an iteration."""

    @abstractmethod
    def _finish(
        self, handle: Any, run: Run, values: dict[str, float], files: dict[str, Path]
    ) -> None:
        """Send what is known at the end; ``files`` has "record", "map" and "picture" if made."""

    @abstractmethod
    def _close(self, handle: Any, status: str) -> None:
        """End the run; ``status`` is one of ``Run.status``."""


def _totals(run: Run) -> dict[str, float]:
    """Return the finite numbers that a record has of the whole fit, times as seconds/stage."""
    told: dict[str, Any] = {name: getattr(run, name) for name in TOTALS}
    told |= {f"seconds/{stage}": value for stage, value in run.timings.items()}
    told |= dict(run.metrics)
    numbers = {k: v for k, v in told.items() if isinstance(v, int | float)}
    return {k: float(v) for k, v in numbers.items() if math.isfinite(v)}
