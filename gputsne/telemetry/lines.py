"""JsonLines: a handler of logging that writes the events of runs as lines of JSON."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any, Final, TextIO

from gputsne.base import events
from gputsne.base.streams import silence
from gputsne.provenance.machine import peak_memory

__all__ = ["JsonLines"]

ENDS: Final = ("stage_ended", "fit_ended", "ended")  # events that tell the memory taken so far


class JsonLines(logging.Handler):
    """Writes events of runs as lines of JSON, and nothing of data, files, people or machines.

    For the logger ``gputsne.events``. Records of other loggers may hold anything in their text: of
    them a line ``remark`` tells who made it and where in the code, without the text.

    Parameters
    ----------
    stream : file or None
        Where to write; None: standard error, as it is at each line. What can't be written is lost,
        and so is all that comes after it: no run ends because of its log.

    Examples
    --------
    >>> import logging
    >>> handler = JsonLines(sys.stdout)
    >>> logging.getLogger("gputsne.events").addHandler(handler)
    >>> logging.getLogger("gputsne.events").removeHandler(handler)
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(logging.INFO)
        self._stream, self._failed, self._began = stream, False, time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record.

        Parameters
        ----------
        record : logging.LogRecord
            An event, or a remark of another logger.
        """
        if self._failed:
            return
        event, facts = self._told(record)
        facts["elapsed"] = round(time.monotonic() - self._began, 6)
        stream = sys.stderr if self._stream is None else self._stream
        if stream is None:  # as of a program without a console
            return
        try:
            stream.write(f"{events.line(event, record.levelno, facts)}\n")
            stream.flush()
        except (OSError, ValueError):  # no room, nobody who reads, or closed
            self._failed = True
            silence(stream)

    @staticmethod
    def _told(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
        found = getattr(record, "facts", None)
        if found is None:
            where = [f"{record.filename}:{record.lineno}"]
            return "remark", {"logger": record.name, "where": where}
        event = record.getMessage()
        if event in ENDS and (peak := peak_memory()) is not None:
            found = {**found, "peak_memory_bytes": peak}
        return event, dict(found)
