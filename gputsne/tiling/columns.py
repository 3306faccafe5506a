"""Columns that tiles carry beside the places of points: categories, numbers, text; nothing else.

What is not named here never reaches a tile. Ids can be hashed with a salt.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gputsne.base.labels import LabelColumn, read_column, text_of
from gputsne.base.types import Array
from gputsne.plotting.choice import choose_colours, choose_scale
from gputsne.plotting.labels import KINDS, LEGEND, largest, printable, read_labels

__all__ = [
    "Category",
    "Column",
    "Number",
    "Text",
    "each_column",
    "hashed",
    "read_all",
    "read_ids",
    "stored",
]

CATEGORIES: Final = 1000  # of one column; more are text
TEXT_LENGTH: Final = 200  # characters of a text, as a card beside a point shows it
ID_BYTES: Final = 200  # of an id, which can't be cut
NAME_LENGTH: Final = 100  # characters of the name of a column or a category
HASH_BYTES: Final = 8  # 10^8 rows then share a hash with a chance of some 3 in 10,000
WHOLE: Final = 100  # different whole numbers up to which they are names
DAY: Final = 86_400e6  # microseconds
# float32: its largest, up to where it has all whole numbers, and how many widths away from 0 a
# scale may lie to keep a thousand shades.
LARGEST, EXACT, FAR = float(np.finfo(np.float32).max), 2.0**24, 2.0**14
KEY_BYTES: Final = 64  # BLAKE2b's longest key
SALT_BYTES: Final = 16  # a shorter salt, 128 bits of chance at most, could be found by trying
MARK_BYTES: Final = 4  # tell names apart that look alike: up to 1,000 share one in 1 of 8,000 cases
I32 = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Category:
    """A column of categories.

    Attributes
    ----------
    title : str
        Name of the column.
    codes : array, shape (n,), uint8 or uint16
        Place of each row's category; their number where it has none.
    categories, colours : tuple of str
        Names in natural order, and ``#rrggbb``.
    chosen : bool
        Whether the colours are the caller's own, and stay as they are on dark paper.
    texts : tuple of str
        The categories as they were given, uncut.
    palette : object
        What the caller chose colours by.
    known : mapping of str to str
        Colours that categories had already.
    """

    title: str
    codes: Array
    categories: tuple[str, ...]
    colours: tuple[str, ...]
    chosen: bool = False
    texts: tuple[str, ...] = ()
    palette: Any = None
    known: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """The code of rows without a category."""
        return len(self.categories)

    @property
    def size(self) -> int:
        """Bytes of a row."""
        return self.codes.dtype.itemsize

    def take(self, rows: Array) -> Array:
        """Return what a tile holds of some rows."""
        return self.codes[rows]

    def only(self, codes: Array, counts: Array) -> Category:
        """Return the column of groups of points, as if there were no categories but theirs.

        Parameters
        ----------
        codes : array, shape (m,)
            Place of each group's category.
        counts : array, shape (m,)
            Points of each group.

        Returns
        -------
        Category
            With names, colours and codes in which no other category leaves a gap.
        """
        there = np.unique(codes[codes < self.missing])
        place = np.full(self.missing + 1, len(there))  # the code of no category
        place[there] = np.arange(len(there))
        texts = tuple(self.texts[i] for i in there)
        names = apart(texts, NAME_LENGTH)
        sizes = np.bincount(codes, counts, minlength=self.missing + 1)[there]
        legend = [names[i] for i in largest(sizes, LEGEND)]
        known = {name: self.known[name] for name in names if name in self.known}
        colours = choose_colours(names, legend, self.palette, known)
        return replace(
            self, codes=place[codes].astype(np.min_scalar_type(len(there))),
            categories=tuple(names), colours=tuple(colours[name] for name in names), texts=texts,
        )  # fmt: skip

    def told(self, weights: Array | None = None) -> dict[str, Any]:
        """Return what tileset.json says of the column; rows may stand for several points."""
        counts = np.bincount(self.codes, weights, minlength=self.missing + 1)
        counts = counts.astype(np.int64).tolist()
        more = {"chosen": True} if self.chosen else {}
        return {
            "title": self.title, "kind": "category", "categories": self.categories,
            "colours": self.colours, "missing": "no label", "counts": counts[:-1],
            "missing_count": counts[-1], **more,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Number:
    """A column of numbers.

    Attributes
    ----------
    title : str
        Name of the column.
    values : array, shape (n,), float32 or float64
        NaN where a row has none.
    date : bool
        Whether they are days since 1970-01-01.
    colours : tuple of str
        ``#rrggbb`` from the lowest to the highest, where the caller chose them.
    """

    title: str
    values: Array
    date: bool = False
    colours: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of a row."""
        return self.values.dtype.itemsize

    def take(self, rows: Array) -> Array:
        """Return what a tile holds of some rows."""
        return self.values[rows]

    def told(self, weights: Array | None = None) -> dict[str, Any]:
        """Return what tileset.json says of the column."""
        known = self.values[~np.isnan(self.values)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        more: dict[str, Any] = {"dates": True} if self.date else {}
        more |= {"colours": self.colours, "chosen": True} if self.colours else {}
        return {"title": self.title, "kind": "number", "low": low, "high": high, **more}


@dataclass(frozen=True, eq=False)
class Text:
    """A column of text, as the bytes of all rows one after the other.

    Attributes
    ----------
    title : str
        Name of the column.
    kind : {"text", "id"}
        Whether it names the rows.
    coded : bytes
        UTF-8.
    ends : array, shape (n + 1,), int64
        Where each text begins, and the last one ends.
    """

    title: str
    kind: str
    coded: bytes
    ends: npt.NDArray[np.int64]

    @property
    def sizes(self) -> I32:
        """Bytes of each row, with its offset."""
        sizes: I32 = (np.diff(self.ends) + 4).astype(np.int32)
        return sizes

    def take(self, rows: Array) -> list[str]:
        """Return what a tile holds of some rows."""
        starts, ends = self.ends[rows].tolist(), self.ends[np.asarray(rows) + 1].tolist()
        return [self.coded[a:b].decode() for a, b in zip(starts, ends, strict=True)]

    def told(self, weights: Array | None = None) -> dict[str, Any]:
        """Return what tileset.json says of the column."""
        return {"title": self.title, "kind": self.kind}

    @classmethod
    def of(cls, title: str, kind: str, texts: Iterable[str]) -> Text:
        """Return texts as a column; half a surrogate pair, which UTF-8 has not, as its number."""
        coded = [text.encode("utf-8", "backslashreplace") for text in texts]
        ends = np.zeros(len(coded) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, coded), np.int64, len(coded)), out=ends[1:])
        return cls(title, kind, b"".join(coded), ends)


Column = Category | Number | Text


def read_all(
    labels: Any, columns: Any, n: int, *, name: str = "label", kind: str = "auto",
    palette: Any = None, known: Mapping[str, str] | None = None,
) -> tuple[Column, ...]:  # fmt: skip
    """Read the columns that tiles are to carry, the labels first.

    Parameters
    ----------
    labels : array_like, shape (n,), or None
        As for ``gputsne.plot``.
    columns : mapping or table of columns, or None
        By name.
    n : int
        Points.
    name : str
        What the labels are called where they have no name themselves.
    kind, palette : object
        Of the labels, as for ``gputsne.plot``.
    known : mapping of str to str, optional
        Colours that labels have already.

    Returns
    -------
    tuple of Column

    Raises
    ------
    TypeError
        For what is no column or no table of columns.
    ValueError
        For another number of rows, and names that are there twice.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is not one of {', '.join(KINDS)}")
    found: list[Column] = []
    titles: list[str] = []
    if labels is not None:
        column = read_column(labels, n)
        title = _title(column.title or name)
        titles.append(column.title or name)
        found.append(_read(title, labels, column, kind, palette, dict(known or {})))
    elif palette is not None or kind != "auto":
        raise ValueError("palette and kind have no effect without labels; pass labels")
    for given, values in each_column(columns):
        column = read_column(values, n, name=f"columns[{given!r}]")
        found.append(_read(_title(str(given)), values, column, "auto", None, {}))
        titles.append(str(given))
    shown = apart(titles, NAME_LENGTH)
    return tuple(replace(c, title=title) for c, title in zip(found, shown, strict=True))


def each_column(columns: Any) -> list[tuple[Any, Any]]:
    """Return names and columns of a mapping or a table.

    Parameters
    ----------
    columns : mapping, table or None
        As ``gputsne.tiles`` takes it.

    Returns
    -------
    list of tuple

    Raises
    ------
    TypeError
        For what is neither.
    """
    if columns is None:
        return []
    if isinstance(columns, Mapping):
        return list(columns.items())
    if hasattr(columns, "columns") and hasattr(columns, "__getitem__"):
        names = getattr(columns, "column_names", columns.columns)  # pyarrow's
        return [(name, columns[name]) for name in names]
    raise TypeError(
        f"columns={type(columns).__name__} must be a mapping of names to columns, or a table"
    )


def _title(name: str) -> str:
    return _cut(printable(name), NAME_LENGTH)


def _read(
    title: str, values: Any, column: LabelColumn, kind: str, palette: Any, known: dict[str, str]
) -> Column:
    """Return a column as what it is: numbers, many different texts, or categories."""
    numbers = None if kind == "categories" or column.categories is not None else _numbers(column)
    if kind == "values" and numbers is None:
        raise ValueError("kind='values' needs numeric labels; these are categories")
    if numbers is not None and (kind == "values" or _is_quantity(numbers, column)):
        scale = () if palette is None else choose_scale(palette)
        dates = column.values.dtype.kind == "M"
        return Number(title, numbers if dates else stored(numbers), dates, scale)
    if numbers is None and column.values.dtype.kind != "b" and _many(column):
        if palette is not None or column.categories is not None or kind == "categories":
            raise ValueError(
                f"{title} has more than {CATEGORIES:,} categories, the most that tiles colour: "
                "group them, or pass them as text without palette and kind"
            )
        texts = (printable(text_of(value)) for value in column.values.tolist())
        return Text.of(title, "text", (_cut(text, TEXT_LENGTH) for text in texts))
    values, given = _told_apart(values, column)
    found = read_labels(values, len(column.values), kind="categories", palette=palette, known=known)
    size = len(found.names)
    if size > CATEGORIES:  # numbers, by kind="categories"
        raise ValueError(
            f"{title} has {size:,} categories; tiles have up to {CATEGORIES:,}: group them"
        )
    codes = np.where(found.codes < 0, size, found.codes).astype(np.min_scalar_type(size))
    whole = tuple(given.get(name, name) for name in found.names)
    names = tuple(apart(whole, NAME_LENGTH))
    return Category(title, codes, names, found.colours, palette is not None, whole, palette, known)


def _told_apart(values: Any, column: LabelColumn) -> tuple[Any, dict[str, str]]:
    """Return labels of which no two are written alike, and the texts of those that were changed."""
    if column.values.dtype.kind in "biufM":
        return values, {}
    given, codes = column.codes()
    if len({printable(text) for text in given}) == len(given):
        return values, {}
    names = apart(given, max(map(len, given)) + 2 * MARK_BYTES + 2)
    made = np.array([*names, None], dtype=object)[codes]  # -1 is the last one, of no label
    return made, dict(zip(names, given, strict=True))


def apart(texts: Sequence[str], most: int) -> list[str]:
    """Return texts as a page shows them, cut; those that differ and would be alike get a mark.

    Parameters
    ----------
    texts : sequence of str
        As they were given.
    most : int
        Characters of each.

    Returns
    -------
    list of str
        With a mark of the whole text at the end, the same beside any others.
    """
    shown = {text: _cut(printable(text), most) for text in texts}
    alike = Counter(shown.values())
    return [shown[t] if alike[shown[t]] == 1 else _marked(t, most) for t in texts]


def _marked(text: str, most: int) -> str:
    mark = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=MARK_BYTES)
    end = f" ~{mark.hexdigest()}"
    return _cut(printable(text), most - len(end)) + end


def _numbers(column: LabelColumn) -> npt.NDArray[np.float64] | None:
    """Return a column of numbers or dates, NaN where there is none; None for other columns."""
    if column.values.dtype.kind == "M":
        days: Array = column.values.astype("M8[us]").astype(np.int64) / DAY
        return np.where(column.missing, np.nan, days)
    if not column.numeric:
        return None
    found = column.values.astype(np.float64)
    found[column.missing | ~np.isfinite(found)] = np.nan
    return found


def _is_quantity(values: npt.NDArray[np.float64], column: LabelColumn) -> bool:
    """Tell whether numbers are more than names, as ``gputsne.plot`` does."""
    known = values[~np.isnan(values)]
    whole = column.values.dtype.kind in "iu" or bool((known == np.floor(known)).all())
    return column.values.dtype.kind == "M" or not whole or len(np.unique(known)) > WHOLE


def stored(values: npt.NDArray[np.float64]) -> Array:
    """Return numbers in float32, or in float64 where that would blur them.

    Parameters
    ----------
    values : array, shape (n,), float64
        NaN where there is none.

    Returns
    -------
    array, shape (n,)
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return values.astype(np.float32)
    size, width = float(np.abs(known).max()), float(known.max() - known.min())
    whole = bool((known == np.floor(known)).all())
    blurred = size > min(LARGEST, FAR * width) if width else size > LARGEST
    return values if blurred or (whole and size > EXACT) else values.astype(np.float32)


def _many(column: LabelColumn) -> bool:
    """Tell whether there are more different texts than a column of categories may have."""
    seen: set[str] = set()
    for value in column.values.tolist():
        seen.add(text_of(value))
        if len(seen) > CATEGORIES + 1:  # with the missing one
            return True
    return False


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def read_ids(ids: Any, n: int, salt: str | bytes | None) -> Text:
    """Read what each row is called.

    Parameters
    ----------
    ids : array_like, shape (n,)
        Texts or numbers.
    n : int
        Points.
    salt : str, bytes or None
        Where it is given, ids are hashed with it; 16 bytes or more.

    Returns
    -------
    Text

    Raises
    ------
    ValueError
        For another number of ids, missing ones, and ids longer than 200 bytes.
    """
    column = read_column(ids, n, name="ids")
    if column.missing.any():
        row = int(np.flatnonzero(column.missing)[0])
        raise ValueError(f"ids has none in row {row}: give every row one, or leave ids out")
    texts: Iterable[str] = map(text_of, column.values.tolist())
    found = Text.of("id", "id", texts if salt is None else hashed(texts, salt))
    longest = int(np.diff(found.ends).max(initial=0))
    if longest > ID_BYTES:
        row = int(np.argmax(np.diff(found.ends)))
        raise ValueError(
            f"ids has {longest} bytes in row {row}; at most {ID_BYTES} fit a tile: shorten them, "
            "or pass hash_ids"
        )
    return found


def hashed(texts: Iterable[str], salt: str | bytes) -> Iterable[str]:
    """Return a keyed BLAKE2b hash of each text, 16 hexadecimal digits.

    Parameters
    ----------
    texts : iterable of str
        Ids.
    salt : str or bytes
        The key, 16 bytes or more; whoever has it can look for known ids, nobody else can.

    Returns
    -------
    iterable of str

    Raises
    ------
    TypeError
        The salt is neither text nor bytes.
    ValueError
        It is shorter.
    """
    if not isinstance(salt, str | bytes):
        raise TypeError(f"hash_ids={type(salt).__name__} must be a salt: a text or bytes")
    key = salt.encode("utf-8", "surrogatepass") if isinstance(salt, str) else salt
    if len(key) < SALT_BYTES:
        raise ValueError(
            f"hash_ids has {len(key)} bytes; a salt that nobody finds by trying has {SALT_BYTES} "
            'or more: make one by python -c "import secrets; print(secrets.token_hex(16))"'
        )
    key = key if len(key) <= KEY_BYTES else hashlib.blake2b(key).digest()
    start = hashlib.blake2b(key=key, digest_size=HASH_BYTES)

    def one(text: str) -> str:
        digest = start.copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    return map(one, texts)
