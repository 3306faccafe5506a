"""TSNE: scikit-learn's interface to a fit and to the map that it leaves; no mathematics here."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

from gputsne.model.embedding import Embedding
from gputsne.model.foreign import PARAMETERS, explains_names
from gputsne.provenance.card import card_of_model

__all__ = ["TSNE", "load"]


class TSNE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, Embedding):  # type: ignore[misc]
    r"""t-distributed stochastic neighbour embedding, by particle mesh.

    Parameters
    ----------
    n_components : {1, 2, 3}, default 2
        Map axes ``c``.
    perplexity : float or sequence of float, default 30
        Effective number of neighbours. Several at once average their conditionals. Above
        ``0.9 (n - 1)`` it is lowered to ``(n - 1) / 3``, with a warning.
    schedule : {"classic", "short"}, default "classic"
        What the parameters below are where they are left out. "classic" is openTSNE's schedule:
        750 iterations, 250 of them early, momentum 0.8, ``max_step`` 5. "short" needs 430, 180 of
        them early, for a lower KL, but keeps fewer neighbours among many near copies of a row
        (docs/performance.md has what else changes): in the last third of the early phase the
        exaggeration is halved three times, from there on ``max_step`` is 1, and after it the
        automatic learning rate is four times as high and the momentum 0.92. It does not go with a
        ``learning_rate``, momentum or ``max_step`` of your own, ``exaggeration`` other than 1,
        ``dof`` above 1 or one axis.
    early_exaggeration : float, default 12
        Factor on the attraction in the early phase.
    early_exaggeration_iter : int or None, default None
        Length of the early phase; None for the schedule's, 250 or 180.
    learning_rate : float or "auto", default "auto"
        In scikit-learn's convention (a quarter of openTSNE's number for the same step). "auto":
        ``n / (4 * exaggeration)`` of the phase (Belkina et al. 2019), after the early phase four
        times as much with ``schedule="short"``.
    max_iter : int or None, default None
        Iterations in all, the early phase included; None for the schedule's, 750 or 430. 0 returns
        the initial map.
    exaggeration : float, default 1
        Factor on the attraction after the early phase.
    initial_momentum, final_momentum : float or None, default None
        Momentum in the two phases; None for the schedule's.
    max_step : float or None, default None
        Longest move of a point in one iteration, map units; None for the schedule's.
    stop : {None, "auto"}, default None
        "auto" ends the run when KL falls by less than KL / 5000 per iteration (Belkina et al.
        2019).
    dof : float, default 1
        Degrees of freedom of the map kernel, from 0.001 to 100,000; below 1 the tails get heavier
        (Kobak et al. 2019).
    metric : str or callable, default "euclidean"
        Distance between rows; "precomputed" for X of distances, sparse or dense. A callable gets
        the rows neither shifted nor scaled, rounded to float32.
    metric_params : dict or None
        Passed to a metric that scikit-learn computes.
    neighbors : (indices, distances), KNNGraph, sparse matrix, str or None
        A neighbour graph to use instead of a search: two arrays of shape (n, k), integers from 0 to
        n - 1 and distances of 0 or more (infinite: no neighbour), what ``gputsne.knn`` returns, or
        distances of shape (n, n), sparse. The graph decides how many neighbours there are. With
        ``device="cuda"`` the name of a library that searches in place of the GPU's own kernels:
        "faiss" (on the CPU), "faiss-gpu" or "cuvs".
    n_neighbors : int or None
        Neighbours per point; None for ``3 * perplexity`` (15 with ``affinity="uniform"``).
    min_recall : float, default 0.98
        Share of true neighbours that an approximate search must reach; lower is quicker,
        and the map keeps a few neighbours less.
    affinity : {"perplexity", "uniform", "fixed_sigma", "precomputed"} or P, default "perplexity"
        How distances become similarities; with "precomputed" X is P itself. A matrix, or another
        model's ``affinities_``, is P for the rows X, which then serve PCA and ``transform`` alone.
    sigma : float or None
        Width for ``affinity="fixed_sigma"``, unit of the distances.
    init : {"pca", "spectral", "random"} or array of shape (n, c), default "pca"
        First map; an array, in map units, is taken as it is.
    method : {"auto", "exact", "mesh"}, default "auto"
        Repulsion by definition or by mesh; "auto" takes what costs less, by n and by how large a
        mesh the map needs. "mesh" is heeded unless the mesh of a few points would cost more than
        32 times the sums: ``mesh_["method"]`` tells.
    scale : bool, default False
        Scale columns to unit variance first.
    pca : int or None
        Reduce X to so many principal components first.
    impute : {None, "mean", "median"} or float, default None
        What to put in place of NaN; None refuses them.
    callbacks : callable, list of callable or None
        Called with a ``gputsne.types.Progress`` every ``callbacks_every`` iterations; what is true
        in Python's sense ends the run. Functions of three arguments are called as openTSNE does,
        with (iteration, KL, map). An object may have the methods ``start(model)``, called before
        anything is computed, and ``finish(model)``, called last, whatever ended the fit or
        ``optimize``; ``gputsne.callbacks`` has some that write fits down in MLflow and its like,
        and ``Checkpoint``, which keeps the fit in a file.
    callbacks_every : int, default 50
        See above.
    random_state : int, RandomState, Generator or None
        The same seed gives the same bytes, for any ``n_jobs``.
    n_jobs : int or None
        Threads of everything; None for all that the process may use, ``OMP_NUM_THREADS`` and
        ``threadpool_limits`` heeded; -1 for all whatever these say, -2 for all but one.
        A fitted model heeds a later ``set_params(n_jobs=...)``.
    verbose : int, default 0
        Above 0: a progress bar on stderr.
    device : {"auto", "cuda", "cpu", "numpy"}, default "auto"
        Only "auto" falls back.
    affinity_dtype : {"float32", "float16"}, default "float32"
        How a GPU keeps P: in "float16" an edge takes 6 bytes instead of 8, there and on the way,
        and p_ij is rounded by at most 1 in 2048. A CPU keeps float32 whatever is asked.
    memory_limit : int, str or None
        Bytes the fit may take, as a number or as "8G", "500M", "8GB"; None for what is free.

    Attributes
    ----------
    embedding_ : array, shape (n, c), float32
        The map; a copy, yours to change: ``transform``, ``optimize`` and ``save`` have their own.
    kl_divergence_ : float
        KL(P || Q) of the map.
    kl_history_ : array, shape (m, 2), float64
        Iteration and KL, every 50 iterations and at the end.
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
        ``method`` of the last iteration, "mesh" or "exact", ``rebuilds``, meshes made, and
        ``coarsened``: memory or cost made one of them coarser than promised; for a mesh its spacing
        ``h``, spline ``order``, ``nodes`` per axis and ``pair`` (two meshes, for points nearer to
        each other than ``h``).
    affinities_ : Affinities
        P; its arrays are read-only, ``to_csr()`` is a copy.
    fitted_map_ : FittedMap
        What ``transform`` needs and nothing else: frozen, safe for threads and forks, small to
        pickle. It has ``transform(X)`` of its own.
    run_ : Run
        Record of the fit, made when it is asked for: parameters, seed, versions, hashes, times, KL
        curve, memory; see ``gputsne.Run``. ``optimize`` makes a new one, whose ``previous`` is the
        id of the one before.
    parameters_ : dict
        Parameters of the fit. Later ``set_params`` changes only the next fit, but for callbacks,
        ``stop``, ``n_jobs``, ``verbose`` and ``memory_limit``.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of str
        Their names, where X had some.
    palette_ : dict of str to str
        Colours of labels, ``#rrggbb``, once ``gputsne.plot`` has drawn this model with categories:
        later pictures keep them.
    ids_ : array, shape (n,)
        What the rows are, where ``gputsne.update`` or ``embed --id`` has told; kept by ``save``.

    References
    ----------
    van der Maaten & Hinton (2008), Visualizing data using t-SNE. Linderman et al. (2019), Fast
    interpolation-based t-SNE. Essmann et al. (1995), A smooth particle mesh Ewald method.

    Examples
    --------
    >>> import gputsne
    >>> X = gputsne.datasets.load_digits().X[:300]
    >>> gputsne.TSNE(random_state=0).fit_transform(X).shape
    (300, 2)
    """

    @explains_names("TSNE", PARAMETERS)
    def __init__(
        self,
        n_components: int = 2,
        *,
        perplexity: Any = 30.0,
        schedule: str = "classic",
        early_exaggeration: float = 12.0,
        early_exaggeration_iter: int | None = None,
        learning_rate: float | str = "auto",
        max_iter: int | None = None,
        exaggeration: float = 1.0,
        initial_momentum: float | None = None,
        final_momentum: float | None = None,
        max_step: float | None = None,
        stop: str | None = None,
        dof: float = 1.0,
        metric: Any = "euclidean",
        metric_params: dict[str, Any] | None = None,
        neighbors: Any = None,
        n_neighbors: int | None = None,
        min_recall: float = 0.98,
        affinity: Any = "perplexity",
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
        memory_limit: int | str | None = None,
    ) -> None:
        given = dict(locals())
        self._store(given)

    # scikit-learn wraps what stands in the class itself, for ``set_output``.
    fit_transform = Embedding.fit_transform
    transform = Embedding.transform

    def set_params(self, **params: Any) -> Self:
        """Set parameters for the next fit, as scikit-learn does.

        Parameters
        ----------
        **params : object
            Values by name; a fitted map heeds only callbacks, ``stop``, ``n_jobs``, ``verbose``
            and ``memory_limit``.

        Returns
        -------
        TSNE
            The estimator itself.

        Raises
        ------
        ValueError
            For a name that is no parameter; where it is another library's, with the counterpart.
        """
        self._refuse_foreign(params)
        super().set_params(**params)
        return self

    @property
    def _n_features_out(self) -> int:
        return int(self.embedding_.shape[1])

    def _repr_html_inner(self) -> str:  # of scikit-learn's ``_repr_html_``
        shown: str = super()._repr_html_inner()
        return shown + (card_of_model(self) or "")

    def _repr_mimebundle_(self, **wanted: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**wanted)
        if "text/html" in bundle:
            bundle["text/html"] += card_of_model(self) or ""
        return bundle

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a map: a fit that was refused or stopped before one leaves none."""
        return "embedding_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]  # the map is float32 whatever X is
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.impute is not None
        tags.input_tags.pairwise = any(
            isinstance(given, str) and given == "precomputed"
            for given in (self.metric, self.affinity)
        )
        return tags


for method in (TSNE.fit_transform, TSNE.transform):  # pickled by the name they are found under
    method.__module__, method.__qualname__ = TSNE.__module__, f"TSNE.{method.__name__}"
del method
load = TSNE.load
