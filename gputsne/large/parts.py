"""Parts: the files of a map that was placed in shards, each with a manifest that says what it is.

``part-00003-of-00016.parquet`` has the places of one shard's rows, ``part-00003-of-00016.json``
its manifest, which is written last: a part without one was not finished.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from gputsne.base.errors import BadInput
from gputsne.base.files import replacing
from gputsne.data.table import listed
from gputsne.provenance.outcome import shown
from gputsne.provenance.plain import plain, sha256_file

__all__ = ["FORMATS", "Manifest", "Shard", "found_in", "stem"]

SCHEMA: Final = "gputsne.part/1"
FORMATS: Final = (".parquet", ".csv", ".npy")
MOST: Final = 99_999  # shards: five digits of a part's name
_NAME: Final = re.compile(r"part-([0-9]{5})-of-([0-9]{5})(\.[a-z]+)")


@dataclass(frozen=True)
class Shard:
    """One of several equal stretches of rows.

    Attributes
    ----------
    index, of : int
        Which, from 0, and of how many.

    Examples
    --------
    >>> Shard.read("3/4").rows(10)
    (7, 10)
    """

    index: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.of <= MOST or not 0 <= self.index < self.of:
            raise ValueError(
                f"shard={self.index}/{self.of} must be I/N with N from 1 to {MOST:,} and I from 0 "
                "to N - 1"
            )

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the shard that a text such as ``3/16`` says.

        Parameters
        ----------
        text : str
            I/N, with I from 0 to N - 1.

        Returns
        -------
        Shard

        Raises
        ------
        ValueError
            It says none.
        """
        found = re.fullmatch("([0-9]{1,6})/([0-9]{1,6})", text.strip())
        if found is None:
            raise ValueError(f"shard={text!r} must be I/N, say 0/16, with I from 0 to N - 1")
        return cls(int(found[1]), int(found[2]))

    def rows(self, n: int) -> tuple[int, int]:
        """Return the rows START to STOP of n that are this shard's; none where N is above n.

        Parameters
        ----------
        n : int
            Rows in all.

        Returns
        -------
        start, stop : int
        """
        return self.index * n // self.of, (self.index + 1) * n // self.of


def stem(shard: Shard) -> str:
    """Return the name of a shard's part, without its suffix."""
    return f"part-{shard.index:05d}-of-{shard.of:05d}"


@dataclass(frozen=True)
class Manifest:
    """What a part is.

    Attributes
    ----------
    shard, of : int
        Which part, and of how many.
    rows : tuple of int
        START and STOP of its rows among all.
    n : int
        Rows of the input.
    components : int
        Axes of the map.
    suffix : str
        Of the part's file.
    model : str
        SHA-256 of the model's file.
    input : tuple of dict
        Per file of the input: name, rows, bytes, and the SHA-256 of all of it, or of a large one
        that of its beginning and end, and when it was changed.
    selection : dict
        Columns that were asked for.
    version : str
        Of gputsne.
    device : str
        Where the rows were placed.
    kinds : dict of str to str
        Type of each column beside the places, by name.
    changed : tuple of int
        When the input's files were changed last; decides only whether a part is made again.
    bytes, sha256 : int, str
        Of the part's file.
    """

    shard: int
    of: int
    rows: tuple[int, int]
    n: int
    components: int
    suffix: str
    model: str
    input: tuple[dict[str, Any], ...]
    selection: dict[str, Any]
    version: str
    device: str
    kinds: dict[str, str]
    changed: tuple[int, ...] = ()
    bytes: int = 0
    sha256: str = ""

    @property
    def part(self) -> str:
        """Name of the part's file."""
        return f"{stem(Shard(self.shard, self.of))}{self.suffix}"

    def differs(self, other: Manifest) -> str:
        """Return in what two parts can't be of one map; empty where they can.

        Parameters
        ----------
        other : Manifest
            Of another part.
        """
        named = {
            "of": "number of shards", "n": "number of rows", "model": "model", "input": "input",
            "selection": "columns asked for", "components": "number of axes", "suffix": "format",
            "version": "version of gputsne",
        }  # fmt: skip
        return next((k for a, k in named.items() if getattr(self, a) != getattr(other, a)), "")

    def same_work(self, other: Manifest) -> bool:
        """Tell whether the part of another manifest is what this one's would be."""
        mine, its = asdict(self), asdict(other)
        for one in (mine, its):
            for name in ("kinds", "bytes", "sha256"):
                one.pop(name)
        return mine == its

    def write(self, folder: Path) -> None:
        """Write it beside its part, whole or not at all."""
        path = folder / f"{stem(Shard(self.shard, self.of))}.json"
        with replacing(path) as draft:
            text = json.dumps({"schema": SCHEMA, **plain(asdict(self))}, indent=1)
            draft.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a manifest.

        Parameters
        ----------
        path : Path
            ``part-....json``.

        Returns
        -------
        Manifest

        Raises
        ------
        BadInput
            It is none.
        """
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            if told.pop("schema") != SCHEMA:
                raise ValueError("its schema is another one")
            made = cls(**told)
            start, stop = map(int, made.rows)
            shard = Shard(made.shard, made.of)
            if (start, stop) != shard.rows(made.n) or made.suffix not in FORMATS:
                raise ValueError("its rows or its format are none of a part's")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadInput(
                f"{shown(path)} is no manifest of a part: {error}; run that shard again"
            ) from error
        return cls(
            **{
                **told, "rows": (start, stop), "input": tuple(told["input"]),
                "changed": tuple(told["changed"]),
            }
        )  # fmt: skip

    def check(self, folder: Path) -> None:
        """Raise BadInput unless the part is there with the bytes that were written."""
        path = folder / self.part
        again = f"run shard {self.shard}/{self.of} again"
        if not path.is_file():
            raise BadInput(f"{shown(path)} is missing, and its manifest is there: {again}")
        if path.stat().st_size != self.bytes or sha256_file(path) != self.sha256:
            raise BadInput(f"{shown(path)} has other bytes than its manifest says: {again}")


def found_in(folder: Path) -> list[Manifest]:
    """Return the manifests of all parts of a folder, which must be whole and of one map.

    Parameters
    ----------
    folder : Path
        Where shards were written to; files with other names are left alone.

    Returns
    -------
    list of Manifest
        In the order of their rows.

    Raises
    ------
    BadInput
        A part is missing, unfinished, or of another map than the rest; each is named.
    """
    if not folder.is_dir():
        raise BadInput(f"{shown(folder)} is no folder of parts")
    names = sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name))
    manifests = [Manifest.read(folder / name) for name in names if name.endswith(".json")]
    if not manifests:
        raise BadInput(
            f"{shown(folder)} has no part that was finished; gputsne transform MODEL IN -o "
            f"{shown(folder)} --shard I/N makes them"
        )
    for own, name in zip(manifests, [n for n in names if n.endswith(".json")], strict=True):
        if name != f"{stem(Shard(own.shard, own.of))}.json":
            raise BadInput(f"{shown(folder / name)} is the manifest of {own.part}: rename it back")
    _check_of_one_map(folder, manifests)
    known = {own.part for own in manifests}
    foreign = [n for n in names if not n.endswith(".json") and n not in known]
    if foreign:
        raise BadInput(
            f"{shown(folder)}: {listed(foreign)} without a manifest: not finished, or of another "
            "run; run those shards again, or remove them"
        )
    there, of = {own.shard for own in manifests}, manifests[0].of
    missing = [f"{i}/{of}" for i in range(of) if i not in there]
    if missing:
        raise BadInput(f"{shown(folder)}: parts are missing; run the shards {listed(missing)}")
    return sorted(manifests, key=lambda own: own.shard)


def _check_of_one_map(folder: Path, manifests: Sequence[Manifest]) -> None:
    """Raise BadInput that names the fewest parts that differ from the others."""
    groups: list[list[Manifest]] = []
    for own in manifests:
        for group in groups:
            if not own.differs(group[0]):
                group.append(own)
                break
        else:
            groups.append([own])
    if len(groups) > 1:
        groups.sort(key=len, reverse=True)
        rest = [own for group in groups[1:] for own in group]
        what = rest[0].differs(groups[0][0])
        names = _rewritten(rest[0], groups[0][0]) if what == "input" else []
        if names:
            raise BadInput(
                f"{shown(folder)}: {listed([own.part for own in rest])} of another input than "
                f"{groups[0][0].part}: {listed(names)} was changed at another time, so that its "
                "rows may differ. Run the older shards again; copies on several machines need one "
                "time of change (cp -p, rsync -t)"
            )
        raise BadInput(
            f"{shown(folder)}: {listed([own.part for own in rest])} of another {what} than "
            f"{groups[0][0].part}: run those shards again with what the others had, or remove "
            "them with their manifests"
        )


def _rewritten(one: Manifest, other: Manifest) -> list[str]:
    """Return which files alone differ by the time of their change; none where more differs."""
    names = []
    for mine, its in zip(one.input, other.input, strict=False):
        if {**mine, "changed": 0} != {**its, "changed": 0}:
            return []
        if mine != its:
            names.append(str(mine.get("name")))
    return names if len(one.input) == len(other.input) else []
