"""About a fit: what its record says besides parameters and map, gathered while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from gputsne.base import events
from gputsne.base.messages import heard
from gputsne.base.sparse import checked_csr
from gputsne.base.tables import Table
from gputsne.base.types import Affinities
from gputsne.engine.mesh import ORDER
from gputsne.engine.optimize import Result
from gputsne.model.records import Fit
from gputsne.provenance.facts import circumstances
from gputsne.provenance.machine import versions
from gputsne.provenance.outcome import DONE_OUTCOME, FAILED, Outcome, described, outcome_of
from gputsne.provenance.run import Run, id_of_next
from gputsne.provenance.values import read_values

__all__ = ["About", "mesh_facts"]


@dataclass
class About:
    """A fit that is under way, as its record will tell of it.

    Attributes
    ----------
    told : dict
        Entries of ``gputsne.Run`` so far.
    started : datetime
        In UTC.
    begun : float
        The same moment by ``time.monotonic``, as a clock may be set meanwhile.
    id : str
        Of the run; that of the job which the fit is part of, where there is one.
    """

    told: dict[str, Any] = field(default_factory=dict)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: str = field(default_factory=id_of_next)
    begun: float = field(default_factory=time.monotonic)

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

    def saw(self, X: Any, table: Table | None) -> None:
        """Take note of features that a fit has read: their hash, and what each column is.

        Parameters
        ----------
        X : object
            As it was given.
        table : Table or None
            What was read of it; None where it lies on a device and is finite. It isn't fetched for
            its hash, which is left out.
        """
        shape = self.told["input"]["shape"] if table is None else list(table.shape)
        if shape is None:
            return
        n, d = shape
        names, missing, dtypes = None, [0] * d, [self.told["input"]["dtype"]] * d
        if table is not None:
            dtype, names = str(table.values.dtype), table.names
            found = read_values(table.values)
            missing, dtypes = found.missing.tolist(), _dtypes(X, d) or [dtype] * d
            self.told["input"] = {"shape": shape, "dtype": dtype, "data_sha256": found.sha256}
        self.told["columns"] = [
            {"name": names[j] if names else None, "dtype": dtypes[j], "null_rate": missing[j] / n}
            for j in range(d)
        ]

    def saw_graph(self, X: Any) -> None:
        """Take note of distances or of P, which were checked, and have no columns of their own.

        A P that a device holds isn't fetched: its hash is left out.
        """
        if isinstance(X, Affinities) and "data" not in vars(X):
            return
        held = checked_csr("X", X) if hasattr(X, "tocsr") else X
        self.told["input"] = {**self.told["input"], "data_sha256": read_values(held).sha256}

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
        with heard() as said, events.of_run(self.id):
            events.learn(device=so_far().device, **_shape(self.told))
            try:
                yield
            except BaseException as error:
                outcome = outcome_of(error) or Outcome(FAILED, described(error))
                raise
            finally:
                self.told["warnings"] = list(dict.fromkeys(said))
                fit = replace(so_far(), about=self.ended(outcome))
                self._tell(fit)
                keep(fit)

    def _tell(self, fit: Fit) -> None:
        """Let the log know how the fit ended."""
        about = fit.about
        read, result = about.get("input") or {}, fit.result
        events.learn(
            **_shape(about), input_sha256=read.get("data_sha256"),
            seed=fit.params.random_state, device=fit.device,
            kl_divergence=None if result is None else result.kl_divergence,
            peak_device_bytes=about.get("peak_device_bytes"), warnings=len(about["warnings"]),
        )  # fmt: skip
        facts = {"status": about["status"], "exit_code": about["exit_code"]}
        events.tell("fit_ended", seconds=fit.timings.get("total"), **events.known(), **facts)

    def ended(self, outcome: Outcome) -> dict[str, Any]:
        """Return all entries of a fit that ends now."""
        return {
            **self.told,
            **circumstances(self.started, datetime.now(UTC), time.monotonic() - self.begun),
            "id": self.id,
            "status": outcome.status,
            "exit_code": outcome.exit_code,
            "error": outcome.message or None,
        }


def mesh_facts(result: Result) -> dict[str, Any]:
    """Return how the repulsion of a map was computed, as ``TSNE.mesh_`` has it.

    Parameters
    ----------
    result : Result
        Of the optimiser.

    Returns
    -------
    dict
        ``method, rebuilds, coarsened``; of a mesh ``h, order, nodes, pair``, too.
    """
    mesh = result.mesh
    facts: dict[str, Any] = {
        "method": "exact" if result.exact else "mesh",
        "rebuilds": 0 if mesh is None else mesh.rebuilds,
        "coarsened": mesh is not None and mesh.ever_coarsened,
    }
    if mesh is not None and not result.exact:
        facts |= {
            "h": mesh.h,
            "order": ORDER,
            "nodes": tuple(m // 2 for m in mesh.fft_shape),
            "pair": mesh.pair,
        }
    return facts


def _shape(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return rows and features of a fit's input, as far as they are known."""
    shape = (about.get("input") or {}).get("shape") or ()
    return dict(zip(("rows", "features"), shape, strict=False))


def _dtypes(X: Any, d: int) -> list[str] | None:
    """Return what the columns of a DataFrame hold; None for other tables."""
    kinds = getattr(X, "dtypes", None)
    kinds = getattr(getattr(X, "schema", None), "types", None) if kinds is None else kinds
    told = [str(kind) for kind in kinds] if kinds is not None else []
    return told if len(told) == d else None
