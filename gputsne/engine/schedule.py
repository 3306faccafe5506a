"""What iteration t does: exaggeration, momentum, learning rate and step limit, of t alone.

Two schedules have names: "classic", openTSNE's, and "short", which docs/performance.md compares
with what else was tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gputsne.base.types import StepParams

__all__ = ["PACE", "SCHEDULES", "Schedule"]

CLASSIC = {
    "max_iter": 750,
    "early_exaggeration_iter": 250,
    "initial_momentum": 0.8,
    "final_momentum": 0.8,
    "max_step": 5.0,
}
# Measured beside others in bench/results/schedules.json; docs/performance.md has the table.
SHORT = {
    "max_iter": 430,
    "early_exaggeration_iter": 180,
    "initial_momentum": 0.8,
    "final_momentum": 0.92,
    "max_step": 5.0,
    "final_max_step": 1.0,
    "speed": 4.0,
    "let_down": 1 / 3,
}
SCHEDULES: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {"classic": CLASSIC, "short": SHORT}
)
# Values of "short" that were chosen together: whoever sets one has to take "classic".
PACE = ("learning_rate", "initial_momentum", "final_momentum", "max_step")
HALVINGS = 3  # of the exaggeration, where the early phase ends by letting it down


@dataclass(frozen=True)
class Schedule:
    """An early phase of exaggerated attraction, then the main phase.

    Attributes
    ----------
    n : int
        Points; the automatic learning rate follows it.
    max_iter, early_exaggeration_iter : int
        Iterations in all, and those of the early phase.
    early_exaggeration, exaggeration : float
        Factors on the attraction at the start and in the main phase.
    learning_rate : float or "auto"
        In scikit-learn's convention. ``"auto"``: ``n / (4 * exaggeration)`` of the iteration, which
        is the ``n / exaggeration`` of Belkina et al. 2019 and openTSNE, who drop the gradient's 4.
    initial_momentum, final_momentum : float
        In the early and in the main phase.
    max_step : float
        Limit of one point's move, map units; openTSNE's ``max_step_norm``.
    final_max_step : float or None
        The limit once the exaggeration goes down, where it is another.
    speed : float
        Automatic learning rate of the main phase over the one above.
    let_down : float
        Share of the early phase, its end, in which the exaggeration is halved three times, never
        below that of the main phase.
    """

    n: int
    max_iter: int = 750
    early_exaggeration_iter: int = 250
    early_exaggeration: float = 12.0
    exaggeration: float = 1.0
    learning_rate: float | str = "auto"
    initial_momentum: float = 0.8
    final_momentum: float = 0.8
    max_step: float = 5.0
    final_max_step: float | None = None
    speed: float = 1.0
    let_down: float = 0.0

    @classmethod
    def named(cls, name: str, n: int, **given: Any) -> Schedule:
        """Return a named schedule with what the caller sets; None leaves a value to the schedule.

        Parameters
        ----------
        name : str
            Of ``SCHEDULES``.
        n : int
            Points.
        **given
            Attributes of the schedule, or None; ``learning_rate`` may be "auto".

        Returns
        -------
        Schedule
            With every value set.
        """
        told = {k: v for k, v in given.items() if v is not None}
        own = dict(SCHEDULES[name])
        if name != "classic":  # a longer early phase doesn't take from the main one
            early = own["early_exaggeration_iter"]
            own["max_iter"] += max(0, told.get("early_exaggeration_iter", early) - early)
        return cls(n, **own | told)

    def __call__(self, iteration: int) -> StepParams:
        """Return the parameters of iteration ``iteration``, counted from 0."""
        early = iteration < self.early_exaggeration_iter
        exaggeration, limit = self.exaggeration, self.max_step
        if early:
            done = self._halvings(iteration)
            exaggeration = min(
                self.early_exaggeration, max(exaggeration, self.early_exaggeration / 2**done)
            )
        if self.final_max_step is not None and not (early and done == 0):
            limit = self.final_max_step
        return StepParams(
            exaggeration=exaggeration,
            momentum=self.initial_momentum if early else self.final_momentum,
            learning_rate=self._rate(exaggeration, 1.0 if early else self.speed),
            max_step=limit,
        )

    def _halvings(self, iteration: int) -> int:
        """Return how often the exaggeration has been halved in an iteration of the early phase."""
        length = self.early_exaggeration_iter
        held = max(1, round(length * (1.0 - self.let_down)))
        if iteration < held:
            return 0
        return 1 + (iteration - held) * HALVINGS // (length - held)

    def _rate(self, exaggeration: float, speed: float) -> float:
        if isinstance(self.learning_rate, str):
            return max(speed * self.n / (4.0 * exaggeration), 1.0)
        return float(self.learning_rate)
