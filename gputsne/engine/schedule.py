"""What iteration t does: exaggeration, momentum and learning rate as a pure function of t."""

from __future__ import annotations

from dataclasses import dataclass

from gputsne.base.types import StepParams

__all__ = ["Schedule"]


@dataclass(frozen=True)
class Schedule:
    """Two phases, as in openTSNE: early exaggeration, then plain.

    Attributes
    ----------
    n : int
        Points; the automatic learning rate follows it.
    max_iter, early_exaggeration_iter : int
        Iterations in all, and those of the early phase.
    early_exaggeration, exaggeration : float
        Factors on the attraction in the two phases.
    learning_rate : float or "auto"
        In scikit-learn's convention. ``"auto"``: ``n / (4 * exaggeration)`` of the phase, which is
        the ``n / exaggeration`` of Belkina et al. 2019 and openTSNE, who drop the gradient's 4.
    initial_momentum, final_momentum : float
        In the two phases.
    max_step : float
        Limit of one point's move, map units; openTSNE's ``max_step_norm``.
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

    def rate(self, exaggeration: float) -> float:
        """Return the learning rate of a phase with this exaggeration."""
        if isinstance(self.learning_rate, str):
            return max(self.n / (4.0 * exaggeration), 1.0)
        return float(self.learning_rate)

    def __call__(self, iteration: int) -> StepParams:
        """Return the parameters of iteration ``iteration``, counted from 0."""
        early = iteration < self.early_exaggeration_iter
        exaggeration = self.early_exaggeration if early else self.exaggeration
        return StepParams(
            exaggeration=exaggeration,
            momentum=self.initial_momentum if early else self.final_momentum,
            learning_rate=self.rate(exaggeration),
            max_step=self.max_step,
        )
