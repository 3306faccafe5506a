"""Live: a callback that shows a map and its KL divergence while it is fitted.

In a notebook with anywidget it is the widget of ``view``, elsewhere lines of text. It takes a small
share of the fit's time, sends a sample of the points, and nothing that fails in it ends the fit.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final, Protocol

import numpy as np

from gputsne.base.arrays import host
from gputsne.base.extras import pip_install
from gputsne.base.messages import warn_user
from gputsne.base.parameter_table import Real, Whole
from gputsne.base.types import FloatArray, Progress

__all__ = ["Live"]

SHARE: Final = 0.02  # of the time since the fit began that pictures after the first may take
LINE_SECONDS: Final = 2.0  # between two lines of text
CURVE: Final = 240  # points of the curve that are sent: one per pixel
SEED: Final = 0  # of the sample: the same points in every fit of as many rows


class Live:
    """Show the map and the KL divergence while a fit runs.

    Pass one to ``TSNE(callbacks=...)``, alone or among others; it may serve several fits, one after
    the other, and each gets a picture of its own. ``callbacks_every`` says how often the fit asks
    its callbacks: 10 makes the map move smoothly.

    Parameters
    ----------
    labels : array_like, shape (n,), optional
        Colours of the points, as of ``gputsne.plot``.
    columns : mapping of str to array_like, or table, optional
        What else is known of each point.
    points : int, default 20,000
        Most points that are sent; of more rows a sample is shown, by the numbers that its rows
        have in the table.
    interval : float, default 0.25
        Least seconds between two pictures. More time passes where a picture is slow: after the
        first, which loads the widget, they take at most 2 % of the time of the fit.
    height : int, default 520
        Of the widget, in pixels.

    Attributes
    ----------
    widget : MapWidget or None
        That of the last fit; None before the first, and outside notebooks.

    Raises
    ------
    TypeError, ValueError
        For a parameter out of its range.

    Warns
    -----
    UserWarning
        Once per fit, where nothing can be shown: labels of another length than the map, for
        instance. The fit goes on.

    Notes
    -----
    Ctrl-C, or a notebook's interrupt button, ends the fit as it does without this callback; the
    picture then says where it stopped. Outside notebooks, and where anywidget is missing, it is a
    line on standard error every two seconds.

    Examples
    --------
    >>> import gputsne
    >>> live = Live()
    >>> X = gputsne.datasets.load_digits().X[:200]
    >>> model = gputsne.TSNE(random_state=0, callbacks=live, callbacks_every=10).fit(X)
    """

    def __init__(
        self,
        labels: Any = None,
        *,
        columns: Any = None,
        points: int = 20_000,
        interval: float = 0.25,
        height: int = 520,
    ) -> None:
        Whole(1).check("points", points)
        Real(0.0, open_low=False).check("interval", interval)
        Whole(300).check("height", height)
        self.labels, self.columns = labels, columns
        self.points, self.interval, self.height = points, interval, height
        self.widget: Any = None
        self._here = _PerThread()

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings: what is shown is this object's own."""
        return {k: v for k, v in vars(self).items() if k not in ("widget", "_here")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over the settings of another."""
        vars(self).update(state, widget=None, _here=_PerThread())

    def __repr__(self) -> str:
        return "Live()"

    def start(self, model: Any) -> None:
        """Take note that a fit begins.

        Parameters
        ----------
        model : TSNE
            Not fitted yet.
        """
        self._here.fits.append(_Watched())

    def __call__(self, progress: Progress) -> None:
        """Show the map as it is now, if it is time to.

        Parameters
        ----------
        progress : Progress
            What a callback is told.
        """
        if not self._here.fits:
            self._here.fits.append(_Watched())
        fit = self._here.fits[-1]
        now = time.perf_counter()
        kl = progress.kl_divergence
        fit.curve.append((progress.iteration, kl if math.isfinite(kl) else None))
        fit.total = progress.total
        if fit.failed or not fit.due(now):
            return
        first = fit.shown is None
        try:
            if fit.shown is None:
                fit.shown = self._shown()
            fit.shown.show(progress.embedding, fit, "")
        except Exception as error:
            fit.failed = True
            warn_user(
                f"Live shows nothing more of this fit, which goes on: {type(error).__name__}: "
                f"{error}"
            )
        after = time.perf_counter()
        pause = max(self.interval, getattr(fit.shown, "pause", 0.0))
        fit.took(after if first else now, after, pause)

    def finish(self, model: Any) -> None:
        """Show the map as it was left, and how the fit ended.

        Parameters
        ----------
        model : TSNE
            Fitted, or as far as it came.
        """
        fit = self._here.fits.pop() if self._here.fits else _Watched()
        run, Y = getattr(model, "run_", None), getattr(model, "embedding_", None)
        if fit.failed or fit.shown is None or Y is None:
            return
        status = "done" if run is None else run.status
        for iteration, kl in getattr(model, "kl_history_", ())[-1:]:  # after the last call
            if not fit.curve or iteration > fit.curve[-1][0]:
                fit.curve.append((int(iteration), float(kl)))
        fit.shown.show(np.asarray(host(Y)), fit, status)

    def _shown(self) -> _Display:
        if not _in_notebook():
            return _Lines()
        if find_spec("anywidget") is None:
            warn_user(
                "Live shows lines of text: a map that moves needs anywidget: "
                + pip_install("notebook")
            )
            return _Lines()
        return _Picture(self)


@dataclass
class _Watched:
    """One fit: its curve, and when the next picture may be made."""

    begin: float = field(default_factory=time.perf_counter)
    curve: list[tuple[int, float | None]] = field(default_factory=list)
    total: int = 0
    spent: float = 0.0
    next: float = 0.0
    shown: _Display | None = None
    failed: bool = False

    def due(self, now: float) -> bool:
        """Tell whether a picture may be made now."""
        return now >= self.next and self.spent <= SHARE * (now - self.begin)

    def took(self, before: float, after: float, pause: float) -> None:
        """Take note of what a picture took; the next one waits until it is a small share."""
        self.spent += after - before
        self.next = after + pause

    def text(self, status: str) -> str:
        """Return how far the fit is."""
        iteration, kl = self.curve[-1]
        said = "" if kl is None else f", KL {kl:.4f}"
        far = f"iteration {iteration:,} of {self.total:,}{said}"
        seconds = f"{time.perf_counter() - self.begin:.1f} s"
        return f"{status + ': ' if status else ''}{far}, {seconds}"


@dataclass
class _PerThread(threading.local):
    """Fits that are under way in this thread."""

    fits: list[_Watched] = field(default_factory=list)


class _Display(Protocol):
    def show(self, Y: FloatArray, fit: _Watched, status: str) -> None:
        """Show the map; ``status`` is how the fit ended, or empty."""


class _Lines:
    """Lines on standard error."""

    pause = LINE_SECONDS

    def show(self, Y: FloatArray, fit: _Watched, status: str) -> None:
        if sys.stderr is not None:
            print(fit.text(status), file=sys.stderr)


class _Picture:
    """The widget: made for the first map, its points moved for every further one."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.rows: Any = None
        self.widget: Any = None
        self.jitter: Any = None

    def show(self, Y: FloatArray, fit: _Watched, status: str) -> None:
        from gputsne.notebook.reading import places

        if self.widget is None:
            self._begin(Y, fit)
            return
        packed, square = places(self._flat(Y[self.rows]))
        told = {"text": fit.text(status), "curve": _thinned(fit.curve), "total": fit.total}
        with self.widget.hold_sync():  # one message
            self.widget._square, self.widget._places, self.widget._fit = square, packed, told

    def _begin(self, Y: FloatArray, fit: _Watched) -> None:
        from IPython.display import display

        from gputsne.notebook.identity import Ids
        from gputsne.notebook.reading import viewed
        from gputsne.notebook.widget import MapWidget
        from gputsne.viewer.container import unpack

        live, n = self.live, len(Y)
        rows = np.arange(n)
        if n > live.points:
            rows = np.sort(np.random.default_rng(SEED).choice(n, live.points, replace=False))
        self.jitter = np.random.default_rng(SEED).uniform(-0.1, 0.1, len(rows))
        made = viewed(
            self._flat(Y[rows]), _taken(live.labels, rows, n, "labels"),
            columns=_table_taken(live.columns, rows, n), ids=Ids.sampled(rows, n),
            caption=_not_shown(len(rows), *Y.shape),
        )  # fmt: skip
        order = unpack(made.container)[1]["id"]
        self.rows = order.astype(np.int64)
        self.jitter = self.jitter[np.searchsorted(rows, self.rows)]
        self.widget = live.widget = MapWidget(made, height=live.height)
        self.widget._fit = {"text": fit.text(""), "curve": _thinned(fit.curve), "total": fit.total}
        display(self.widget)  # type: ignore[no-untyped-call]

    def _flat(self, Y: FloatArray) -> FloatArray:
        """Return two axes: of three the first two, of one a strip of a constant scatter."""
        if Y.shape[1] > 1:
            return np.ascontiguousarray(Y[:, :2])
        width = float(np.ptp(Y)) or 1.0
        return np.column_stack([Y[:, 0], (self.jitter * width).astype(np.float32)])


def _not_shown(shown: int, n: int, axes: int) -> str:
    """Return what of the map the picture leaves out; "" where it is all there."""
    told = [f"{shown:,} of {n:,} points"] if shown < n else []
    if axes > 2:
        told.append(f"the first two of {axes} axes")
    return " · ".join(told)


def _thinned(curve: list[tuple[int, float | None]]) -> list[list[float | None]]:
    """Return at most some hundred points of the curve, the last among them."""
    step = max(1, math.ceil(len(curve) / CURVE))
    kept = curve[::step] if (len(curve) - 1) % step == 0 else [*curve[::step], curve[-1]]
    return [[iteration, kl] for iteration, kl in kept]


def _taken(labels: Any, rows: Any, n: int, name: str) -> Any:
    """Return the labels of some rows, as they were given where all are shown."""
    if labels is None or len(rows) == n:
        return labels
    from gputsne.base.labels import read_column

    column = read_column(labels, n, name=name)
    values = column.values.astype(object) if column.missing.any() else column.values
    if column.missing.any():
        values[column.missing] = None
    return values[rows]


def _table_taken(columns: Any, rows: Any, n: int) -> Any:
    if columns is None or len(rows) == n:
        return columns
    from gputsne.tiling.columns import each_column

    every = each_column(columns)
    return {name: _taken(values, rows, n, f"column {name!r}") for name, values in every}


def _in_notebook() -> bool:
    """Tell whether a kernel of Jupyter runs this, which can show widgets."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
