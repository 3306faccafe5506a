"""TSNE's parameters in one table: name, type, default, range, what idles it, and a line of help.

The signature and docstring of ``TSNE`` are tested against it, ``Parameters`` checks by it, and the
command line and ``plan`` read it; so it imports nothing but the standard library.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gputsne.base.sizes import bytes_of

__all__ = [
    "BY_NAME",
    "CONDITIONS",
    "TABLE",
    "Bytes",
    "Numbers",
    "Param",
    "Real",
    "Whole",
    "Word",
    "check",
]


@dataclass(frozen=True)
class Real:
    """A finite number in a range, or one of a few words or None.

    Attributes
    ----------
    low, high : float
        The range.
    open_low, open_high : bool
        Whether the limit itself is excluded.
    other : tuple
        Words, or None, that may stand in its place.
    """

    low: float = 0.0
    high: float = math.inf
    open_low: bool = True
    open_high: bool = False
    other: tuple[str | None, ...] = ()

    def check(self, name: str, value: Any) -> None:
        """Raise TypeError or ValueError for what is not allowed."""
        if (value is None or isinstance(value, str)) and value in self.other:
            return
        if isinstance(value, str) and self.other and self.other != (None,):
            raise ValueError(f"{name}={value!r} must be {_either(self.other)} or a number")
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(
                f"{name}={value!r} must be {_either((*self.other, 'a number'), quoted=False)}"
            )
        x = float(value)
        if not math.isfinite(x):
            raise ValueError(f"{name}={value!r} must be finite")
        if x < self.low or (x == self.low and self.open_low):
            sign = "above" if self.open_low else "at least"
            raise ValueError(f"{name}={value!r} must be {sign} {self.low:g}")
        if x > self.high or (x == self.high and self.open_high):
            sign = "below" if self.open_high else "at most"
            raise ValueError(f"{name}={value!r} must be {sign} {self.high:g}")


@dataclass(frozen=True)
class Whole:
    """A whole number from ``least`` to ``most``; None where ``optional``, a bool where ``flag``."""

    least: int = 0
    most: float = math.inf
    optional: bool = False
    flag: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raise TypeError or ValueError for what is not allowed."""
        if (value is None and self.optional) or (isinstance(value, bool) and self.flag):
            return
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise TypeError(
                f"{name}={value!r} must be an integer{' or None' if self.optional else ''}"
            )
        if int(value) < self.least or int(value) > self.most:
            upper = "" if self.most == math.inf else f" and at most {self.most}"
            raise ValueError(f"{name}={value} must be at least {self.least}{upper}")


@dataclass(frozen=True)
class Word:
    """One of a few words, or None.

    Attributes
    ----------
    words : tuple
        What is allowed.
    other : str
        What else may be given, for the message; where it is set, arrays are left to their reader.
    hints : dict of str to str
        Remedies for words of other libraries, in lower case.
    """

    words: tuple[str | None, ...]
    other: str = ""
    hints: tuple[tuple[str, str], ...] = ()

    def check(self, name: str, value: Any) -> None:
        """Raise ValueError for what is not allowed."""
        if self.other and not isinstance(value, str | numbers.Number | None):
            return
        if not (value is None or isinstance(value, str)) or value not in self.words:
            hint = dict(self.hints).get(str(value).lower(), "")
            raise ValueError(
                f"{name}={value!r} is none of {', '.join(map(repr, self.words))}"
                f"{'; or pass ' + self.other if self.other else ''}{hint and '; ' + hint}"
            )


@dataclass(frozen=True)
class Numbers:
    """A finite number of at least ``least``, or a sequence of those."""

    least: float = 1.0

    def check(self, name: str, value: Any) -> None:
        """Raise TypeError or ValueError for what is not allowed."""
        several = not isinstance(value, str | bytes) and getattr(value, "ndim", 1) == 1
        several = several and hasattr(value, "__len__") and hasattr(value, "__getitem__")
        several = several and not isinstance(value, Mapping)
        if several and not len(value):
            raise ValueError(f"{name} is an empty sequence; give at least one number")
        for one in value if several else [value]:
            if isinstance(one, bool) or not isinstance(one, numbers.Real):
                raise TypeError(f"{name}={value!r} must be a number or a sequence of numbers")
            if not self.least <= float(one) < math.inf:
                raise ValueError(f"{name}={one!r} must be finite and at least {self.least:g}")


@dataclass(frozen=True)
class Bytes:
    """An amount of memory: a number of bytes, a text such as ``8G``, or None."""

    def check(self, name: str, value: Any) -> None:
        """Raise TypeError or ValueError for what is not allowed."""
        self.read(name, value)

    def read(self, name: str, value: Any) -> float | None:
        """Return the bytes, None for None; raise as ``check``."""
        if isinstance(value, str):
            try:
                return bytes_of(value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        if value is not None and (isinstance(value, bool) or not isinstance(value, numbers.Real)):
            raise TypeError(
                f"{name}={value!r} must be None, a number of bytes or a text such as '8G'"
            )
        Real(other=(None,)).check(name, value)
        return None if value is None else float(value)


@dataclass(frozen=True)
class Elsewhere:
    """Checked where it is read: by the stage of that name, or in ``Parameters``."""

    where: str

    def check(self, name: str, value: Any) -> None:
        """Let everything pass."""


Kind = Real | Whole | Word | Numbers | Bytes | Elsewhere
TREES = "use 'auto': the mesh takes the place of trees and interpolation"
METHOD_HINTS = tuple((w, TREES) for w in ("barnes_hut", "bh", "fft", "interpolation"))


@dataclass(frozen=True)
class Param:
    """One row of the table.

    Attributes
    ----------
    name : str
        The parameter's.
    type : str
        As the docstring of ``TSNE`` writes it.
    default : object
        That of the signature.
    kind : Real, Whole, Word or Elsewhere
        What is allowed.
    help : str
        What it does, in one line.
    idle : tuple of str
        Names of ``CONDITIONS`` under which it has no effect, so that another value than the
        default is refused.
    after_fit : bool
        Whether a fitted model heeds it when it is set later; the others are those of the fit.
    """

    name: str
    type: str
    default: Any
    kind: Kind
    help: str
    idle: tuple[str, ...] = ()
    after_fit: bool = False


@dataclass(frozen=True)
class Condition:
    """A circumstance that takes parameters' effect away: when it holds, and its words."""

    holds: Callable[[Any], bool]
    words: Callable[[Any], str]


CONDITIONS = {
    "other affinity": Condition(
        lambda p: p.affinity_name != "perplexity", lambda p: f"affinity={p.affinity_name}"
    ),
    "P given": Condition(lambda p: p.p_given, lambda p: f"affinity={p.affinity_name}"),
    "P is X": Condition(
        lambda p: p.affinity_name == "precomputed", lambda p: "affinity=precomputed"
    ),
    "no rows": Condition(lambda p: p.has_no_rows, lambda p: "X of distances or P"),
    "no early phase": Condition(lambda p: p.early_iterations == 0, lambda p: "no early phase"),
    "early phase only": Condition(
        lambda p: 0 < p.iterations <= p.early_iterations,
        lambda p: (
            f"max_iter={p.iterations} inside the early phase "
            f"(early_exaggeration_iter={p.early_iterations})"
        ),
    ),
    "no GPU": Condition(lambda p: not p.may_use_gpu, lambda p: f"device={p.device!r}"),
    "no callbacks": Condition(lambda p: not p.all_callbacks, lambda p: "no callbacks"),
}

MOMENTUM = Real(0.0, 1.0, open_low=False, open_high=True, other=(None,))
# Below, the kernel is 1 / r at all distances of a map, and narrower than any mesh; above, it is a
# Gaussian's, and the power (dof + 1) / 2 of float32 numbers is off by more than 0.3 %.
DOF = Real(1e-3, 1e5, open_low=False)
ROWS = ("no rows",)

TABLE = (
    Param("n_components", "{1, 2, 3}", 2, Whole(1, 3), "Map axes"),
    Param(
        "perplexity", "float or sequence of float", 30.0, Numbers(1.0),
        "Effective number of neighbours; several at once are averaged", ("other affinity",),
    ),
    Param(
        "schedule", '{"classic", "short"}', "classic", Word(("classic", "short")),
        'How long, how fast: "classic" is openTSNE\'s',
    ),
    Param(
        "early_exaggeration", "float", 12.0, Real(), "Factor on the attraction in the early phase",
        ("no early phase",),
    ),
    Param(
        "early_exaggeration_iter", "int or None", None, Whole(0, optional=True),
        "Length of the early phase",
    ),
    Param(
        "learning_rate", 'float or "auto"', "auto", Real(other=("auto",)),
        "In scikit-learn's convention",
    ),
    Param(
        "max_iter", "int or None", None, Whole(0, optional=True),
        "Iterations in all, the early phase included",
    ),
    Param(
        "exaggeration", "float", 1.0, Real(), "Factor on the attraction after the early phase",
        ("early phase only",),
    ),
    Param(
        "initial_momentum", "float or None", None, MOMENTUM, "Momentum in the early phase",
        ("no early phase",),
    ),
    Param(
        "final_momentum", "float or None", None, MOMENTUM, "Momentum after the early phase",
        ("early phase only",),
    ),
    Param(
        "max_step", "float or None", None, Real(other=(None,)),
        "Longest move of a point in one iteration, map units",
    ),
    Param(
        "stop", '{None, "auto"}', None, Word((None, "auto")), "Stop once the KL no longer falls",
        ("early phase only",), after_fit=True,
    ),
    Param("dof", "float", 1.0, DOF, "Tails of the map kernel; 1 is t-SNE"),
    Param(
        "metric", "str or callable", "euclidean", Elsewhere("neighbors"), "Distance between rows",
        ("P is X",),
    ),
    Param(
        "metric_params", "dict or None", None, Elsewhere("neighbors"),
        "Passed to a metric that scikit-learn computes", ROWS,
    ),
    Param(
        "neighbors", "(indices, distances), KNNGraph, sparse matrix, str or None", None,
        Elsewhere("neighbors"),
        "A neighbour graph to use instead of a search, or what searches", ("no rows", "P given"),
    ),
    Param(
        "n_neighbors", "int or None", None, Whole(1, optional=True),
        "Neighbours of each row", ("P given",),
    ),
    Param(
        "min_recall", "float", 0.98, Real(0.0, 1.0),
        "Least share of true neighbours in an approximate search", ROWS,
    ),
    Param(
        "affinity", '{"perplexity", "uniform", "fixed_sigma", "precomputed"} or P', "perplexity",
        Word(("perplexity", "uniform", "fixed_sigma", "precomputed"), other="P itself"),
        "How distances become similarities",
    ),
    Param("sigma", "float or None", None, Real(other=(None,)), 'Width for affinity "fixed_sigma"'),
    Param(
        "init", '{"pca", "spectral", "random"} or array of shape (n, c)', "pca",
        Word(("pca", "spectral", "random"), other="an array"), "First map",
    ),
    Param(
        "method", '{"auto", "exact", "mesh"}', "auto",
        Word(("auto", "exact", "mesh"), hints=METHOD_HINTS), "Repulsive forces",
    ),
    Param(
        "scale", "bool", False, Elsewhere("preparation"), "Scale columns to unit variance first",
        ROWS,
    ),
    Param(
        "pca", "int or None", None, Whole(1, optional=True),
        "Reduce X to so many principal components first", ROWS,
    ),
    Param(
        "impute", '{None, "mean", "median"} or float', None, Elsewhere("preparation"),
        "Fill missing values: mean, median or a number", ROWS,
    ),
    Param(
        "callbacks", "callable, list of callable or None", None, Elsewhere("Parameters"),
        "Called as the map forms; true ends the run", after_fit=True,
    ),
    Param(
        "callbacks_every", "int", 50, Whole(1), "Iterations between two calls", ("no callbacks",),
        after_fit=True,
    ),
    Param(
        "random_state", "int, RandomState, Generator or None", None, Elsewhere("pipeline"),
        "The same seed gives the same bytes",
    ),
    Param(
        "n_jobs", "int or None", None, Elsewhere("base.threads"), "Threads", after_fit=True
    ),
    Param("verbose", "int", 0, Whole(0, flag=True), "Show progress on stderr", after_fit=True),
    Param(
        "device", '{"auto", "cuda", "cpu", "numpy"}', "auto", Elsewhere("backends"), "Where to run"
    ),
    Param(
        "affinity_dtype", '{"float32", "float16"}', "float32", Word(("float32", "float16")),
        "How a GPU keeps P: float16 takes less time and memory", ("no GPU",),
    ),
    Param(
        "memory_limit", "int, str or None", None, Bytes(), "Bytes the fit may take",
        after_fit=True,
    ),
)  # fmt: skip
BY_NAME = {param.name: param for param in TABLE}


def check(name: str, value: Any) -> None:
    """Raise for a value that the parameter of this name can't have, whatever the others are.

    Raises
    ------
    TypeError, ValueError
        Naming parameter, value and what would do.
    """
    BY_NAME[name].kind.check(name, value)


def _either(options: tuple[Any, ...], *, quoted: bool = True) -> str:
    return " or ".join(repr(o) if quoted or o == "auto" else str(o) for o in options)
