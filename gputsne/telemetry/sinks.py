"""Where metrics go: a textfile for node-exporter, a Pushgateway, a port that is scraped.

What goes on from a former process is read back from the same place, under a lock where there is
one; so runs that end at once lose nothing of each other's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from gputsne.base.files import path_of, remove_dead, replacing
from gputsne.data import require
from gputsne.telemetry.board import Board
from gputsne.telemetry.fetching import fetch, split_user, without_secrets

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["Port", "push", "put_textfile", "read_pushed", "write_textfile"]

SECONDS: Final = 5.0  # that a Pushgateway may take; a run does not wait longer for it
JOB: Final = "gputsne"
PART: Final = ".part"


def write_textfile(path: str | PathLike[str], change: Callable[[Board], None]) -> Board:
    """Change the metrics of a textfile, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file, whose name must end in ``.prom`` for node-exporter to see it. A file
        ``.NAME.lock`` beside it keeps two writers apart.
    change : callable
        Called with the board that the file holds, an empty one for no file; changes it in place.

    Returns
    -------
    Board
        What was written.

    Raises
    ------
    DependencyMissing
        prometheus-client isn't installed.
    OSError
        The file can't be written.
    ValueError
        The file that is there holds no metrics: it is left as it is.
    """
    require("prometheus_client", "writing metrics")
    path = path_of(path, "textfile")
    with _locked(path.with_name(f".{path.name}.lock")):
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        try:
            board = Board.from_text(text)
        except ValueError as error:
            raise ValueError(f"{path} holds no metrics, and is left as it is: {error}") from error
        change(board)
        put_textfile(path, board.text())
    return board


def put_textfile(path: Path, text: str) -> None:
    """Let a textfile hold a text, whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    text : str
        Metrics.

    Notes
    -----
    What is being written does not end in ``.prom``: node-exporter reads hidden files too, and
    refuses metrics that it sees twice, for good where a process was killed.
    """
    remove_dead(path, PART)
    with replacing(path, suffix=PART) as part:
        part.write_text(text, encoding="utf-8")
        part.chmod(0o644)  # node-exporter is another user


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other writers out while the block runs; on Windows nothing does."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        let_go(descriptor)


def let_go(descriptor: int) -> None:
    """Give a lock back and close its file, whether or not a forked process has it open too."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def read_pushed(url: str) -> Board:
    """Return the board that a Pushgateway holds.

    Parameters
    ----------
    url : str
        Its address, ``http://host:9091``; a user and password in it are sent as such.

    Returns
    -------
    Board

    Raises
    ------
    DependencyMissing
        prometheus-client isn't installed.
    OSError
        It doesn't answer.
    ValueError
        The address is none.
    """
    require("prometheus_client", "pushing metrics")
    if urlsplit(url).scheme not in ("http", "https"):
        shown = without_secrets(url)
        raise ValueError(f"pushgateway={shown!r} must be an address such as http://localhost:9091")
    return Board.from_text(fetch(f"{url.rstrip('/')}/metrics", SECONDS).text)


def push(url: str, change: Callable[[Board], None]) -> Board:
    """Change the metrics of services in a Pushgateway.

    The gateway keeps a group for ever, so a group is a service; a push puts a new one in the place
    of the old. What names one run, the latest, is one series per service.

    Parameters
    ----------
    url : str
        Its address.
    change : callable
        As of `write_textfile`; called with what the gateway holds.

    Returns
    -------
    Board
        What was pushed.

    Raises
    ------
    DependencyMissing
        prometheus-client isn't installed.
    OSError
        It doesn't answer.
    ValueError
        The address is none.
    """
    before = read_pushed(url)
    told = {service: before.only(service).text() for service in before.services}
    change(before)
    from prometheus_client import exposition, push_to_gateway

    address, who = split_user(url)

    def send(**request: Any) -> Callable[[], None]:
        if who is None:
            return exposition.default_handler(**request)
        user, password = who
        return exposition.basic_auth_handler(**request, username=user, password=password)

    for service in before.services:
        own = before.only(service)
        if own.text() != told.get(service):
            group = dict(zip(("model", "pipeline", "owner"), service, strict=True))
            push_to_gateway(
                address, JOB, own.registry(), grouping_key=group, timeout=SECONDS, handler=send
            )
    return before


class Port:
    """A port at which a board is scraped while the process lives.

    Parameters
    ----------
    board : Board
        What is shown; it may change meanwhile.
    port : int
        0: one that is free.
    host : str, default "127.0.0.1"
        Only this machine; "0.0.0.0" lets others in.

    Attributes
    ----------
    address : str
        Of the metrics.

    Raises
    ------
    DependencyMissing
        prometheus-client isn't installed.
    OSError
        The port is taken.
    """

    def __init__(self, board: Board, port: int, host: str = "127.0.0.1") -> None:
        require("prometheus_client", "showing metrics at a port")
        from prometheus_client import start_http_server

        self._server: Any
        self._server, self._thread = start_http_server(port, host, board.registry())
        self.address = f"http://{host}:{self._server.server_port}/metrics"

    def close(self) -> None:
        """Give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def leave(self) -> None:
        """Close it in a forked process: no thread answers there, and it is the parent's."""
        self._server.socket.close()
