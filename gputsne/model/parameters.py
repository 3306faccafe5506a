"""The parameters of one fit: checked by the table and against each other, then frozen."""

from __future__ import annotations

import copy
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gputsne.affinities import AFFINITIES, clip_perplexity
from gputsne.backends import devices_with_memory
from gputsne.base.messages import warn_user
from gputsne.base.parameter_table import BY_NAME, CONDITIONS, TABLE, Bytes
from gputsne.engine.schedule import PACE, Schedule
from gputsne.model.callbacks import Callback, as_callbacks, keeper_of
from gputsne.model.foreign import METRICS
from gputsne.neighbors import metric_for

__all__ = ["Parameters"]


@dataclass(frozen=True)
class Parameters:
    """The parameters of TSNE; their meanings are documented there."""

    n_components: int
    perplexity: Any
    schedule: str
    early_exaggeration: float
    early_exaggeration_iter: int | None
    learning_rate: float | str
    max_iter: int | None
    exaggeration: float
    initial_momentum: float | None
    final_momentum: float | None
    max_step: float | None
    stop: str | None
    dof: float
    metric: str | Callable[..., float]
    metric_params: dict[str, Any] | None
    neighbors: Any
    n_neighbors: int | None
    min_recall: float
    affinity: Any
    sigma: float | None
    init: Any
    method: str
    scale: bool
    pca: int | None
    impute: Any
    callbacks: Any
    callbacks_every: int
    random_state: Any
    n_jobs: int | None
    verbose: int
    device: str
    affinity_dtype: str
    memory_limit: float | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Parameters:
        """Check what does not depend on the data.

        Raises
        ------
        TypeError, ValueError
            Naming the parameter, its value and what would do.
        """
        params = cls(**given)
        for row in TABLE:
            row.kind.check(row.name, getattr(params, row.name))
        as_callbacks(params.callbacks)
        keeper_of(params.callbacks)
        params._check_metric()
        params._check_effects()
        params._check_schedule()
        return params._in_bytes()

    def checked_later(self) -> Parameters:
        """Check what a fitted model heeds of later values, and return the parameters."""
        for row in TABLE:
            if row.after_fit:
                row.kind.check(row.name, getattr(self, row.name))
        if not self.all_callbacks and self.callbacks_every != BY_NAME["callbacks_every"].default:
            raise ValueError(
                f"callbacks_every={self.callbacks_every} has no effect with no callbacks; leave it "
                f"out, as {BY_NAME['callbacks_every'].default}"
            )
        return self._in_bytes()

    def _in_bytes(self) -> Parameters:
        """Return the parameters with a ``memory_limit`` such as "8G" as a number."""
        return replace(self, memory_limit=Bytes().read("memory_limit", self.memory_limit))

    def _check_metric(self) -> None:
        if isinstance(self.metric, str) and self.metric.lower() in METRICS:
            raise ValueError(f"metric={self.metric!r} is called {METRICS[self.metric.lower()]!r}")
        if not (isinstance(self.metric, str) and self.metric == "precomputed"):
            metric_for(self.metric, self.metric_params)

    def _check_effects(self) -> None:
        """Refuse parameters that would have no effect."""
        if (self.sigma is not None) != (self.affinity_name == "fixed_sigma"):
            need = "needs sigma" if self.sigma is None else f"does not use sigma={self.sigma!r}"
            raise ValueError(f"affinity={self.affinity_name!r} {need}")
        if self.sigma is not None and not self.sigma > 0:
            raise ValueError(f"sigma={self.sigma!r} must be above 0")
        if self.has_no_rows and isinstance(self.init, str) and self.init == "pca":
            what = "affinity" if self.affinity_name == "precomputed" else "metric"
            raise ValueError(
                f'The parameter init="pca" cannot be used with {what}="precomputed": '
                "there are no features; use init='spectral', 'random' or an array"
            )
        for row in TABLE:
            for condition in row.idle:
                value = getattr(self, row.name)
                plain = value is None or isinstance(value, str | numbers.Real)
                if CONDITIONS[condition].holds(self) and not (plain and value == row.default):
                    raise ValueError(
                        f"{row.name}={value!r} has no effect with "
                        f"{CONDITIONS[condition].words(self)}; leave it out, as {row.default!r}"
                    )

    def _check_schedule(self) -> None:
        """Refuse the short schedule with values that it was found worse with, or has of its own.

        docs/performance.md has the figures: clusters drawn together, light tails, one axis.
        """
        if self.schedule != "short":
            return
        clashes = [name for name in PACE if getattr(self, name) not in (None, "auto")]
        clashes += ["exaggeration"] * (self.exaggeration != 1) + ["dof"] * (self.dof > 1)
        clashes += ["n_components"] * (self.n_components == 1)
        if clashes:
            given = ", ".join(f"{name}={getattr(self, name)!r}" for name in clashes)
            raise ValueError(
                f"schedule='short' does not go with {given}: leave that out, or take "
                "schedule='classic'"
            )

    def snapshot(self) -> Parameters:
        """Return a copy that later changes of the caller's objects don't reach.

        Callbacks, a neighbour graph and a given P are left out: they belong to the call. The name
        of a library that searches stays.
        """
        perplexity = self.perplexity
        several = not isinstance(perplexity, str) and np.ndim(perplexity) > 0
        return replace(
            self,
            callbacks=None,
            neighbors=self.neighbors if isinstance(self.neighbors, str) else None,
            affinity=self.affinity_name,
            perplexity=[float(p) for p in perplexity] if several else perplexity,
            metric_params=copy.deepcopy(self.metric_params),
            init=self.init if isinstance(self.init, str) else np.array(self.init),
        )

    @property
    def affinity_name(self) -> str:
        """Return the affinity's name; "given" where P itself was given beside the rows."""
        return self.affinity if isinstance(self.affinity, str) else "given"

    @property
    def all_callbacks(self) -> tuple[Callback, ...]:
        """Return the callbacks as a tuple; one alone may be given without a list."""
        return as_callbacks(self.callbacks)

    @property
    def checkpoint(self) -> Any:
        """Return the ``Checkpoint`` among the callbacks; None without one."""
        return keeper_of(self.callbacks)

    @property
    def may_use_gpu(self) -> bool:
        """Tell whether ``device`` can mean a GPU, here or elsewhere."""
        return self.device in ("auto", *devices_with_memory())

    @property
    def p_given(self) -> bool:
        """Tell whether P is given and nothing has to be searched for."""
        return self.affinity_name in ("precomputed", "given")

    @property
    def has_no_rows(self) -> bool:
        """Tell whether X is a graph, not a table of features."""
        precomputed = isinstance(self.metric, str) and self.metric == "precomputed"
        return precomputed or self.affinity_name == "precomputed"

    def perplexity_for(self, n: int) -> float | list[float]:
        """Return the perplexity for ``n`` points, each lowered to ``(n - 1) / 3`` if it is near n.

        Warns
        -----
        UserWarning
            When it is lowered.
        """
        BY_NAME["perplexity"].kind.check("perplexity", self.perplexity)
        several = not isinstance(self.perplexity, numbers.Real)
        wanted = list(self.perplexity) if several else [self.perplexity]
        kept = [clip_perplexity(float(p), n - 1) if n > 1 else float(p) for p in wanted]
        if kept != [float(p) for p in wanted]:
            used = ", ".join(f"{p:g}" for p in kept)
            used = f"[{used}]" if several else used
            warn_user(
                f"perplexity={self.perplexity!r} needs more than n={n} points: it would weigh "
                f"nearly all of them alike; {used} is used"
            )
        return kept if several else kept[0]

    def k_for(self, n: int, perplexity: float | list[float]) -> int:
        """Return the neighbours per point for ``n`` points; at most ``n - 1``.

        Raises
        ------
        ValueError
            ``n_neighbors`` does not fit ``n`` or ``perplexity``.
        """
        if self.n_neighbors is None:
            affinity = AFFINITIES[self.affinity_name]
            options = {"perplexity": perplexity} if "perplexity" in affinity.options else {}
            return affinity.n_neighbors(n, **options) if affinity.n_neighbors else 0
        if self.n_neighbors >= n:
            raise ValueError(
                f"n_neighbors={self.n_neighbors} must be below n={n}: lower it to {n - 1}"
            )
        if self.affinity_name == "perplexity" and np.max(perplexity) > self.n_neighbors:
            raise ValueError(
                f"perplexity={self.perplexity!r} can't be reached with "
                f"n_neighbors={self.n_neighbors}: lower perplexity, leave n_neighbors out for "
                "3 * perplexity, or write affinity='uniform' for a graph as UMAP's"
            )
        return self.n_neighbors

    def schedule_for(self, n: int) -> Schedule:
        """Return what each iteration does for ``n`` points."""
        rate = self.learning_rate
        return Schedule.named(
            self.schedule,
            n,
            max_iter=_or_none(int, self.max_iter),
            early_exaggeration_iter=_or_none(int, self.early_exaggeration_iter),
            early_exaggeration=float(self.early_exaggeration),
            exaggeration=float(self.exaggeration),
            learning_rate=rate if isinstance(rate, str) else float(rate),
            initial_momentum=_or_none(float, self.initial_momentum),
            final_momentum=_or_none(float, self.final_momentum),
            max_step=_or_none(float, self.max_step),
        )

    @property
    def iterations(self) -> int:
        """Return the iterations in all."""
        return self.schedule_for(1).max_iter

    @property
    def early_iterations(self) -> int:
        """Return those of the early phase."""
        return self.schedule_for(1).early_exaggeration_iter


def _or_none(number: Callable[[Any], Any], value: Any) -> Any:
    """Return a number of any library as Python's; None stays."""
    return None if value is None else number(value)
