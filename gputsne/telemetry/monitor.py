"""Monitor: one run told to a textfile, a Pushgateway and a port, from its begin to its end.

What fails here is a remark and takes no map along.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Final

from gputsne.base.files import path_of
from gputsne.base.messages import warn_user
from gputsne.base.types import Progress
from gputsne.provenance import Run
from gputsne.provenance.outcome import FAILED, described, shown
from gputsne.provenance.plain import stamp
from gputsne.provenance.tags import checked_tags
from gputsne.runs.attempts import Attempt
from gputsne.telemetry.board import Board, Service
from gputsne.telemetry.sinks import Port, push, write_textfile
from gputsne.telemetry.telling import RUNNING_NOW, begin, count_killed, count_left, finish

if TYPE_CHECKING:
    from gputsne.runs.store import Store

__all__ = ["Exporter", "Monitor"]

EVERY: Final = 15.0  # seconds between two writings of a textfile during a fit: one scrape interval


class Monitor:
    """Metrics of one run; a callback of the fit, which tells KL and iterations as they come.

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
        self.board = Board()
        self._service: Service = self.board.service({})
        self._failed: set[str] = set()
        self._open: Port | None = None
        self._mark: int | None = None
        self._written = 0.0

    def begin(self, run: Run) -> None:
        """Say that a run begins; runs before it that were killed are counted now.

        Parameters
        ----------
        run : Run
            Its id, start and tags.
        """
        killed = self._attempts()
        self.board = Board()
        self._service = begin(self.board, run)
        count_killed(self.board, killed)
        if self.port is not None:
            self._try(f"port {self.port}", self._show)
        alone = self.textfile is not None and self._try(str(self.textfile), self._hold)
        self._write(partial(_begun, run=run, killed=killed, alone=bool(alone)), pushing=True)

    def __call__(self, progress: Progress) -> None:
        """Tell how far the fit is.

        Parameters
        ----------
        progress : Progress
            What a callback is told.
        """
        self._going(self.board, progress)
        if time.monotonic() - self._written >= EVERY:
            self._write(partial(self._going, progress=progress))

    def end(self, run: Run) -> None:
        """Say how the run ended, and close the port.

        Parameters
        ----------
        run : Run
            Its record.
        """
        killed = self._attempts()
        self._try("the port", partial(finish, self.board, run))
        self._write(partial(_ended, run=run, killed=killed), pushing=True)
        self.close()

    def close(self) -> None:
        """Close the port and give the mark of a running process back."""
        if self._open is not None:
            self._open.close()
            self._open = None
        if self._mark is not None:
            os.close(self._mark)
            self._mark = None

    def _show(self) -> None:
        self._open = Port(self.board, self.port or 0, self.host)
        self.note(f"metrics are shown at {self._open.address} until the run ends")

    def _going(self, board: Board, progress: Progress) -> None:
        board.set("gputsne_kl_divergence", self._service, progress.kl_divergence)
        board.set("gputsne_iterations", self._service, progress.iteration)
        board.set("gputsne_iterations_planned", self._service, progress.total)

    def _attempts(self) -> tuple[Attempt, ...]:
        if self.store is None:
            return ()
        return self._try(f"runs of {self.store.uri}", self.store.unfinished) or ()

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

    def _write(self, change: Callable[..., None], *, pushing: bool = False) -> None:
        self._written = time.monotonic()
        if self.textfile is not None:
            self._try(str(self.textfile), partial(write_textfile, self.textfile, change))
        if self.pushgateway is not None and pushing:
            pushed = partial(_one_at_a_time, change)
            self._try(self.pushgateway, partial(push, self.pushgateway, pushed))

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
        self._before: Run | None = getattr(model, "run_", None)
        self.begin(Run(started=stamp(datetime.now(UTC)), tags=self.tags))

    def finish(self, model: Any) -> None:
        """Say how the fit ended; called whatever ended it.

        Parameters
        ----------
        model : TSNE
            With ``run_``, unless it was refused before it began.
        """
        run: Run | None = getattr(model, "run_", None)
        if run is None or run is self._before:
            now = stamp(datetime.now(UTC))
            run = Run(status="failed", exit_code=FAILED, started=now, ended=now)
        self.end(replace(run, tags={**run.tags, **self.tags}))

    def _show(self) -> None:
        self._open = Port(self.board, self.port or 0, self.host)


def _begun(board: Board, run: Run, killed: tuple[Attempt, ...], alone: bool) -> None:
    if alone:
        count_left(board)
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
