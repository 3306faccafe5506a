"""Memory of building tiles, told before anything large is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gputsne.base.errors import OverMemory
from gputsne.base.memory import available_memory
from gputsne.base.parameter_table import Bytes
from gputsne.base.sizes import size_text

__all__ = ["TilesPlan", "tiles_plan"]

# Bytes per point, with what is made on the way; tests hold their sum against measured peaks.
PLACES: Final = 16  # x and y in float64
CODES: Final = 8 + 8 + 8  # places on the Morton curve, in the order of the rows and sorted; order
ROWS: Final = 4 + 4 + 4  # of the tile in hand, of those that wait, of the cells
CHOICE: Final = 8 + 8 + 4 + 4 + 1 + 1  # strata, thresholds, draws, masks
COLUMN: Final = 8 + 8  # a column as it was given and as it is read
TEXT: Final = 8 + 8 + 60  # of text: its place, offsets, and the text, of Python and in UTF-8
BASE: Final = 150_000_000  # interpreter and libraries


@dataclass(frozen=True)
class TilesPlan:
    """Memory of building tiles.

    Attributes
    ----------
    parts : dict of str to int
        Bytes by part: "points", "order", "choice", "columns", "texts".
    host_bytes : int
        At most at once, with interpreter and libraries.
    """

    parts: dict[str, int]
    host_bytes: int

    def check(self, limit: float | str | None = None) -> None:
        """Raise if the plan does not fit.

        Parameters
        ----------
        limit : float, str or None
            Bytes, or as "8G"; None for what the machine or the container still has.

        Raises
        ------
        OverMemory
            With both figures and the remedies.
        TypeError, ValueError
            For a limit that is no amount of memory.
        """
        given = Bytes().read("memory_limit", limit)
        allowed = available_memory() if given is None else given
        if allowed is not None and self.host_bytes > allowed:
            raise OverMemory(
                f"these tiles need {size_text(self.host_bytes)}, "
                f"{'free memory' if limit is None else 'memory_limit'} is {size_text(allowed)}; "
                "bring fewer columns, above all of text, or a sample: gputsne sample"
            )


def tiles_plan(n: int, columns: int = 0, texts: int = 0) -> TilesPlan:
    """Estimate the memory of building tiles.

    Parameters
    ----------
    n : int
        Points.
    columns, texts : int
        Columns of categories or numbers; columns of text, ids among them.

    Returns
    -------
    TilesPlan
    """
    parts = {
        "points": n * PLACES, "order": n * (CODES + ROWS), "choice": n * CHOICE,
        "columns": n * columns * COLUMN, "texts": n * texts * TEXT,
    }  # fmt: skip
    return TilesPlan(parts, sum(parts.values()) + BASE)
