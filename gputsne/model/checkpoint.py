"""Checkpoint: a fit on disk while it runs, so that it can go on after its process has ended.

Two files: one with what the iterations start from, which takes longest to make and never changes,
and a small one with the map as it stands. Each is written whole or not at all.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gputsne.base.files import check_writable, is_stream, path_of
from gputsne.base.parameter_table import Real
from gputsne.base.types import Array, Progress
from gputsne.engine.kept import Pace, Standing
from gputsne.engine.schedule import Schedule
from gputsne.model import persistence, storage
from gputsne.model.callbacks import Keeper
from gputsne.model.records import Fit

__all__ = ["Checkpoint", "Start", "begin", "check_free", "peek", "read", "read_state", "write"]

ANEW = "or remove it to begin anew"


@dataclass(frozen=True)
class Start:
    """What the first file says of a run besides its fit, for whoever goes on.

    Attributes
    ----------
    token : str
        The same in both files of a run.
    device : str
        Where it runs.
    versions : dict of str to str
        Of what decides the bytes of an iteration.
    data : str
        SHA-256 of X; "" where nothing was asked of it.
    asked : dict
        Parameters as JSON has them.
    schedule : dict
        Attributes of the ``Schedule``.
    others : int
        Bytes of everything but the mesh, as planned.
    told : dict
        What its record says of the data.
    """

    token: str
    device: str
    versions: dict[str, str]
    data: str
    asked: dict[str, Any]
    schedule: dict[str, Any]
    others: int
    told: dict[str, Any]


class Checkpoint(Keeper):
    """Keeps a fit in a file while it runs; a later fit goes on from there, to the same bytes.

    One of ``TSNE(callbacks=...)``. The file is written when neighbours, P and the first map have
    been found, and never again; ``FILE.state`` beside it, which has the map as it stands, every so
    many minutes and when Ctrl-C, a deadline or an error ends the fit. Both are written whole or not
    at all: whatever kills the process, what was written before stands. FILE alone goes on from the
    first iteration.

    Parameters
    ----------
    path : str or Path
        FILE.
    minutes : float, default 10
        Between two writings; more where one takes over a hundredth of that.
    resume : bool, default False
        Whether to go on from FILE where there is one. It is refused for other data, parameters,
        versions of gputsne, numpy or scipy, and another device: the map would be another one.
        Without it a FILE that is there is never replaced.
    keep : bool, default False
        Whether the files stay when the map is finished; else they are removed then.

    Raises
    ------
    TypeError, ValueError
        For a path that is no file's, minutes that are not above 0, and flags that are no bool.

    Examples
    --------
    >>> import tempfile, pathlib, gputsne
    >>> X = gputsne.datasets.load_digits().X[:300]
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "run.ckpt"
    >>> kept = gputsne.callbacks.Checkpoint(path, minutes=5, resume=True)
    >>> model = gputsne.TSNE(callbacks=kept, random_state=0).fit(X)
    >>> path.exists()
    False
    """

    def __init__(
        self, path: str | Path, minutes: float = 10.0, *, resume: bool = False, keep: bool = False
    ) -> None:
        self.path = path_of(path)
        if is_stream(self.path):
            raise ValueError(f"path={str(path)!r} is a device or a pipe: a checkpoint needs a file")
        # Both files stay where they are when a callback changes the working directory, and beside
        # each other when FILE is a link.
        self.path = self.path.resolve()
        Real().check("minutes", minutes)
        for name, value in (("resume", resume), ("keep", keep)):
            if not isinstance(value, bool | np.bool_):
                raise TypeError(f"{name}={value!r} must be True or False")
        self.minutes, self.resume, self.keep = float(minutes), bool(resume), bool(keep)
        self._opened: tuple[persistence.Saved, Start] | None = None

    def __call__(self, progress: Progress) -> None:
        """Do nothing: the fit keeps itself between its iterations, whenever it is time.

        Parameters
        ----------
        progress : Progress
            Not read.
        """

    def __repr__(self) -> str:
        """Return the call that makes it."""
        return (
            f"Checkpoint({str(self.path)!r}, minutes={self.minutes:g}, resume={self.resume}, "
            f"keep={self.keep})"
        )

    @property
    def state_path(self) -> Path:
        """FILE.state, the map as it stands."""
        return self.path.with_name(f"{self.path.name}.state")

    def remove(self) -> None:
        """Remove both files, where they are."""
        self.state_path.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def check_free(checkpoint: Checkpoint) -> None:
    """Raise OSError where a new run can't write its files, or would replace another's."""
    if checkpoint.path.exists():
        raise FileExistsError(
            f"the checkpoint {checkpoint.path} is there already: a fit goes on from it with "
            f"resume=True, TSNE.resume without its data; {ANEW}"
        )
    check_writable(checkpoint.path)
    check_writable(checkpoint.state_path)


def begin(checkpoint: Checkpoint, fit: Fit, start: Start) -> None:
    """Write the first file: a fit whose map is the one that the iterations start from."""
    checkpoint.state_path.unlink(missing_ok=True)
    persistence.write(fit, checkpoint.path, affinities=True, more={"checkpoint": asdict(start)})


def write(
    checkpoint: Checkpoint, start: Start, standing: Standing, timings: dict[str, float]
) -> None:
    """Write the second file."""
    state = standing.state
    arrays: dict[str, Array] = {f"state.{a}": getattr(state, a) for a in persistence.STATE}
    if standing.order is not None:
        arrays["order"] = standing.order
    meta = {
        "state_of": start.token,
        "iteration": state.iteration,
        "history": standing.history,
        "mesh": None if standing.mesh is None else dict(vars(standing.mesh)),
        "pace": asdict(standing.pace),
        "timings": timings,
    }
    storage.write(checkpoint.state_path, meta, arrays)


def peek(checkpoint: Checkpoint) -> persistence.Saved:
    """Read the first file, which the next ``read`` then need not do."""
    checkpoint._opened = read(checkpoint)
    return checkpoint._opened[0]


def read(checkpoint: Checkpoint) -> tuple[persistence.Saved, Start]:
    """Read the first file.

    Raises
    ------
    ValueError
        It is none, or damaged.
    """
    if checkpoint._opened is not None:
        opened, checkpoint._opened = checkpoint._opened, None
        return opened
    try:
        saved, more = persistence.opened(checkpoint.path)
    except ValueError as error:
        raise ValueError(f"no fit can go on from {checkpoint.path}: {error}; {ANEW}") from error
    if "checkpoint" not in more:
        raise ValueError(
            f"{checkpoint.path} is a finished model, no checkpoint: gputsne.load reads it; choose "
            "another name for the checkpoint"
        )
    try:
        start = Start(**more["checkpoint"])
        Schedule(**start.schedule)
    except TypeError as error:
        raise ValueError(
            f"{checkpoint.path} is no complete checkpoint of this version: {error}; {ANEW}"
        ) from error
    return saved, start


def read_state(checkpoint: Checkpoint, saved: persistence.Saved, start: Start) -> Standing | None:
    """Read the second file; None where it was not written yet.

    The timings in it replace those of ``saved``, in place.

    Raises
    ------
    ValueError
        It is damaged, or of another run.
    """
    if not checkpoint.state_path.exists():
        return None
    remedy = f"remove it to go on from the first iteration of {checkpoint.path}"
    try:
        meta, arrays = storage.read(checkpoint.state_path)
        if meta.get("state_of") == start.token:
            return _standing(meta, arrays, saved.fit)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"no fit can go on from {checkpoint.state_path}: {error!r}; {remedy}"
        ) from error
    raise ValueError(f"{checkpoint.state_path} is of another run than {checkpoint.path}: {remedy}")


def _standing(meta: dict[str, Any], arrays: dict[str, Array], fit: Fit) -> Standing:
    """Return where a run stood, every part checked against its fit."""
    c = fit.params.n_components
    state = persistence.state_of(meta, arrays, c)
    n = len(state.Y)
    if fit.result is None or n != len(fit.result.state.Y):
        raise ValueError(f"its map has {n} points, and the other file another number")
    history = tuple((int(t), float(kl)) for t, kl in meta["history"])
    order = arrays.get("order")
    if order is not None and (
        order.dtype != np.int32
        or order.shape != (n,)
        or not np.array_equal(np.sort(order), np.arange(n, dtype=np.int32))
    ):
        raise ValueError("its order doesn't list each point once")
    told, mesh = meta["pace"], meta["mesh"]
    seen = told["seen"]
    if seen is not None and (len(seen) != c or not np.isfinite(seen).all()):
        raise ValueError(f"its pace has seen={seen}")
    pace = Pace(
        _count(told["interval"]),
        _count(told["evaluations"]),
        None if seen is None else tuple(map(float, seen)),
        bool(told["summed"]),
    )
    timings: Any = fit.timings
    timings |= {str(k): float(v) for k, v in meta["timings"].items()}
    return Standing(
        state, history, None if mesh is None else persistence.mesh_of(mesh, c), pace, order
    )


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
