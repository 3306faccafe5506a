"""Ways: what a fit may keep on disk, and in how many parts it may search, to take less memory.

None changes a byte of the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["IN_MEMORY", "MOST_PARTS", "Way", "ways"]

MOST_PARTS: Final = 64  # of the neighbour lists; each is filled anew for every block of queries


class Way(NamedTuple):
    """How a fit makes do with its memory.

    Attributes
    ----------
    rows_on_disk : bool
        Whether prepared rows lie in a file for temporary use.
    parts : int
        Into how many parts the inverted lists are divided, of which one is in memory at a time.
    P_on_disk : bool
        Whether P does, too; the packed copy that the iterations read stays in memory.
    """

    rows_on_disk: bool = False
    parts: int = 1
    P_on_disk: bool = False

    def __str__(self) -> str:
        """Return it in words."""
        said = ["rows on disk"] * self.rows_on_disk + ["P on disk"] * self.P_on_disk
        said += [f"lists in {self.parts} parts"] * (self.parts > 1)
        return ", ".join(said) or "all in memory"


IN_MEMORY: Final = Way()


def ways(by_lists: bool, packed: bool) -> Iterator[Way]:
    """Yield the ways there are, those that cost least time first.

    Parameters
    ----------
    by_lists : bool
        Whether neighbours are searched by FAISS, whose lists can be divided.
    packed : bool
        Whether P is packed beside P.
    """
    counts = [1]
    while by_lists and counts[-1] < MOST_PARTS:
        counts.append(2 * counts[-1])
    for parts in counts:
        for P_on_disk in (False, True)[: 1 + packed]:
            for rows_on_disk in (False, True):
                yield Way(rows_on_disk, parts, P_on_disk)
