"""Run: what is worth knowing of a run a year later, frozen, and as JSON can hold it."""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn, Self

from gputsne.base.files import path_of, replacing
from gputsne.base.forks import Lock
from gputsne.base.sizes import size_text
from gputsne.provenance.card import card
from gputsne.provenance.evidence import derived, flat
from gputsne.provenance.plain import plain
from gputsne.provenance.tags import checked_tags

__all__ = ["SCHEMA", "Run", "id_of_next", "new_id", "next_is"]

SCHEMA: Final = "gputsne.run/2"
FORMER: Final = "gputsne.run/1"  # without id, hashes of values, columns, memory of the device, cost
ID: Final = re.compile(r"([0-9]{8}T[0-9]{6}Z)-[0-9a-f]{8}")
ID_TIME: Final = "%Y%m%dT%H%M%SZ"
HOUR: Final = 3600.0  # seconds
_NEXT: Final[ContextVar[list[str]]] = ContextVar("ids of fits to come")
TABLES: Final = (
    "input", "sample", "output", "parameters", "timings", "mesh", "metrics", "versions", "machine",
    "spending", "more",
)  # fmt: skip
ROWS: Final = ("further_inputs", "columns", "kl_history", "map", "warnings")
NUMBERS: Final = (
    "seconds", "kl_divergence", "neighbors_recall", "pca_variance_ratio",
    "peak_memory_bytes", "peak_device_bytes",
    "price_per_hour", "n_iter", "learning_rate",
)  # fmt: skip
TEXTS: Final = ("error", "started", "ended", "device", "device_reason", "map_sha256", "host")


_IDS = Lock()
_GIVEN: list[str] = []  # ids of the last moment: five random digits alone would repeat some day


def new_id(started: datetime | None = None) -> str:
    """Return a new id of a run: its start in UTC, and eight hexadecimal digits.

    Parameters
    ----------
    started : datetime or None
        With a time zone; None for now.

    Returns
    -------
    str
        Ids sort as the starts do: the first three digits are the 4096th of the second, so that runs
        of one second have an order too, and the other five are random.

    Examples
    --------
    >>> new_id(datetime(2026, 11, 27, 6, 35, 18, tzinfo=UTC))[:17]
    '20261127T063518Z-'
    """
    started = started or datetime.now(UTC)
    part = started.microsecond * 4096 // 1_000_000
    moment = _id(started, f"{part:03x}")
    with _IDS.held():
        if _GIVEN and not _GIVEN[-1].startswith(moment):
            _GIVEN.clear()
        while (id := f"{moment}{secrets.token_hex(3)[:5]}") in _GIVEN:
            pass
        _GIVEN.append(id)
    return id


@contextmanager
def next_is(id: str) -> Iterator[None]:
    """Let the first fit inside have an id that is known before it begins.

    Parameters
    ----------
    id : str
        Of the job that the fit is the work of.
    """
    token = _NEXT.set([id])
    try:
        yield
    finally:
        _NEXT.reset(token)


def id_of_next() -> str:
    """Return the id of a fit that begins now.

    Returns
    -------
    str
        That of ``next_is`` for the first fit inside, else a new one.
    """
    waiting = _NEXT.get([])
    return waiting.pop() if waiting else new_id()


def _id(started: datetime, digits: str) -> str:
    return f"{started.astimezone(UTC):{ID_TIME}}-{digits}"


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """The record of one run: what it was asked and read, what came of it, where, and at what cost.

    A value: runs with equal content are equal, and nothing in one can be changed.
    ``dataclasses.replace(run, tags=...)`` makes another. What isn't known is None, or empty.

    Attributes
    ----------
    id : str
        Start in UTC and eight digits, as in "20261127T063518Z-3f2a9c1b"; sorts by start.
    status : str
        "done", "failed", "usage", "bad input", "over memory", "over budget", "deadline",
        "interrupted" or "terminated".
    exit_code : int
        0 when done; else as the command line would end.
    error : str or None
        One line.
    started, ended : str or None
        ISO 8601 in UTC, to the millisecond.
    seconds : float or None
        From start to end.
    input : dict
        ``path, selection, bytes, sha256`` of the file, where there was one; ``data_sha256`` of the
        values in their order, the same for every kind of file (docs/runs.md), None for rows that
        lie on a GPU; ``shape`` and ``dtype`` of the features.
    further_inputs : tuple of dict
        The same of files read below the first.
    sample : dict or None
        ``method, rows, of, sha256, coverage`` where the rows were drawn from more.
    columns : tuple of dict
        ``name, dtype, null_rate`` of each feature: its name or None, and the share of its values
        that is missing, before anything was put in their place.
    output : dict
        Files asked for and written.
    parameters : dict
        Of TSNE. Long arrays by their hash, functions by their name.
    seed : object
        ``random_state``.
    device, device_reason : str or None
        Where it ran, and why there.
    timings : dict
        Seconds by stage, and ``total``.
    n_iter : int or None
        Iterations done.
    learning_rate : float or None
        Of the last phase.
    kl_divergence : float or None
        Of the map.
    kl_history : tuple
        Pairs of iteration and KL; the last is the map's.
    neighbors_recall : float or None
        Measured share of the true neighbours that were found.
    pca_variance_ratio : float or None
        Share of the variance that ``pca`` kept.
    mesh : dict or None
        As ``TSNE.mesh_``.
    map : tuple or None
        Shape of the map, (n, c).
    map_sha256 : str or None
        SHA-256 of the map's bytes, float32, low byte first.
    metrics : dict
        Measures of the map, by name.
    warnings : tuple of str
        What the fit warned of, each text once, in order.
    versions : dict
        Of Python, gputsne and every library that took part.
    machine : dict
        Platform and processors.
    host : str or None
        Name of the machine.
    peak_memory_bytes : int or None
        Most main memory that the process had held by the end of the run.
    peak_device_bytes : int or None
        Most memory that CuPy's pools held on the GPU during the fit; None for no GPU.
    price_per_hour : float or None
        Of one such machine, in any currency.
    replicas : int
        Machines that did the same at once and are paid for.
    spending : dict
        What was known of the cost beforehand: ``currency`` and ``machine`` of the price;
        ``predicted_seconds``, ``predicted_low``, ``predicted_high``, ``predicted_cost`` and
        ``predicted_by``; ``max_cost``; ``budget_ignored``, the reason.
    tags : dict of str to str
        Whatever the run is to be found and paid by: owner, team, model.
    previous : str or None
        Id of the run whose map this one began from.
    more : dict
        Entries that a later version of this package wrote; kept as they are.
    """

    id: str = field(default_factory=new_id)
    status: str = "done"
    exit_code: int = 0
    error: str | None = None
    started: str | None = None
    ended: str | None = None
    seconds: float | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    further_inputs: tuple[Mapping[str, Any], ...] = ()
    sample: Mapping[str, Any] | None = None
    columns: tuple[Mapping[str, Any], ...] = ()
    output: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: Any = None
    device: str | None = None
    device_reason: str | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    n_iter: int | None = None
    learning_rate: float | None = None
    kl_divergence: float | None = None
    kl_history: tuple[tuple[int, float | None], ...] = ()
    neighbors_recall: float | None = None
    pca_variance_ratio: float | None = None
    mesh: Mapping[str, Any] | None = None
    map: tuple[int, int] | None = None
    map_sha256: str | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    versions: Mapping[str, str | None] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    host: str | None = None
    peak_memory_bytes: int | None = None
    peak_device_bytes: int | None = None
    price_per_hour: float | None = None
    replicas: int = 1
    spending: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    previous: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in NAMES:
            value = getattr(self, name)
            told = checked_tags(value) if name == "tags" else plain(value)
            object.__setattr__(self, name, _frozen(told))
        _check(self)

    @property
    def cost(self) -> float | None:
        """``price_per_hour`` times hours times ``replicas``; None without a price.

        None, too, for a product that no float can hold, and for seconds below 0, which records of
        earlier versions have of a clock that was set back.

        36 seconds at 10 per hour cost 0.10.
        """
        if self.price_per_hour is None or self.seconds is None or self.seconds < 0:
            return None
        cost = self.seconds / HOUR * self.price_per_hour * self.replicas
        return cost if math.isfinite(cost) else None

    @property
    def evidence(self) -> dict[str, float | str]:
        """Numbers and texts of the run in one flat dict, as ``gputsne.check`` takes them.

        Metrics by their own names, other tables with their name before the entry,
        ``timings.optimize``; ``latency_s``, ``cost``, ``peak_memory_gb``, ``peak_device_gb``,
        ``null_rate`` (the largest) and ``null_rate.NAME``; ``kl_iterations``, ``kl_tail_drop`` and
        ``kl_rise`` of the KL curve; ``perplexity_share``.
        """
        told = self.to_dict()
        return flat(told) | derived(told)

    def with_sample(self, sample: Any, of: int) -> Self:
        """Return the record of a run whose rows are a sample.

        Parameters
        ----------
        sample : Sample
            What ``gputsne.sample`` returned.
        of : int
            Rows that it was drawn from.

        Returns
        -------
        Run
            The same with ``sample``.

        Raises
        ------
        ValueError
            The run has another number of rows than the sample, or ``of`` is less.
        """
        rows = len(sample)
        n = (self.input.get("shape") or self.map or (rows,))[0]
        if n != rows or of < rows:
            raise ValueError(
                f"a sample of {rows} rows of {of} is none that {n} rows were mapped of"
            )
        held = sample.coverage
        coverage = asdict(held) if is_dataclass(held) and not isinstance(held, type) else held
        told = {"method": sample.method, "rows": rows, "of": of, "sha256": sample.sha256}
        return replace(self, sample={**told, "coverage": coverage})

    def to_dict(self) -> dict[str, Any]:
        """Return the run as dicts, lists and plain values, to be written as JSON.

        Returns
        -------
        dict of str to object
            ``schema`` and every attribute of that name, ``cost`` among them; the caller's own.
        """
        told = {name: _thawed(getattr(self, name)) for name in NAMES if name != "more"}
        return {"schema": SCHEMA, **told, "cost": self.cost, **_thawed(self.more)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Return the run that a dict tells of.

        Parameters
        ----------
        record : mapping
            What ``to_dict`` returned, or a record of the schema "gputsne.run/1", whose id is made
            of its start and its content.

        Returns
        -------
        Run

        Raises
        ------
        TypeError, ValueError
            For another schema, and for entries that no run has; the message names the entry.
        """
        if not isinstance(record, Mapping):
            raise TypeError(f"record is of type {type(record).__name__}: a run is read from a dict")
        schema = record.get("schema")
        if schema not in (SCHEMA, FORMER):
            raise ValueError(
                f"schema={schema!r} is no record of a run that this gputsne reads ({SCHEMA}, "
                f"{FORMER}): write it by gputsne embed --run-record, or by Run.write"
            )
        told = dict(record)
        if schema == FORMER:
            told = _of_former(told)
        known = {name: told.pop(name) for name in NAMES if name in told and name != "more"}
        left = {name: value for name, value in told.items() if name not in ("schema", "cost")}
        return cls(**{k: _default(k) if v is None else v for k, v in known.items()}, more=left)

    def write(self, path: str | Path) -> None:
        """Write the run as JSON, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The file to make or replace.

        Raises
        ------
        OSError
            The file can't be written.
        """
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"
        with replacing(path_of(path)) as part:
            part.write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a run that ``write`` or ``gputsne embed --run-record`` wrote.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        Run

        Raises
        ------
        ValueError
            The file is no record of a run.
        OSError
            There is no such file, or it can't be read.
        """
        path = path_of(path)
        try:
            return cls.from_dict(json.loads(path.read_text(encoding="utf-8-sig")))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"{path} is no record of a run: {error}") from error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Run {self.id}: {self.status}>"

    def __str__(self) -> str:
        lines = _lines(self) + [("warning", text) for text in self.warnings]
        width = max(len(name) for name, _ in lines) + 3
        return "\n".join(f"{name:<{width}}{text}" for name, text in lines)

    def _repr_html_(self) -> str | None:
        return card(_lines(self), self.warnings)


NAMES: Final = tuple(f.name for f in fields(Run))


class _Fixed(dict[str, Any]):
    """A dict that can't be changed."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("a Run does not change: take run.to_dict(), or dataclasses.replace")

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = clear = setdefault = _refuse

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return type(self), (dict(self),)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return _Fixed({k: _frozen(v) for k, v in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _thawed(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _thawed(v) for k, v in value.items()}
    return list(map(_thawed, value)) if isinstance(value, tuple) else value


def _default(name: str) -> Any:
    """Return what an entry is where a record says null."""
    rest = {f.name: f for f in fields(Run)}[name]
    if name == "id":
        raise ValueError("id=None: a run has an id, such as 20261127T063518Z-3f2a9c1b")
    return rest.default_factory() if callable(rest.default_factory) else rest.default


def _of_former(told: dict[str, Any]) -> dict[str, Any]:
    """Return a record of the former schema with today's names and an id of its own content."""
    text = json.dumps(plain(told), sort_keys=True, allow_nan=False)
    digits = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    try:
        told["id"] = _id(datetime.fromisoformat(told["started"]), digits)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"started={told.get('started')!r} is no moment in ISO 8601") from error
    told["metrics"] = told.pop("scores", None) or {}
    return told


def _check(run: Run) -> None:
    """Raise where an entry is of another kind than a run's."""
    if not _is_id(run.id):
        raise ValueError(f"id={run.id!r} is no id of a run, such as 20261127T063518Z-3f2a9c1b")
    kinds: list[tuple[tuple[str, ...], tuple[type, ...], str]] = [
        (TABLES, (dict,), "a table"),
        (ROWS, (tuple,), "a list"),
        (NUMBERS, (int, float), "a number"),
        ((*TEXTS, "status", "previous"), (str,), "text"),
        (("exit_code", "replicas"), (int,), "a whole number"),
    ]
    for names, types, what in kinds:
        for name in names:
            value = getattr(run, name)
            may_lack = name not in ("status", "exit_code", "replicas")
            if value is None and may_lack:
                continue
            if not isinstance(value, types) or isinstance(value, bool):
                raise TypeError(f"{name}={value!r} must be {what}")
    for name in (*NUMBERS, "replicas"):
        value = getattr(run, name)
        if isinstance(value, int) and abs(value) > sys.float_info.max:
            raise ValueError(
                f"{name} has {len(str(abs(value)))} digits: more than a float can hold"
            )
    for name in ("further_inputs", "columns"):
        for row in getattr(run, name):
            if not isinstance(row, dict):
                raise TypeError(f"{name} holds {row!r}: each must be a table")
            _check_shape(name, row)
    _check_shape("input", run.input)
    for row in run.columns:
        rate = row.get("null_rate")
        if rate is not None and not (_are_numbers([rate]) and 0 <= rate <= 1):
            raise ValueError(f"columns: null_rate={rate!r} must be a share between 0 and 1")
    for said in run.warnings:
        if not isinstance(said, str):
            raise TypeError(f"warnings holds {said!r}: each must be text")
    for pair in run.kl_history or ():
        if not (isinstance(pair, tuple) and len(pair) == 2 and _are_numbers(pair[:1])
                and (pair[1] is None or _are_numbers(pair[1:]))):  # fmt: skip
            raise TypeError(f"kl_history holds {pair!r}: each must be an iteration and its KL")
    if run.map is not None and not _are_numbers(run.map):
        raise TypeError(f"map={run.map!r} must be the map's shape")
    taken = set(run.more).intersection((*NAMES, "schema", "cost"))
    if taken:
        raise ValueError(f"more: {sorted(taken)[0]!r} is an entry of its own")
    if run.replicas < 1:
        raise ValueError(f"replicas={run.replicas} must be at least 1")
    if run.price_per_hour is not None and run.price_per_hour < 0:
        raise ValueError(f"price_per_hour={run.price_per_hour} must be at least 0")


def _is_id(id: Any) -> bool:
    """Tell whether a text is the id of a run, on a day that there is."""
    found = ID.fullmatch(id) if isinstance(id, str) else None
    try:
        return found is not None and bool(datetime.strptime(found[1], ID_TIME))
    except ValueError:
        return False


def _check_shape(name: str, table: Mapping[str, Any]) -> None:
    shape = table.get("shape")
    if shape is None:
        return
    listed = isinstance(shape, list | tuple)
    if not listed or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{name}: shape={shape!r} must be a list of whole numbers")


def _are_numbers(values: Any) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _lines(run: Run) -> list[tuple[str, str]]:
    """Return what a person reads first of a run: names and values."""
    ended = run.status if run.error is None else f"{run.status}: {run.error}"
    found: list[tuple[str, Any]] = [("run", run.id), ("status", ended), ("started", run.started)]
    shape = run.input.get("shape")
    if isinstance(shape, tuple) and shape and _are_numbers(shape):
        of = f" of {run.input['path']}" if run.input.get("path") else ""
        found.append(("input", f"{' x '.join(f'{m:,}' for m in shape)}{of}"))
    if run.map:
        found.append(("map", " x ".join(f"{m:,}" for m in run.map)))
    if run.kl_divergence is not None:
        after = "" if run.n_iter is None else f" after {run.n_iter:,} iterations"
        found.append(("KL", f"{run.kl_divergence:.4f}{after}"))
    found += [(name, f"{v:.4g}" if isinstance(v, float) else v) for name, v in run.metrics.items()]
    found.append(("device", run.device))
    stages = ", ".join(f"{k} {v:.2f} s" for k, v in run.timings.items() if _are_numbers((v,)))
    found.append(("time", stages or (f"{run.seconds:.2f} s" if run.seconds is not None else None)))
    held = [(run.peak_memory_bytes, ""), (run.peak_device_bytes, " on the device")]
    memory = ", ".join(f"{size_text(size)}{where}" for size, where in held if size is not None)
    found.append(("memory", memory or None))
    found.append(("cost", None if run.cost is None else f"{run.cost:.4g}"))
    found.append(("tags", ", ".join(f"{k}={v}" for k, v in run.tags.items()) or None))
    found.append(("previous", run.previous))
    return [(name, str(value)) for name, value in found if value is not None]
