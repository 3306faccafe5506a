"""TSNE: scikit-learn's face of the engine; no mathematics here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gputsne.base.types import FloatArray
from gputsne.fitted import Fitted
from gputsne.model import pipeline

__all__ = ["TSNE", "load"]


class TSNE(Fitted):
    r"""t-distributed stochastic neighbour embedding, by particle mesh.

    Parameters
    ----------
    n_components : {1, 2, 3}, default 2
        Map axes ``c``.
    perplexity : float or sequence of float, default 30
        Effective number of neighbours. Several at once average their conditionals. Above
        ``0.9 (n - 1)`` it is lowered to ``(n - 1) / 3``, with a warning.
    early_exaggeration : float, default 12
        Factor on the attraction in the early phase.
    early_exaggeration_iter : int, default 250
        Length of the early phase.
    learning_rate : float or "auto", default "auto"
        In scikit-learn's convention (a quarter of openTSNE's number for the same step). "auto":
        ``n / (4 * exaggeration)`` of the phase (Belkina et al. 2019).
    max_iter : int, default 750
        Iterations in all, the early phase included. 0 returns the initial map.
    exaggeration : float, default 1
        Factor on the attraction after the early phase.
    initial_momentum, final_momentum : float, default 0.8
        Momentum in the two phases.
    schedule : {"classic"}, default "classic"
        openTSNE's two phases.
    max_step : float, default 5
        Longest move of a point in one iteration, map units.
    stop : {None, "auto"}, default None
        "auto" ends the run when KL falls by less than KL / 5000 an iteration (Belkina et al. 2019).
    dof : float, default 1
        Degrees of freedom of the map kernel; below 1 the tails get heavier (Kobak et al. 2019).
    metric : str or callable, default "euclidean"
        Distance between rows; "precomputed" for X of distances, sparse or dense.
    metric_params : dict or None
        Passed to a metric that scikit-learn computes.
    neighbors : (indices, distances), KNNGraph or None
        A neighbour graph to use instead of a search.
    n_neighbors : int or None
        Neighbours per point; None for ``3 * perplexity`` (15 with ``affinity="uniform"``).
    min_recall : float, default 0.98
        Share of true neighbours that an approximate search must reach; lower is quicker,
        and the map keeps a few neighbours less.
    affinity : {"perplexity", "uniform", "fixed_sigma", "precomputed"}, default "perplexity"
        How distances become similarities; with "precomputed" X is P itself.
    sigma : float or None
        Width for ``affinity="fixed_sigma"``, unit of the distances.
    init : {"pca", "spectral", "random"} or array of shape (n, c), default "pca"
        First map; an array is taken as it is.
    method : {"auto", "exact", "mesh"}, default "auto"
        Repulsion by definition or by mesh; "auto" decides by n.
    scale : bool, default False
        Scale columns to unit variance first.
    pca : int or None
        Reduce X to so many principal components first.
    impute : {None, "mean", "median"} or float
        What to put in place of NaN; None refuses them.
    callbacks : callable or list of callable, optional
        Called with a ``gputsne.types.Progress`` every ``callbacks_every`` iterations; returning
        True ends the run.
    callbacks_every : int, default 50
        See above.
    random_state : int, RandomState, Generator or None
        The same seed gives the same bytes, for any ``n_jobs``.
    n_jobs : int or None
        Threads of everything; None for all that the process may use, -2 for all but one.
    verbose : int, default 0
        Above 0: a progress bar on stderr.
    device : {"auto", "cuda", "cpu", "numpy"}, default "auto"
        Only "auto" falls back.
    affinity_dtype : {"float32", "float16"}, default "float32"
        How a GPU keeps P: in "float16" an edge takes 6 bytes instead of 8, there and on the way,
        and p_ij is rounded by at most 1 in 2048. A CPU keeps float32 whatever is asked.
    memory_limit : int or None
        Bytes the fit may take; None for what is free.

    Attributes
    ----------
    embedding_ : array, shape (n, c), float32
        The map.
    kl_divergence_ : float
        KL(P || Q) of the map.
    kl_history_ : array, shape (m, 2), float64
        Iteration and KL, every 50 iterations.
    n_iter_ : int
        Iterations done.
    learning_rate_ : float
        Learning rate of the last phase that ran.
    device_ : str
        Where it ran; ``device_reason_`` says why.
    neighbors_recall_ : float
        Measured recall of the neighbour search; 1 when exact, NaN when P was given.
    timings_ : dict
        Seconds by stage: prepare, neighbors, affinities, initial, optimize, total.
    mesh_ : dict
        Spacing ``h``, spline ``order``, nodes per axis, ``pair`` (two meshes, for points nearer to
        each other than ``h``), ``widened``, ``rebuilds``; "exact" method.
    affinities_ : Affinities
        P.

    References
    ----------
    van der Maaten & Hinton (2008), Visualizing data using t-SNE. Linderman et al. (2019), Fast
    interpolation-based t-SNE. Essmann et al. (1995), A smooth particle mesh Ewald method.

    Examples
    --------
    >>> import gputsne
    >>> X = gputsne.datasets.load_digits().X
    >>> gputsne.TSNE(max_iter=50, random_state=0).fit_transform(X).shape
    (1797, 2)
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        perplexity: Any = 30.0,
        early_exaggeration: float = 12.0,
        early_exaggeration_iter: int = 250,
        learning_rate: float | str = "auto",
        max_iter: int = 750,
        exaggeration: float = 1.0,
        initial_momentum: float = 0.8,
        final_momentum: float = 0.8,
        schedule: str = "classic",
        max_step: float = 5.0,
        stop: str | None = None,
        dof: float = 1.0,
        metric: Any = "euclidean",
        metric_params: dict[str, Any] | None = None,
        neighbors: Any = None,
        n_neighbors: int | None = None,
        min_recall: float = 0.98,
        affinity: str = "perplexity",
        sigma: float | None = None,
        init: Any = "pca",
        method: str = "auto",
        scale: bool = False,
        pca: int | None = None,
        impute: Any = None,
        callbacks: Any = None,
        callbacks_every: int = 50,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        device: str = "auto",
        affinity_dtype: str = "float32",
        memory_limit: int | None = None,
    ) -> None:
        given = dict(locals())
        for name in self._get_param_names():  # stored as given; fit checks them
            setattr(self, name, given[name])

    def fit(self, X: Any, y: Any = None) -> TSNE:
        """Embed X.

        Parameters
        ----------
        X : array_like, DataFrame, sparse matrix, shape (n, d)
            Data; distances with ``metric="precomputed"``, P with ``affinity="precomputed"``.
        y : None
            Ignored, for scikit-learn's sake.

        Returns
        -------
        TSNE
            The estimator itself.

        Raises
        ------
        TypeError, ValueError
            For parameters or data that can't be used; the message names the remedy.
        OverMemory
            The fit would not fit in memory; nothing was allocated.
        FitInterrupted
            On Ctrl-C; ``embedding_`` holds the map so far where there is one.
        """
        params = self._parameters()
        for name in [a for a in vars(self) if a == "_run" or a.endswith("_")]:
            delattr(self, name)  # an old map must not outlive a fit that fails, nor its memory
        pipeline.run(X, params, self._keep)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> FloatArray:
        """Embed X and return the map; see ``fit``.

        Parameters
        ----------
        X : array_like, DataFrame, sparse matrix, shape (n, d)
            As in ``fit``.
        y : None
            Ignored, for scikit-learn's sake.

        Returns
        -------
        array, shape (n, c), float32
            ``embedding_``; a DataFrame after ``set_output(transform="pandas")``.
        """
        embedding: FloatArray = self.fit(X).embedding_
        return embedding


def load(path: str | Path, *, device: str | None = None) -> TSNE:
    """Read a model that ``TSNE.save`` wrote; the same as ``TSNE.load``.

    Parameters
    ----------
    path : str or Path
        The file.
    device : str, optional
        Where to run from now on.

    Returns
    -------
    TSNE
        Fitted.

    Raises
    ------
    ValueError
        The file is no model of gputsne, is damaged or of a newer format.
    """
    return TSNE.load(path, device=device)
