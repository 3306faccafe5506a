"""The request log: a line of JSON per request, without personal data.

A line has the route's pattern in place of the address, so no ids and no query; a caller is a role
and a pseudonym that no later process gives again; an error is its type and place, as its message
may hold a value.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from typing import Any, Final

from gputsne.base import events

__all__ = ["LOGGER", "Journal"]

LOGGER: Final = logging.getLogger("gputsne.serve")


class Journal:
    """Writes a line per request to the logger ``gputsne.serve``."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(32)

    def pseudonym(self, what: str) -> str:
        """Return a name for an address or a key that leads back to none of them.

        Parameters
        ----------
        what : str
            The address or key.

        Returns
        -------
        str
            Eight hexadecimal digits, the same while this process runs.
        """
        return hmac.new(self._salt, what.encode(), hashlib.sha256).hexdigest()[:8]

    def request(self, **facts: Any) -> None:
        """Write the line of a request that has been answered.

        Parameters
        ----------
        **facts : object
            Its fields, in their order.
        """
        self._write(logging.INFO, "request", facts)

    def fault(self, error: BaseException, **facts: Any) -> None:
        """Write the line of a fault of the server's own.

        Parameters
        ----------
        error : BaseException
            Its type and place are told, its message is not.
        **facts : object
            Further fields.
        """
        places = events.places_of(error.__traceback__)
        told = {**facts, "error": type(error).__name__, "where": places}
        self._write(logging.ERROR, "fault", told)

    def event(self, what: str, **facts: Any) -> None:
        """Write the line of something that is no request: start, stop.

        Parameters
        ----------
        what : str
            Its name.
        **facts : object
            Its fields.
        """
        self._write(logging.INFO, what, facts)

    def warning(self, what: str, **facts: Any) -> None:
        """Write the line of something that whoever runs the server should look at.

        Parameters
        ----------
        what : str
            Its name.
        **facts : object
            Its fields.
        """
        self._write(logging.WARNING, what, facts)

    def _write(self, level: int, what: str, facts: dict[str, Any]) -> None:
        if LOGGER.isEnabledFor(level):
            LOGGER.log(level, "%s", events.line(what, level, facts))
