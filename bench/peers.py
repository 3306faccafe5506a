"""PEERS: each library that is compared, as one row: how to import it, and one function that fits.

A new one is a function ``f(X, ask, clock)`` that returns a Fitted, and a row. What it imports it
imports inside: the process that runs a peer loads that peer alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module, metadata
from typing import Any

import numpy as np

from bench.clock import Clock

NEVER = 10**9  # rows
EARLY = 0.4  # share of the early phase: a third of "classic", 180 of 430 iterations of "short"


@dataclass(frozen=True)
class Ask:
    """What every fit is asked; ``iterations`` None leaves a library its own schedule."""

    perplexity: float = 30.0
    iterations: int | None = None
    threads: int = 2
    seed: int = 0
    device: str = "cpu"

    def neighbours(self, n: int) -> int:
        """Return the neighbours per row of a perplexity, as all t-SNE libraries here take them."""
        return min(n - 1, int(3 * self.perplexity))


@dataclass
class Fitted:
    """A map (n, 2), the model that made it, and what is worth recording."""

    Y: Any
    model: Any = None
    facts: dict[str, Any] = field(default_factory=dict)


Fit = Callable[[np.ndarray, Ask, Clock], Fitted]


@dataclass(frozen=True)
class Peer:
    """A row of PEERS.

    Attributes
    ----------
    label, package, module : str
        How it is called, what pip installs, what is imported before the clock starts.
    fit : callable
        ``fit(X, ask, clock)``.
    sweep : tuple of int
        Iterations of the curve of time against quality.
    quick : int
        Iterations with --quick: as few as it takes.
    compiles : bool
        Whether a first, small fit in the process is left out of the time: it compiles then.
    gpu : bool
        Whether it runs on a GPU only.
    by_name : bool
        Whether it is tried only where it is asked for by name.
    largest : int
        Rows beyond which it isn't tried unless it is asked for by name.
    optimise : callable or None
        ``optimise(P, Y0, ask, clock)``: the iterations alone, from a given P and start.
    place : callable or None
        ``place(model, new, X)``: new rows on the map.
    note : str
        What a reader of its figures must know.
    """

    label: str
    package: str
    module: str
    fit: Fit
    sweep: tuple[int, ...]
    quick: int = 30
    compiles: bool = False
    gpu: bool = False
    by_name: bool = False
    largest: int = NEVER
    optimise: Callable[..., Fitted] | None = None
    place: Callable[..., Any] | None = None
    note: str = ""

    def missing(self) -> str:
        """Import the library; return why that can't be done, or an empty string."""
        try:
            import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name is not None and self.module.split(".")[0] == error.name:
                return f"{self.package} is not installed (pip install {self.package})"
            return f"{self.package} needs {error.name}, which is not installed"
        except Exception as error:  # a library may fail in any way where it finds no driver
            return f"{self.package} can't be imported: {type(error).__name__}: {error}"
        return self._no_gpu() if self.gpu else ""

    def version(self) -> str:
        """Return the version that is installed."""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return str(getattr(import_module(self.module), "__version__", "unknown"))

    def _no_gpu(self) -> str:
        from gputsne.backends import explain

        reason = next((why for name, there, why in explain() if name == "cuda" and not there), "")
        return f"{self.label} needs a GPU: {reason}" if reason else ""


def gputsne_fit(X: np.ndarray, ask: Ask, clock: Clock, **own: Any) -> Fitted:
    """Our whole fit."""
    import gputsne

    model = gputsne.TSNE(
        perplexity=ask.perplexity, random_state=ask.seed, n_jobs=ask.threads, device=ask.device,
        **_length(ask), **own,
    )  # fmt: skip
    began = time.monotonic()
    Y = model.fit_transform(X)
    clock.stages(began, model.timings_)
    facts = {
        "iterations": model.n_iter_,
        "kl_reported": model.kl_divergence_,
        "recall": model.neighbors_recall_,
        "neighbours": ask.neighbours(len(X)),
        "edges": model.affinities_.nnz,
        "mesh": model.mesh_,
        "ran_on": model.device_,
    }
    return Fitted(Y, model, facts)


def gputsne_optimise(P: Any, Y0: np.ndarray, ask: Ask, clock: Clock, **own: Any) -> Fitted:
    """Our iterations alone."""
    import gputsne

    model = gputsne.TSNE(
        affinity="precomputed", init=Y0, random_state=ask.seed, n_jobs=ask.threads,
        device=ask.device, **_length(ask), **own,
    )  # fmt: skip
    began = time.monotonic()
    Y = model.fit_transform(P)
    clock.stages(began, model.timings_)
    return Fitted(Y, facts={"kl_reported": model.kl_divergence_, "iterations": model.n_iter_})


def _length(ask: Ask) -> dict[str, int]:
    """Return the parameters of a shorter fit; its early phase has the share of the default's."""
    if ask.iterations is None:
        return {}
    early = round(EARLY * ask.iterations)
    return {"max_iter": ask.iterations, "early_exaggeration_iter": early}


def opentsne_fit(X: np.ndarray, ask: Ask, clock: Clock) -> Fitted:
    """The same work by openTSNE's own defaults (Annoy, FFT), stage by stage as its fit does it."""
    from openTSNE import affinity, initialization

    own = {"n_jobs": ask.threads, "random_state": ask.seed}
    with clock("neighbors"):
        k = ask.neighbours(len(X))
        index = affinity.get_knn_index(X, "auto", k, "euclidean", **own)
        found = index.build()
        index.build = lambda: found
    with clock("affinities"):
        P = affinity.PerplexityBasedNN(knn_index=index, perplexity=ask.perplexity, **own)
    with clock("initial"):
        Y0 = initialization.pca(X, random_state=ask.seed)
    with clock("optimize"):
        model = _opentsne(ask).fit(affinities=P, initialization=Y0)
    indices = found[0]
    facts = {"neighbours": k, "search": type(index).__name__, "indices": indices}
    return Fitted(np.asarray(model), model, facts)


def opentsne_optimise(P: Any, Y0: np.ndarray, ask: Ask, clock: Clock) -> Fitted:
    """openTSNE's iterations alone."""
    from openTSNE.affinity import PrecomputedAffinities

    P = P.astype(np.float64)  # what its kernels take
    P.indptr, P.indices = P.indptr.astype(np.int32), P.indices.astype(np.int32)
    given = PrecomputedAffinities(P)
    with clock("optimize"):
        Y = _opentsne(ask, fft=True).fit(affinities=given, initialization=Y0.astype(np.float64))
    return Fitted(np.asarray(Y), facts={"kl_reported": float(Y.kl_divergence)})


def _opentsne(ask: Ask, *, fft: bool = False) -> Any:
    import openTSNE

    own: dict[str, Any] = {"negative_gradient_method": "fft"} if fft else {}
    if ask.iterations is not None:
        early = ask.iterations // 3
        own |= {"early_exaggeration_iter": early, "n_iter": ask.iterations - early}
    return openTSNE.TSNE(
        perplexity=ask.perplexity, n_jobs=ask.threads, random_state=ask.seed, **own
    )


def sklearn_fit(X: np.ndarray, ask: Ask, clock: Clock) -> Fitted:
    """scikit-learn's Barnes-Hut t-SNE; it doesn't tell its stages apart."""
    from sklearn.manifold import TSNE

    return _by_sklearn(TSNE, X, ask)


def sklearnex_fit(X: np.ndarray, ask: Ask, clock: Clock) -> Fitted:
    """The same by oneDAL, whose threads no variable of the environment limits."""
    import daal4py
    from sklearnex.manifold import TSNE

    daal4py.daalinit(ask.threads)
    return _by_sklearn(TSNE, X, ask)


def _by_sklearn(kind: Any, X: np.ndarray, ask: Ask, **own: Any) -> Fitted:
    if ask.iterations is not None:
        own["max_iter"] = ask.iterations
    model = kind(perplexity=ask.perplexity, n_jobs=ask.threads, random_state=ask.seed, **own)
    Y = model.fit_transform(X)
    facts = {"iterations": int(model.n_iter_), "kl_reported": float(model.kl_divergence_)}
    return Fitted(Y, model, facts)


def h2pack_fit(X: np.ndarray, ask: Ask, clock: Clock) -> Fitted:
    """tsne-h2pack: PyNNDescent, then an H2 matrix; it times its search itself."""
    from tsne_h2pack import TSNE

    began = time.monotonic()
    fitted = _by_sklearn(TSNE, X, ask)
    search = float(fitted.model.knn_time_)
    rest = time.monotonic() - began - search
    clock.stages(began, {"neighbors": search, "affinities, optimize": rest})
    return fitted


def umap_fit(X: np.ndarray, ask: Ask, clock: Clock) -> Fitted:
    """UMAP by its defaults, without a seed: a seed would make it use one thread."""
    import umap
    from umap.umap_ import nearest_neighbors

    own: dict[str, Any] = {}
    if len(X) >= 4096:  # where its fit begins to search approximately; below it takes all pairs
        state = np.random.RandomState(ask.seed)
        with clock("neighbors"):
            found = nearest_neighbors(X, 15, "euclidean", {}, False, state, n_jobs=ask.threads)
        own = {"precomputed_knn": found}
    with clock("graph, initial, optimize"):
        model = umap.UMAP(n_epochs=ask.iterations, n_jobs=ask.threads, **own).fit(X)
    return Fitted(model.embedding_, model)


def pacmap_fit(X: np.ndarray, ask: Ask, clock: Clock) -> Fitted:
    """PaCMAP by its defaults, without a seed, for the same reason."""
    import pacmap

    own: dict[str, Any] = {}
    if ask.iterations is not None:  # its three phases are 100, 100 and 250 of 450
        phase = round(ask.iterations * 100 / 450)
        own = {"num_iters": (phase, phase, ask.iterations - 2 * phase)}
    model = pacmap.PaCMAP(save_tree=True, **own)
    Y = model.fit_transform(X)
    return Fitted(Y, model)


def torch_fit(X: np.ndarray, ask: Ask, clock: Clock) -> Fitted:
    """gpu-tsne, PyTorch on the GPU."""
    from g_tsne import TSNE

    own = {} if ask.iterations is None else {"n_iter": ask.iterations} | {
        "early_exaggeration_iter": ask.iterations // 3
    }  # fmt: skip
    model = TSNE(perplexity=ask.perplexity, random_state=ask.seed, device="cuda", **own)
    return Fitted(_on_host(model.fit_transform(X)), model)


def cuml_fit(X: np.ndarray, ask: Ask, clock: Clock) -> Fitted:
    """cuML's FFT t-SNE, with as many neighbours as the others."""
    from cuml.manifold import TSNE

    own = {} if ask.iterations is None else {"max_iter": ask.iterations}
    model = TSNE(
        perplexity=ask.perplexity, n_neighbors=ask.neighbours(len(X)), random_state=ask.seed, **own
    )
    return Fitted(_on_host(model.fit_transform(X)), model)


def tsnecuda_fit(X: np.ndarray, ask: Ask, clock: Clock) -> Fitted:
    """tsne-cuda, which takes 32 neighbours unless told."""
    from tsnecuda import TSNE

    own = {} if ask.iterations is None else {"n_iter": ask.iterations}
    model = TSNE(perplexity=ask.perplexity, num_neighbors=ask.neighbours(len(X)), **own)
    return Fitted(_on_host(model.fit_transform(X)), model)


def _on_host(Y: Any) -> np.ndarray:
    for method in ("get", "cpu"):
        Y = getattr(Y, method)() if hasattr(Y, method) else Y
    return np.asarray(Y, dtype=np.float32)


OURS = "gputsne"
BARNES_HUT = 20_000  # rows of scikit-learn's: half an hour and more beyond, on a few threads
PEERS: dict[str, Peer] = {
    OURS: Peer(
        OURS, OURS, "gputsne.model.pipeline", gputsne_fit, (100, 250, 500, 2000),
        optimise=gputsne_optimise, place=lambda model, new, X: model.transform(new),
    ),
    "short": Peer(
        "gputsne, short", OURS, "gputsne.model.pipeline",
        partial(gputsne_fit, schedule="short"), (50, 100, 200, 300),
        optimise=partial(gputsne_optimise, schedule="short"),
        note='schedule="short", 430 iterations',
    ),
    "pca": Peer(
        "gputsne, pca=50", OURS, "gputsne.model.pipeline", partial(gputsne_fit, pca=50),
        (100, 250, 500, 2000), by_name=True, note="50 principal components first",
    ),
    "openTSNE": Peer(
        "openTSNE", "openTSNE", "openTSNE", opentsne_fit, (250, 500),
        optimise=opentsne_optimise, place=lambda model, new, X: model.transform(new),
    ),
    "h2pack": Peer(
        "tsne-h2pack", "tsne-h2pack", "tsne_h2pack", h2pack_fit, (400, 700), 260, compiles=True,
        note="random start; repulsion is reused over some iterations",
    ),
    "sklearn": Peer(
        "scikit-learn", "scikit-learn", "sklearn.manifold", sklearn_fit, (400, 700), 260,
        largest=BARNES_HUT, note="Barnes-Hut",
    ),
    "sklearnex": Peer(
        "scikit-learn-intelex", "scikit-learn-intelex", "sklearnex.manifold", sklearnex_fit,
        (400, 700), 260, largest=5 * BARNES_HUT, note="Barnes-Hut",
    ),
    "umap": Peer(
        "UMAP", "umap-learn", "umap", umap_fit, (50, 100, 500), compiles=True,
        place=lambda model, new, X: model.transform(new), note="15 neighbours, no seed",
    ),
    "pacmap": Peer(
        "PaCMAP", "pacmap", "pacmap", pacmap_fit, (100, 225, 900), compiles=True,
        place=lambda model, new, X: model.transform(new, basis=X), note="10 neighbours, no seed",
    ),
    "gpu-tsne": Peer(
        "gpu-tsne", "gpu-tsne", "g_tsne", torch_fit, (250, 500), compiles=True, gpu=True
    ),
    "cuml": Peer(
        "cuML", "cuml-cu13", "cuml.manifold", cuml_fit, (300, 600), compiles=True, gpu=True
    ),
    "tsne-cuda": Peer(
        "tsne-cuda", "tsnecuda", "tsnecuda", tsnecuda_fit, (300, 600), compiles=True, gpu=True
    ),
}  # fmt: skip
ALIASES = {
    "ours": OURS,
    "scikit-learn": "sklearn",
    "tsne-h2pack": "h2pack",
    "tsnecuda": "tsne-cuda",
}


def named(names: str | None) -> list[str]:
    """Return rows of PEERS by names with commas between, None for all; case doesn't matter."""
    if names is None or names == "all":
        return list(PEERS)
    rows = {name.lower(): name for name in PEERS} | ALIASES
    asked = [name.strip().lower() for name in names.split(",") if name.strip()]
    unknown = [name for name in asked if name not in rows]
    if unknown or not asked:
        known = ", ".join(PEERS)
        raise SystemExit(f"--peers {names!r}: no peer is called {unknown}; known are {known}")
    return list(dict.fromkeys(rows[name] for name in asked))
