"""Settings of the server: addresses, limits, quotas and deadlines, each with its unit."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, fields
from os import PathLike
from typing import Any, Final

from gputsne.base.files import path_of
from gputsne.base.parameter_table import Real, Whole

__all__ = ["Settings", "is_loopback"]

MB: Final = 1_000_000
# Of whole numbers; those of others: 1 and more.
WHOLE: Final = {"port": Whole(0, 65535), "waiting": Whole(0), "min_cell": Whole(2, optional=True)}


def is_loopback(host: str) -> bool:
    """Tell whether an address is reached from this machine alone.

    Parameters
    ----------
    host : str
        An IP address or a host name; of names ``localhost`` alone counts.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Settings:
    """What the server allows, and how much of it.

    Attributes
    ----------
    host : str, default "127.0.0.1"
        Address to listen on. Any but loopback needs tokens.
    port : int, default 8000
        0 lets the system choose.
    hosts : tuple of str
        Names that the header ``Host`` may have. Empty: on loopback its own names, which keeps
        other sites from reaching the server by a name of theirs that leads to 127.0.0.1; else any.
    cache : path-like or None
        Folder of what is made on demand (tile sets, converted maps), the only one that is written
        to; None for one below the user's cache folder.
    cache_bytes : int, default 10**10
        Above it, what was used longest ago is removed.
    columns : tuple of str
        Columns of a map that leave the server besides its coordinates; see ``label``.
    label : bool, default True
        Whether the column that the run's record names as its labels leaves it, too.
    ids : bool, default False
        Whether the column ``id`` does.
    min_cell : int or None
        Show no single points, but counts of at least so many; maps, reports and thumbnails are
        then refused.
    reports : bool, default True
        Whether stored reports, which may hold records, are served.
    max_body : int, default 8_000_000
        Bytes of a request's body.
    max_rows : int, default 5000
        Rows of an on-demand map.
    max_new_rows : int, default 10_000
        Rows of one transform.
    max_columns : int, default 4096
        Columns of either.
    body_seconds : float, default 20
        In which a body must have arrived.
    work_seconds : float, default 60
        In which a transform or an on-demand map must be done, waiting included.
    wait_seconds : float, default 20
        For which a request waits for a tile set to be built; the building goes on after it.
    grace_seconds : float, default 30
        For which requests in flight may run on after SIGTERM.
    workers : int, default 2
        Threads that compute.
    waiting : int, default 16
        Computations that may wait for them; one more is refused with 503.
    connections : int, default 512
        At once. Of more, the one that has waited longest for a request's headers is closed; where
        all are being answered, the new one is answered with 503.
    address_connections : int, default 256
        At once from one address, likewise; a proxy in front of the server is one address.
    header_seconds : float, default 10
        In which the headers of a request must have arrived.
    rate : float, default 50
        Requests per second, per token (per address where there are no tokens).
    burst : float, default 500
        Requests at once, likewise.
    embeds : float, default 10
        On-demand maps per hour, likewise.
    transforms : float, default 600
        Transforms per hour, likewise.
    failures : float, default 20
        Requests with a wrong token per minute and address.
    n_jobs : int, default 1
        Threads of one computation.

    Raises
    ------
    TypeError
        A value is of another kind.
    ValueError
        A number is too small, too large or not finite.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    hosts: tuple[str, ...] = ()
    cache: str | PathLike[str] | None = None
    cache_bytes: int = 10**10
    columns: tuple[str, ...] = ()
    label: bool = True
    ids: bool = False
    min_cell: int | None = None
    reports: bool = True
    max_body: int = 8 * MB
    max_rows: int = 5000
    max_new_rows: int = 10_000
    max_columns: int = 4096
    body_seconds: float = 20.0
    work_seconds: float = 60.0
    wait_seconds: float = 20.0
    grace_seconds: float = 30.0
    workers: int = 2
    waiting: int = 16
    connections: int = 512
    address_connections: int = 256
    header_seconds: float = 10.0
    rate: float = 50.0
    burst: float = 500.0
    embeds: float = 10.0
    transforms: float = 600.0
    failures: float = 20.0
    n_jobs: int = 1

    def __post_init__(self) -> None:
        for field in fields(self):
            name, value, kind = field.name, getattr(self, field.name), str(field.type)
            if kind.startswith("int"):
                WHOLE.get(name, Whole(1)).check(name, value)
            elif kind == "float":
                Real().check(name, value)
            elif kind == "bool" and not isinstance(value, bool):
                raise TypeError(f"{name}={value!r} must be True or False")
            elif kind == "str" and not isinstance(value, str):
                raise TypeError(f"{name}={value!r} must be text")
            elif kind.startswith("tuple"):
                object.__setattr__(self, name, _texts(name, value))
        if self.cache is not None:
            path_of(self.cache, "cache")

    @property
    def names(self) -> tuple[str, ...]:
        """Names that ``Host`` may have; empty for any."""
        if self.hosts or not is_loopback(self.host):
            return tuple(name.lower() for name in self.hosts)
        return ("localhost", "127.0.0.1", "[::1]", self.host.lower())


def _texts(name: str, values: Any) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"{name}={values!r} must be a sequence of texts: ({values!r},)")
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"{name}={values!r} must have texts alone")
    return tuple(values)
