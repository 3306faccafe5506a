"""One run from files to files: read, fit, score, write, record; with a deadline, in any thread.

Nothing here knows of a command line: a server may run jobs in threads of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gputsne.base import deadline, events
from gputsne.base.errors import DeadlineExceeded
from gputsne.base.files import replacing
from gputsne.data import Data
from gputsne.data.named import with_names
from gputsne.data.writing import check_copy
from gputsne.model.checkpoint import Checkpoint
from gputsne.planning.memory import available_memory
from gputsne.provenance import Run
from gputsne.provenance.facts import assemble, describe_input
from gputsne.provenance.outcome import (
    DONE_OUTCOME,
    FAILED,
    OVER_MEMORY,
    Outcome,
    described,
    outcome_of,
    shown,
)
from gputsne.provenance.run import new_id, next_is
from gputsne.runs.nonfinite import nonfinite_as_bad_input
from gputsne.runs.reading import Points, read_points
from gputsne.runs.requests import Report, Request, View
from gputsne.runs.streams import STANDARD, Source, flows, map_suffix, opened
from gputsne.runs.writing import write_points

if TYPE_CHECKING:
    from gputsne.runs.keeping import Keeping

__all__ = ["Job", "Report", "Request", "View"]

LOGGER: Final = logging.getLogger("gputsne")
SCORE_K: Final = 10  # neighbours compared before and after, as in gputsne.metrics


class Job:
    """One run, step by step; `run` does all of it.

    Parameters
    ----------
    request : Request
        What to do.
    note : callable, optional
        Called with each remark, one sentence; by default it goes to the logger ``gputsne``.
    """

    def __init__(self, request: Request, note: Callable[[str], None] = LOGGER.warning) -> None:
        self.request, self.note = request, note
        self.started = datetime.now(UTC)
        self.ended = self.started
        self.begun = time.monotonic()  # whatever the clock is set to meanwhile
        self.seconds = 0.0
        self.id = events.known().get("run") or new_id(self.started)
        self.sources: tuple[Source, ...] = ()
        self.points = Points(Data(None))
        self.model: Any = None
        self.written: list[str] = []
        self.sending = False  # the map, to a pipe or device
        self.scores: dict[str, float] = {}
        self.spending: Mapping[str, Any] = request.spending

    @property
    def map(self) -> Any:
        """The map, if there is one yet; shape (n, c)."""
        return getattr(self.model, "embedding_", None)

    def run(self) -> Report:
        """Do the job; whatever ends it, the record is written and the report tells of it.

        Returns
        -------
        Report
            Also of errors and interrupts, none of which is raised.
        """
        error: BaseException | None = None
        with ExitStack() as stack:
            stack.enter_context(events.of_run(self.id))
            try:
                outcome = self._do(stack)
            except BaseException as raised:
                error = raised
                outcome = outcome_of(raised) or Outcome(FAILED, described(raised))
            self.ended, self.seconds = datetime.now(UTC), time.monotonic() - self.begun
            if self.request.run_record is not None:
                try:
                    self._record(self.request.run_record, outcome)
                except OSError as raised:
                    error = error or raised
                    outcome = _and_failed(
                        outcome, f"no run record was written: {described(raised)}"
                    )
            if self.request.keeping is not None and self.request.keeping.begun is not None:
                outcome, error = self._keep(self.request.keeping, outcome, error)
            told = self._told(outcome)  # a map whose run could not be stored is no success
            if outcome.exit_code == DONE_OUTCOME.exit_code:
                self._remove_checkpoint()
        return Report(outcome, told, error, tuple(self.written))

    def _record(self, path: Path, outcome: Outcome) -> None:
        """Write the record; interrupted while it hashes a large input or writes, without hashes."""
        try:
            self._told(outcome, hashed=_hashed(outcome)).write(path)
        except KeyboardInterrupt:
            self._told(outcome).write(path)

    def _keep(
        self, keeping: Keeping, outcome: Outcome, error: BaseException | None
    ) -> tuple[Outcome, BaseException | None]:
        """Store the run, whole or not at all; return how the job ends with that."""
        try:
            with events.stage("store"):
                keeping.keep(self._told(outcome, hashed=_hashed(outcome)), self)
        except BaseException as raised:
            ended = outcome_of(raised) or Outcome(FAILED, described(raised))
            said = f"the run was not stored: {ended.message}"
            if outcome.exit_code == DONE_OUTCOME.exit_code:
                said = f"{said}; written: {', '.join(self.written)}"
                return Outcome(ended.exit_code, said), error or raised
            return _and_failed(outcome, said), error or raised
        return outcome, error

    def _do(self, stack: ExitStack) -> Outcome:
        request = self.request
        if request.keeping is not None:
            request.keeping.begin(self._told(DONE_OUTCOME))
        cut: BaseException | None = None
        failures: list[str] = []
        try:
            with deadline.limit(request.seconds):
                form = request.input_format
                self.sources = tuple(stack.enter_context(opened(p, form)) for p in request.sources)
                limit = request.parameters.get("memory_limit") or available_memory()
                want = replace(request.selection, memory_limit=limit)
                self.points = read_points(
                    self.sources, want, keep=request.keep, hover=request.hover, folders=True
                )
                for said in self.points.notes:
                    self.note(said)
                if map_suffix(request.output, request.output_format) == ".h5ad":
                    source = self.sources[0]
                    check_copy(source.path, self.points.table.X.shape[0], source.name)
                for view in request.views:
                    view.check(self.points)
                if request.approve is not None:
                    self.spending = request.approve(self)
                self._fit()
                if request.score:
                    self._score(failures)
            self._write_map(failures)
        except (KeyboardInterrupt, DeadlineExceeded) as error:
            cut = error
            if self.map is None:
                return self._cut_short(error, "no map yet, nothing was written")
            if self.sending:  # who interrupts a pipe that nobody reads doesn't want to wait again
                return self._cut_short(error, f"{self._output} was not written")
            if not self.written:
                self._write_map(failures)
        try:
            if not isinstance(cut, KeyboardInterrupt):
                self._write_others(failures)
        except KeyboardInterrupt as error:
            cut = error
        if failures:
            there = f"written: {', '.join(self.written)}" if self.written else "nothing was written"
            return Outcome(FAILED, f"{'; '.join(failures)}; {there}")
        if cut is not None:
            return self._cut_short(cut, f"{self._output} holds the map so far")
        return DONE_OUTCOME

    def _cut_short(self, error: BaseException, rest: str) -> Outcome:
        """Return the end of a run that an interrupt or a deadline ended."""
        ended = outcome_of(error) or Outcome(FAILED, described(error))
        path = self.request.checkpoint
        if path is not None and path.exists():
            rest = f"{rest}; {shown(path)} keeps the run, which goes on with --resume"
        return Outcome(ended.exit_code, f"{ended.message}; {rest}")

    def _checkpoint(self) -> Checkpoint | None:
        request = self.request
        if request.checkpoint is None:
            return None
        return Checkpoint(request.checkpoint, request.minutes, resume=request.resume, keep=True)

    def _remove_checkpoint(self) -> None:
        checkpoint = self._checkpoint()
        if checkpoint is not None:
            try:
                checkpoint.remove()
            except OSError as error:
                self.note(f"{shown(checkpoint.path)} could not be removed: {described(error)}")

    @property
    def _output(self) -> str:
        output = self.request.output
        return "standard output" if output == STANDARD else shown(output)

    def _fit(self) -> None:
        table, parameters = self.points.table, self.request.parameters
        checkpoint = self._checkpoint()
        if checkpoint is not None and checkpoint.resume and not checkpoint.path.exists():
            self.note(f"{shown(checkpoint.path)} isn't there: the run begins anew")
        called = [*self.request.watching, *([] if checkpoint is None else [checkpoint])]
        kept = {"callbacks": called} if called else {}
        self.model = (self.request.make or make_model)({**parameters, **kept})
        if parameters.get("metric") == "precomputed":
            with next_is(self.id):
                self.model.fit(table.X)
        else:
            name = " and ".join(source.name for source in self.sources)
            imputed = parameters.get("impute") is not None
            with (
                next_is(self.id),
                nonfinite_as_bad_input(
                    name, table, imputed=imputed, remedy="fill them: --impute mean"
                ),
            ):
                self.model.fit(with_names(table.X, table.names))

    def _score(self, failures: list[str]) -> None:
        deadline.check("before the map was scored")
        try:
            with events.stage("score"):
                self._measure()
        except Exception as error:  # too few rows, or no memory: the map is there all the same
            failures.append(f"the map was not scored: {described(error)}")

    def _measure(self) -> None:
        from gputsne import metrics

        for name in ("knn_preservation", "trustworthiness"):
            score = getattr(metrics, name)(self.points.table.X, self.map, k=SCORE_K)
            self.scores[name] = float(score)

    def _write_map(self, failures: list[str]) -> None:
        request = self.request
        self.sending = flows(request.output)
        with self._collecting(failures, self._output, "written"):
            for said in write_points(
                request.output,
                self.map,
                self.points,
                request.output_format,
                source=self.sources[0],
            ):
                self.note(said)
        self.sending = False

    def _write_others(self, failures: list[str]) -> None:
        """Save the model, then draw; what fails is noted in `failures` and takes nothing along."""
        if self.request.model is not None:
            path = self.request.model
            self._name_rows()
            saving = self._collecting(failures, shown(path), "saved")
            with saving, events.stage("save"), replacing(path) as part:
                self.model.save(part)
        for view in self.request.views:
            with self._collecting(failures, shown(view.path), "drawn"), events.stage("draw"):
                view.draw(view.path, self.model, self.points)

    def _name_rows(self) -> None:
        """Leave the ids in the model, for later tables to be matched with."""
        ids = self.points.table.ids
        if ids is not None and len(ids) == len(self.map):
            from gputsne.change.identity import read_ids

            try:
                self.model.ids_ = read_ids(ids, len(ids), "ids")
            except ValueError as error:
                self.note(f"the model keeps no ids: {error}")

    @contextmanager
    def _collecting(self, failures: list[str], name: str, done: str) -> Iterator[None]:
        """Note a file as written, or as one clause among the failures."""
        try:
            yield
        except Exception as error:
            LOGGER.info("%s was not %s", name, done, exc_info=error)
            failures.append(f"{name} was not {done}: {described(error)}")
        else:
            self.written.append(name)

    def _told(self, outcome: Outcome, *, hashed: bool = False) -> Run:
        request = self.request
        sources = self.sources or tuple(Source(p, shown(p)) for p in request.sources)
        chosen = {**request.selection.given(), "keep": request.keep, "hover": request.hover}
        return assemble(
            self.model,
            outcome,
            id=self.id,
            started=self.started,
            ended=self.ended,
            seconds=self.seconds,
            inputs=[describe_input(s.path, s.name, chosen, hashed=hashed) for s in sources],
            X=self.points.table.X,
            output={
                "map": self._output,
                "plots": [view.path for view in request.views],
                "model": request.model,
                "written": list(self.written),
            },
            parameters=request.parameters,
            seed=request.parameters.get("random_state"),
            metrics=self.scores,
            tags=request.tags,
            price_per_hour=request.price_per_hour,
            replicas=request.replicas,
            spending=self.spending,
        )


def _hashed(outcome: Outcome) -> bool:
    """Tell whether to hash the inputs: who is refused one that is too large has not to wait."""
    return outcome.exit_code != OVER_MEMORY


def _and_failed(outcome: Outcome, more: str) -> Outcome:
    """Return an end with one more failure."""
    message = f"{outcome.message}; {more}" if outcome.message else more
    return Outcome(outcome.exit_code or FAILED, message)


def make_model(parameters: Mapping[str, Any]) -> Any:
    """Return a model with these parameters, not fitted; imported only here, since that is heavy."""
    from gputsne.model.embedding import Embedding

    return Embedding(**parameters)
