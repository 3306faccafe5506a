"""Trying again: storage that fails for a moment is asked again, later each time; slow one is told.

What can't change by waiting (no such file, no permission, a full disk) is raised at once.
"""

from __future__ import annotations

import errno
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from gputsne.base.messages import warn_user

__all__ = ["Retry", "is_transient"]

LOGGER: Final = logging.getLogger("gputsne")
T = TypeVar("T")

_TRANSIENT: Final = frozenset({
    errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EPIPE,
    errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETDOWN,
    errno.ENETUNREACH, errno.EREMOTEIO,
})  # fmt: skip
# pyarrow's errors of a cloud have no number. These words of their texts say that asking again is
# no use; the names are those of the AWS SDK's S3Errors and of HTTP.
_FINAL: Final = (
    "access denied", "access_denied", "forbidden", "invalid_access_key", "invalid_client_token",
    "missing_authentication", "no_such_bucket", "no such bucket", "nosuchbucket",
    "signature_does_not_match", "unauthorized", "unrecognized_client", "invalidaccesskeyid",
    "signaturedoesnotmatch", "accessdenied",
)  # fmt: skip
_PER_SECOND: Final = 10e6  # bytes; a transfer at this speed is no slow one, however large


def is_transient(error: BaseException) -> bool:
    """Tell whether storage may do later what it failed to do now.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_transient(ConnectionResetError()), is_transient(FileNotFoundError())
    (True, False)
    """
    if isinstance(error, ConnectionError | TimeoutError | InterruptedError):
        return True
    if not isinstance(error, OSError) or type(error) is not OSError:
        return False  # FileNotFoundError, PermissionError and the like
    if error.errno is not None:
        return error.errno in _TRANSIENT
    said = str(error).lower()
    return not any(word in said for word in _FINAL)


@dataclass(frozen=True)
class Retry:
    """How often storage is asked again, and when it counts as slow.

    Attributes
    ----------
    tries : int
        Attempts in all.
    first, most : float
        Seconds before the second attempt; they double from one to the next, up to ``most``. Each
        wait is shortened by up to a half at random, so that many writers don't come back together.
    slow : float
        Seconds after which an operation is told of, beyond those that its bytes take at 10 MB/s.
    sleep, clock : callable
        Wait for so many seconds; return the seconds since any moment.
    """

    tries: int = 5
    first: float = 0.5
    most: float = 20.0
    slow: float = 10.0
    sleep: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def __call__(self, doing: str, work: Callable[[], T], size: int = 0) -> T:
        """Do something that may be done again.

        Parameters
        ----------
        doing : str
            What it is, for messages: "writing runs/.../map.parquet".
        work : callable
            Does it; called again where it raised a transient error.
        size : int
            Bytes that are moved.

        Returns
        -------
        object
            What `work` returns.

        Raises
        ------
        OSError
            Of the last attempt, or one that waiting can't mend.
        """
        for attempt in range(1, self.tries + 1):
            begun = self.clock()
            try:
                found = work()
            except OSError as error:
                if attempt == self.tries or not is_transient(error):
                    raise
                pause = min(self.first * 2 ** (attempt - 1), self.most)
                pause *= 1 - secrets.randbelow(1001) / 2000
                LOGGER.info("%s failed, again in %.2f s: %s", doing, pause, error)
                self.sleep(pause)
            else:
                took = self.clock() - begun
                if took > self.slow + size / _PER_SECOND:
                    warn_user(f"the storage is slow: {doing} took {took:.0f} s")
                return found
        raise AssertionError("tries is at least 1")
