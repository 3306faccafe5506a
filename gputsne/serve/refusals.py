"""Refused: a request that is not answered, with its HTTP status and one sentence for the caller."""

from __future__ import annotations

import math
from typing import Final

from gputsne.base.errors import GputsneError

__all__ = ["Refused"]

REASONS: Final = {
    400: "bad_request", 401: "no_token", 403: "forbidden", 404: "not_found", 405: "method",
    408: "slow_body", 411: "no_length", 413: "too_large", 415: "media_type", 416: "range",
    421: "host", 429: "quota", 500: "fault", 501: "not_installed", 503: "busy", 504: "deadline",
}  # fmt: skip


class Refused(GputsneError):
    """A request that is not answered.

    The message is one sentence for the caller: what was wrong, and what would be right.

    Attributes
    ----------
    status : int
        HTTP status, 400 to 599.
    headers : dict of str to str
        Of the answer, with ``Retry-After`` in seconds where the same request may succeed later.

    Examples
    --------
    >>> Refused(429, "10 calls per hour are allowed", retry_after=1.5).headers
    {'Retry-After': '2'}
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after: float | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))

    @property
    def reason(self) -> str:
        """The status as one word, for a metric."""
        return REASONS.get(self.status, "other")
