"""What a job is asked to do, and what it reports: Request, View and Report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gputsne.data import Selection
from gputsne.provenance import Run
from gputsne.provenance.outcome import Outcome
from gputsne.runs.reading import Points

if TYPE_CHECKING:
    from gputsne.runs.job import Job
    from gputsne.runs.keeping import Keeping

__all__ = ["Report", "Request", "View"]


@dataclass(frozen=True)
class View:
    """A picture that a job draws of its map.

    Attributes
    ----------
    path : Path
        Where it goes.
    draw : callable
        Called as ``draw(path, model, points)``; writes the file.
    check : callable
        Called as ``check(points)`` before the fit; raises ValueError for what can't be drawn.
    """

    path: Path
    draw: Callable[[Path, Any, Points], None]
    check: Callable[[Points], None] = lambda points: None


@dataclass(frozen=True)
class Request:
    """What a job is asked to do.

    Attributes
    ----------
    sources : tuple of Path
        Inputs, one below the other; ``-`` is standard input.
    output : Path
        The map's file; ``-`` is standard output.
    selection : Selection
        What to read.
    keep, hover : tuple of str
        Further columns: for the map's file, and for pictures.
    input_format, output_format : str or None
        Format of streams; None: what their bytes or names say, else csv.
    parameters : mapping
        Keyword arguments of TSNE.
    make : callable or None
        Makes the estimator from them; None: a TSNE.
    views : tuple of View
        Pictures.
    model, run_record : Path or None
        Files for the fitted model and the record.
    tags : mapping of str to str
        What the run is found and paid by.
    price_per_hour : float or None
        Of the machine, for the run's cost.
    replicas : int
        Machines that do the same at once, for the run's cost.
    spending : mapping
        What is known of the cost beforehand, as ``Run.spending``.
    approve : callable or None
        Called with the job once its input is read; returns ``spending``, or raises what ends it.
    seconds : float or None
        Deadline, from the start of the job.
    score : bool
        Whether to measure neighbours kept and trustworthiness.
    keeping : Keeping or None
        The store that the run goes to.
    checkpoint : Path or None
        File that keeps the fit while it runs; removed once all is written.
    minutes : float
        Between two writings of it.
    resume : bool
        Whether to go on from it where it is there.
    watching : tuple of callable
        Callbacks of the fit.
    """

    sources: tuple[Path, ...]
    output: Path
    selection: Selection = field(default_factory=Selection)
    keep: tuple[str, ...] = ()
    hover: tuple[str, ...] = ()
    input_format: str | None = None
    output_format: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    make: Callable[[Mapping[str, Any]], Any] | None = None
    views: tuple[View, ...] = ()
    model: Path | None = None
    run_record: Path | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    price_per_hour: float | None = None
    replicas: int = 1
    spending: Mapping[str, Any] = field(default_factory=dict)
    approve: Callable[[Job], Mapping[str, Any]] | None = None
    seconds: float | None = None
    score: bool = False
    keeping: Keeping | None = None
    checkpoint: Path | None = None
    minutes: float = 10.0
    resume: bool = False
    watching: tuple[Callable[[Any], None], ...] = ()


@dataclass(frozen=True)
class Report:
    """How a job ended.

    Attributes
    ----------
    outcome : Outcome
        Exit code and one line.
    run : Run
        The run's record, without the hash of the input's file.
    error : BaseException or None
        What ended the job, where something did.
    written : tuple of str
        Files written.
    """

    outcome: Outcome
    run: Run
    error: BaseException | None
    written: tuple[str, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """The run's record as a dict."""
        return self.run.to_dict()
