"""About a fit: what its record says besides parameters and map, gathered while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from gputsne.model.records import Fit
from gputsne.provenance.facts import circumstances
from gputsne.provenance.machine import versions
from gputsne.provenance.outcome import DONE_OUTCOME, FAILED, Outcome, described, outcome_of
from gputsne.provenance.run import Run, new_id

__all__ = ["About"]


@dataclass
class About:
    """A fit that is under way, as its record will tell of it.

    Attributes
    ----------
    told : dict
        Entries of ``gputsne.Run`` so far.
    started : datetime
        In UTC.
    """

    told: dict[str, Any] = field(default_factory=dict)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, X: Any) -> Self:
        """Return what is known at the start of a fit of X."""
        shape, dtype = getattr(X, "shape", None), getattr(X, "dtype", None)
        versions()  # read from files now, so that nothing is slow once there is a map to hand over
        found = {
            "shape": None if shape is None else [int(m) for m in shape],
            "dtype": None if dtype is None else str(dtype),
        }
        return cls({"input": found})

    @staticmethod
    def of_record(run: Run) -> dict[str, Any]:
        """Return the entries that a fit keeps, of the record that its file holds."""
        return {"id": run.id, "input": run.input, "columns": run.columns}

    @classmethod
    def after(cls, earlier: Mapping[str, Any]) -> Self:
        """Return what is known when iterations are added to a map of an earlier record."""
        told = {name: earlier[name] for name in ("input", "columns") if name in earlier}
        return cls({**told, "previous": earlier.get("id")})

    @contextmanager
    def kept(self, so_far: Callable[[], Fit], keep: Callable[[Fit], None]) -> Iterator[None]:
        """Hand the fit over as far as it came, whatever ends the work inside.

        Parameters
        ----------
        so_far : callable
            Returns the fit.
        keep : callable
            Gets it, with all that its record says.
        """
        outcome = DONE_OUTCOME
        try:
            yield
        except BaseException as error:
            outcome = outcome_of(error) or Outcome(FAILED, described(error))
            raise
        finally:
            keep(replace(so_far(), about=self.ended(outcome)))

    def ended(self, outcome: Outcome) -> dict[str, Any]:
        """Return all entries of a fit that ends now."""
        return {
            **self.told,
            **circumstances(self.started, datetime.now(UTC)),
            "id": new_id(self.started),
            "status": outcome.status,
            "exit_code": outcome.exit_code,
            "error": outcome.message or None,
        }
