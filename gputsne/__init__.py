"""t-SNE at one FFT pair per iteration; public names load on first use, so importing is light."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gputsne._version import __version__

if TYPE_CHECKING:
    from gputsne import (
        accounts,
        affinities,
        callbacks,
        dask,
        initial,
        metrics,
        notebook,
        plotting,
        serve,
        telemetry,
    )
    from gputsne import inspection as inspect
    from gputsne.change import align, clusters_kept, drift, reproducibility
    from gputsne.data import Source, datasets, open_source, read
    from gputsne.estimator import TSNE, load
    from gputsne.gates import check, run_evidence
    from gputsne.judging import advise, watch
    from gputsne.large import fit_large
    from gputsne.neighbors import knn
    from gputsne.notebook import view
    from gputsne.planning.memory import plan
    from gputsne.plotting import plot
    from gputsne.provenance import Run
    from gputsne.reporting import report
    from gputsne.runs.store import Store
    from gputsne.sampling import Reservoir, sample
    from gputsne.sweeps import sweep
    from gputsne.tiling import OnlineMap, tiles
    from gputsne.updating import update

__all__ = [
    "TSNE",
    "OnlineMap",
    "Reservoir",
    "Run",
    "Source",
    "Store",
    "__version__",
    "accounts",
    "advise",
    "affinities",
    "align",
    "callbacks",
    "check",
    "clusters_kept",
    "dask",
    "datasets",
    "drift",
    "errors",
    "fit_large",
    "initial",
    "inspect",
    "knn",
    "load",
    "metrics",
    "notebook",
    "open_source",
    "plan",
    "plot",
    "plotting",
    "read",
    "report",
    "reproducibility",
    "run_evidence",
    "sample",
    "serve",
    "sweep",
    "telemetry",
    "tiles",
    "types",
    "update",
    "view",
    "watch",
]

_HOME = {
    "OnlineMap": "gputsne.tiling",
    "Reservoir": "gputsne.sampling",
    "Run": "gputsne.provenance",
    "Source": "gputsne.data",
    "Store": "gputsne.runs.store",
    "TSNE": "gputsne.estimator",
    "advise": "gputsne.judging",
    "align": "gputsne.change",
    "check": "gputsne.gates",
    "clusters_kept": "gputsne.change",
    "drift": "gputsne.change",
    "fit_large": "gputsne.large",
    "knn": "gputsne.neighbors",
    "load": "gputsne.estimator",
    "open_source": "gputsne.data",
    "plan": "gputsne.planning.memory",
    "plot": "gputsne.plotting",
    "read": "gputsne.data",
    "report": "gputsne.reporting",
    "reproducibility": "gputsne.change",
    "run_evidence": "gputsne.gates",
    "sample": "gputsne.sampling",
    "sweep": "gputsne.sweeps",
    "tiles": "gputsne.tiling",
    "update": "gputsne.updating",
    "view": "gputsne.notebook",
    "watch": "gputsne.judging",
}
_MODULES = {
    "accounts": "gputsne.accounts",
    "affinities": "gputsne.affinities",
    "callbacks": "gputsne.callbacks",
    "dask": "gputsne.dask",
    "datasets": "gputsne.data.datasets",
    "errors": "gputsne.base.errors",
    "initial": "gputsne.initial",
    "inspect": "gputsne.inspection",
    "metrics": "gputsne.metrics",
    "notebook": "gputsne.notebook",
    "plotting": "gputsne.plotting",
    "serve": "gputsne.serve",
    "telemetry": "gputsne.telemetry",
    "types": "gputsne.base.types",
}


def __getattr__(name: str) -> Any:
    """Import the room a public name lives in, the first time it is asked for."""
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'gputsne' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
