"""Monitor: runs told to a textfile, a Pushgateway and a port, each from its begin to its end.

What fails here is a remark and takes no map along.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Final

from gputsne.base import forks
from gputsne.base.files import path_of
from gputsne.base.messages import warn_user
from gputsne.base.types import Progress
from gputsne.provenance import Run
from gputsne.provenance.outcome import FAILED, described, shown
from gputsne.provenance.plain import stamp
from gputsne.provenance.tags import checked_tags
from gputsne.runs.attempts import Attempt
from gputsne.telemetry.board import Board, Service
from gputsne.telemetry.fetching import without_secrets
from gputsne.telemetry.sinks import Port, let_go, push, write_textfile
from gputsne.telemetry.telling import RUNNING_NOW, begin, count_killed, count_left, finish

if TYPE_CHECKING:
    from gputsne.runs.store import Store

__all__ = ["Exporter", "Monitor"]

LIVE: Final = (
    "board", "_lock", "_own", "_running", "_failed", "_open", "_mark", "_written",
)  # fmt: skip
EVERY: Final = 15.0  # seconds between two writings of a textfile during a fit: one scrape interval


@dataclass
class _Told:
    """A run that has begun, in the thread that it is told of."""

    service: Service
    before: Run | None = None  # the record that the model had


@dataclass
class _PerThread(threading.local):
    """Runs under way in this thread; a callback may fit a model of its own."""

    runs: list[_Told] = field(default_factory=list)


class Monitor:
    """Metrics of runs; a callback of the fit, which tells KL and iterations as they come.

    It may serve several runs, one after the other or at once in several threads. A copy, as
    ``sklearn.base.clone`` and pickle make one, has the settings and none of the runs; so has a
    forked process, which tells nothing of its parent's runs.

    Parameters
    ----------
    note : callable
        Called with each remark, one sentence.
    textfile : path-like or None
        File that node-exporter reads.
    pushgateway : str or None
        Address of a Pushgateway.
    port : int or None
        Where the metrics are scraped while the run lasts; 0 is any that is free.
    host : str, default "127.0.0.1"
        Address of that port.
    store : Store or None
        Knows which runs were killed.
    """

    def __init__(
        self,
        note: Callable[[str], None],
        *,
        textfile: str | PathLike[str] | None = None,
        pushgateway: str | None = None,
        port: int | None = None,
        host: str = "127.0.0.1",
        store: Store | None = None,
    ) -> None:
        self.note, self.pushgateway = note, pushgateway
        self.textfile = None if textfile is None else path_of(textfile, "textfile")
        self.port, self.host, self.store = port, host, store
        self._lock = forks.Lock()
        self._forget()
        _monitors.add(self)

    def _forget(self) -> None:
        """Have no runs."""
        self.board = Board()
        self._own, self._running = _PerThread(), 0
        self._failed: set[str] = set()
        self._open: Port | None = None
        self._mark: int | None = None
        self._written = 0.0

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings."""
        return {k: v for k, v in vars(self).items() if k not in LIVE}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over settings; no run is under way."""
        vars(self).update(state)
        self._lock = forks.Lock()
        self._forget()
        _monitors.add(self)

    def begin(self, run: Run) -> None:
        """Say that a run begins; runs before it that were killed are counted now.

        Parameters
        ----------
        run : Run
            Its id, start and tags.
        """
        killed = self._attempts()
        with self._lock.held():
            first = not self._running
            if first:
                self.board, self._failed = Board(), set()
            self._own.runs.append(_Told(begin(self.board, run)))
            self._running += 1
            count_killed(self.board, killed)
            if first and self.port is not None:
                self._try(f"port {self.port}", self._show)
        left: dict[Service, float] = {}
        if not self._write(partial(self._begun, run=run, killed=killed, left=left)):
            left.clear()  # the file says still that they run: the next start counts them
        self._push(partial(_begun_pushed, run=run, killed=killed, left=left))

    def __call__(self, progress: Progress) -> None:
        """Tell how far the fit is.

        Parameters
        ----------
        progress : Progress
            What a callback is told.
        """
        if not self._own.runs:  # of a fork's parent
            return
        self._going(self.board, progress)
        if time.monotonic() - self._written >= EVERY:
            self._write(partial(self._going, progress=progress))

    def end(self, run: Run) -> None:
        """Say how the latest run of this thread ended; close the port with the last of all.

        Parameters
        ----------
        run : Run
            Its record.
        """
        if not self._own.runs:
            return
        killed = self._attempts()
        with self._lock.held():
            self._try("the port", partial(finish, self.board, run))
        told = partial(_ended, run=run, killed=killed)
        self._write(told)
        self._push(told)
        self._leave(1)

    def close(self) -> None:
        """End the runs of this thread untold; with the last of all, close the port."""
        self._leave(len(self._own.runs))

    def _leave(self, runs: int) -> None:
        """Take runs of this thread off; after the last give port and mark back."""
        with self._lock.held():
            del self._own.runs[len(self._own.runs) - runs :]
            self._running -= runs
            if self._running:
                return
            if self._open is not None:
                self._open.close()
                self._open = None
            if self._mark is not None:
                let_go(self._mark)
                self._mark = None

    def _after_fork(self) -> None:
        """Let go of what is the parent's: its mark would outlive it, its port would stay taken."""
        if self._mark is not None:
            os.close(self._mark)
        if self._open is not None:
            self._open.leave()
        self._forget()

    def _show(self) -> None:
        self._open = Port(self.board, self.port or 0, self.host)
        self.note(f"metrics are shown at {self._open.address} until the run ends")

    def _going(self, board: Board, progress: Progress) -> None:
        service = self._own.runs[-1].service
        board.set("gputsne_kl_divergence", service, progress.kl_divergence)
        board.set("gputsne_iterations", service, progress.iteration)
        board.set("gputsne_iterations_planned", service, progress.total)

    def _attempts(self) -> tuple[Attempt, ...]:
        if self.store is None:
            return ()
        return self._try(f"runs of {self.store.uri}", self.store.unfinished) or ()

    def _begun(
        self, board: Board, run: Run, killed: tuple[Attempt, ...], left: dict[Service, float]
    ) -> None:
        """Say in a textfile that a run has begun, and in `left` which were killed before it.

        Called under the file's lock: a process that begins at the same time is either told in the
        file and has its mark, or neither.
        """
        if self._mark is None and self._hold():
            left |= count_left(board)
        begin(board, run)
        count_killed(board, killed)

    def _hold(self) -> bool:
        """Mark that a process writes the textfile; return whether it is the only one.

        The mark is a lock, which the system takes back from a process that is killed.
        """
        assert self.textfile is not None
        try:
            import fcntl
        except ImportError:  # Windows
            return False
        path = self.textfile.with_name(f".{self.textfile.name}.running")
        self._mark = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            alone = False
        fcntl.flock(self._mark, fcntl.LOCK_SH)
        return alone

    def _write(self, change: Callable[[Board], None]) -> bool:
        self._written = time.monotonic()
        if self.textfile is None:
            return False
        written = partial(write_textfile, self.textfile, change)
        return self._try(str(self.textfile), written) is not None

    def _push(self, change: Callable[[Board], None]) -> None:
        if self.pushgateway is not None:
            pushed = partial(_one_at_a_time, change)
            self._try(without_secrets(self.pushgateway), partial(push, self.pushgateway, pushed))

    def _try(self, where: str, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Exception as error:
            if where not in self._failed:
                self._failed.add(where)
                self.note(f"no metrics at {shown(where)}: {described(error)}; the run goes on")
            return None


class Exporter(Monitor):
    """The same as a callback for Python: ``TSNE(callbacks=Exporter(port=9100))``.

    Parameters
    ----------
    tags : mapping of str to str or None
        ``model``, ``pipeline`` and ``owner``, which name the service.
    **settings : Any
        Of `Monitor`: textfile, pushgateway, port, host, store.

    Warns
    -----
    UserWarning
        Once for each place that can't be written: the fit goes on.
    """

    def __init__(self, tags: Mapping[str, str] | None = None, **settings: Any) -> None:
        super().__init__(warn_user, **settings)
        self.tags = checked_tags(tags or {})

    def start(self, model: Any) -> None:
        """Say that a fit begins; called before anything is computed.

        Parameters
        ----------
        model : TSNE
            Not fitted yet.
        """
        self.begin(Run(started=stamp(datetime.now(UTC)), tags=self.tags))
        self._own.runs[-1].before = getattr(model, "run_", None)

    def finish(self, model: Any) -> None:
        """Say how the fit ended; called whatever ended it.

        Parameters
        ----------
        model : TSNE
            With ``run_``, unless it was refused before it began.
        """
        if not self._own.runs:
            return
        run: Run | None = getattr(model, "run_", None)
        if run is None or run is self._own.runs[-1].before:
            now = stamp(datetime.now(UTC))
            run = Run(status="failed", exit_code=FAILED, started=now, ended=now)
        self.end(replace(run, tags={**run.tags, **self.tags}))

    def _show(self) -> None:
        self._open = Port(self.board, self.port or 0, self.host)


def _begun_pushed(
    board: Board, run: Run, killed: tuple[Attempt, ...], left: Mapping[Service, float]
) -> None:
    """Say in a gateway that a run has begun; others' runs may be in progress there."""
    for service, count in left.items():
        board.add("gputsne_runs_killed_total", service, count)
        board.set(RUNNING_NOW, service, 0)
    begin(board, run)
    count_killed(board, killed)


def _ended(board: Board, run: Run, killed: tuple[Attempt, ...]) -> None:
    finish(board, run)
    count_killed(board, killed)


def _one_at_a_time(change: Callable[[Board], None], board: Board) -> None:
    """Change what a gateway holds; a run that it says to be in progress was this one, or died."""
    change(board)
    for service in board.services:
        running = board.value(RUNNING_NOW, service)
        board.set(RUNNING_NOW, service, None if running is None else min(running, 1.0))


_monitors: weakref.WeakSet[Monitor] = weakref.WeakSet()


def _after_fork() -> None:
    for monitor in list(_monitors):
        monitor._after_fork()


forks.in_child(_after_fork)
