"""TSNE: scikit-learn's interface to a fit and to the map that it leaves; no mathematics here."""

from __future__ import annotations

import numbers
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from gputsne.base.arrays import host, returner
from gputsne.base.parameter_table import TABLE, check
from gputsne.base.tables import admitted
from gputsne.base.types import Affinities, FloatArray
from gputsne.engine import placement
from gputsne.engine.optimize import Result
from gputsne.model import persistence, pipeline
from gputsne.model.about import mesh_facts
from gputsne.model.callbacks import told_of_fit
from gputsne.model.checkpoint import Checkpoint, peek
from gputsne.model.fitted import FittedMap, frozen_of
from gputsne.model.foreign import OPTIMIZE, PARAMETERS, TRANSFORM, explain, explains_names
from gputsne.model.input import matrix_of
from gputsne.model.parameters import Parameters
from gputsne.model.records import Fit
from gputsne.provenance import Run
from gputsne.provenance.card import card_of_model
from gputsne.provenance.facts import describe, map_sha256

__all__ = ["TSNE", "load"]

# What ``optimize`` could be thought to read again: changed after the fit, it is refused there.
SCHEDULED = (
    "schedule", "early_exaggeration", "early_exaggeration_iter", "exaggeration", "learning_rate",
    "initial_momentum", "final_momentum", "max_step", "dof",
)  # fmt: skip
PRIVATE = ("_fit", "_map", "_returns", "_run")


class TSNE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
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
        for row in TABLE:  # stored as given; fit checks them
            setattr(self, row.name, given[row.name])

    def fit(self, X: Any, y: Any = None) -> Self:
        """Compute the map of X.

        Parameters
        ----------
        X : array_like, DataFrame, sparse matrix or AnnData, shape (n, d)
            Data; distances with ``metric="precomputed"``, P with ``affinity="precomputed"``. Of an
            AnnData object ``obsm["X_pca"]`` is taken where there is one, else ``.X``.
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
        DeadlineExceeded
            Inside ``gputsne.base.deadline.limit``; ``embedding_`` as above.

        Warns
        -----
        UserWarning
            When all iterations were in the early phase: such a map isn't finished.
        """
        # By name: the parameters of a subclass may be fewer, and others besides.
        params = Parameters.of({row.name: getattr(self, row.name) for row in TABLE})
        X = admitted(matrix_of(X))
        for name in [a for a in vars(self) if a in PRIVATE or a.endswith("_")]:
            delattr(self, name)  # an old map must not outlive a fit that fails, nor its memory
        self._returns = returner(X)
        with told_of_fit(self.callbacks, self):
            pipeline.run(X, params, self._keep)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> FloatArray:
        """Embed X and return the map; see ``fit``.

        Parameters
        ----------
        X : array_like, DataFrame, sparse matrix or AnnData, shape (n, d)
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

    @explains_names("optimize", OPTIMIZE)
    def optimize(
        self,
        n_iter: int,
        *,
        exaggeration: float | None = None,
        learning_rate: float | str | None = None,
        momentum: float | None = None,
        dof: float | None = None,
    ) -> Self:
        """Go on from where the fit stopped, with its momentum.

        Parameters
        ----------
        n_iter : int
            Iterations to add.
        exaggeration, learning_rate, momentum : float, optional
            Other values than the fit's, for these iterations.
        dof : float, optional
            Another kernel for these iterations; the map is then one of that kernel, and
            ``kl_divergence_`` and ``transform`` are too.

        Returns
        -------
        TSNE
            The estimator itself.

        Raises
        ------
        ValueError
            ``n_iter`` is below 1, a value is out of range, the model was loaded without P, or
            ``set_params`` has changed after the fit what is to be passed here.
        FitInterrupted
            On Ctrl-C; ``embedding_`` holds the map so far.
        """
        check_is_fitted(self, "embedding_")
        if isinstance(n_iter, bool) or not isinstance(n_iter, numbers.Integral) or n_iter < 1:
            raise ValueError(f"n_iter={n_iter!r} must be an integer of at least 1")
        changes = pipeline.Changes(exaggeration, learning_rate, momentum, dof)
        for name, value in changes._asdict().items():
            if value is not None:
                check("initial_momentum" if name == "momentum" else name, value)
        fit: Fit = self._fit
        for name in SCHEDULED:
            if getattr(self, name) != getattr(fit.params, name):
                raise ValueError(
                    f"{name}={getattr(self, name)!r} was set after the fit, which had "
                    f"{getattr(fit.params, name)!r}: pass it to optimize if it takes it, or fit "
                    "again"
                )
        later = {row.name: getattr(self, row.name) for row in TABLE if row.after_fit}
        params = replace(fit.params, **later).checked_later()
        with told_of_fit(self.callbacks, self):
            pipeline.resume(fit, params, int(n_iter), changes, self._keep)
        return self

    @explains_names("transform", TRANSFORM)
    def transform(
        self,
        X: Any,
        *,
        perplexity: float = placement.PERPLEXITY,
        exaggeration: float = placement.EXAGGERATION,
        max_iter: int = placement.MAX_ITER,
        n_neighbors: int | None = None,
    ) -> FloatArray:
        """Place new rows on the map, each on its own; the map does not move.

        Any number of threads may call it at once, with the bytes of one.

        Parameters
        ----------
        X : array_like, shape (m, d)
            New rows, like those of ``fit``.
        perplexity : float, default 5
            Effective number of fitted neighbours that pull a row; lowered, with a warning, where
            the map has too few rows for it.
        exaggeration : float, default 1.5
            Factor on that pull, as in openTSNE.
        max_iter : int, default 50
            Evaluations per row after its start; 0 returns the start, the best of the places of its
            nearest fitted rows and their mean.
        n_neighbors : int or None
            Fitted neighbours that are searched for; None for ``3 * perplexity``.

        Returns
        -------
        array, shape (m, c), float32
            ``transform(X)[i]`` equals ``transform(X[i:i + 1])[0]`` to the bit.

        Raises
        ------
        NotFittedError, ValueError
            Before ``fit``; for other columns than those of ``fit``; for a fit without features.
        TypeError
            For a parameter that is no number.
        """
        check_is_fitted(self, "embedding_")
        X = matrix_of(X)
        Y = frozen_of(self).transform(
            X,
            perplexity=perplexity,
            exaggeration=exaggeration,
            max_iter=max_iter,
            n_neighbors=n_neighbors,
            n_jobs=self.n_jobs,
        )
        back = returner(X)
        return Y if back is None else back(Y)

    def save(self, path: str | Path, *, affinities: bool = False) -> None:
        """Write the fitted model to one file of arrays and JSON; see ``TSNE.load``.

        The colours that ``gputsne.plot`` gave its labels are kept in it.

        Parameters
        ----------
        path : str or Path
            Written whole or not at all.
        affinities : bool, default False
            Keep P as well, so that ``optimize`` can go on, to the same bytes as without saving; 8
            bytes per edge.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        TypeError, ValueError
            For a path that is none, and a parameter that is a function or an object that JSON can't
            hold.
        """
        check_is_fitted(self, "embedding_")
        persistence.write(
            self._fit,
            path,
            affinities=affinities,
            palette=vars(self).get("palette_"),
            run=getattr(self, "run_", None),
            ids=vars(self).get("ids_"),
        )

    @classmethod
    def load(cls, path: str | Path, *, device: str | None = None) -> Self:
        """Read a model that ``save`` wrote, on any machine.

        Parameters
        ----------
        path : str or Path
            The file. Threads, ``verbose``, ``memory_limit`` and callbacks aren't in it.
        device : str, optional
            Where to run from now on; ``"auto"`` where the saved one isn't here.

        Returns
        -------
        TSNE
            Fitted.

        Raises
        ------
        TypeError, ValueError
            For a path that is none; the file is no model of gputsne, is damaged or of a newer
            format.
        OSError
            There is no such file, or it can't be read.
        """
        parameters, fit, palette, run, ids = persistence.read(path, device)
        model = cls._with(parameters)
        model._keep(fit)
        if run is not None:
            model._run = run
        if palette:
            model.palette_ = palette
        if ids is not None:
            model.ids_ = ids
        return model

    @classmethod
    def resume(
        cls,
        path: str | Path,
        *,
        minutes: float = 10.0,
        keep: bool = False,
        callbacks: Any = None,
        callbacks_every: int = 50,
        n_jobs: int | None = None,
        verbose: int = 0,
        memory_limit: int | str | None = None,
    ) -> Self:
        """Go on with a fit of which ``gputsne.callbacks.Checkpoint`` left a file; needs no data.

        Parameters
        ----------
        path : str or Path
            The file; it goes on being written, and is removed at the end.
        minutes : float, default 10
            Between two writings, as of ``Checkpoint``.
        keep : bool, default False
            Whether the files stay when the map is finished.
        callbacks : callable, list of callable or None
            As of ``TSNE``; like all that follow, it isn't in the file.
        callbacks_every : int, default 50
            Iterations between two calls.
        n_jobs : int or None
            Threads; the map doesn't depend on them.
        verbose : int, default 0
            Above 0: a progress bar on stderr.
        memory_limit : int, str or None
            Bytes the fit may take.

        Returns
        -------
        TSNE
            Fitted, with the bytes of a fit that was never interrupted.

        Raises
        ------
        ValueError
            The file is no checkpoint, is damaged, or was written by another version of gputsne,
            numpy or scipy, or on another device; the message says which.
        OSError
            There is no such file, or it can't be read.
        FitInterrupted
            On Ctrl-C; the file has it.
        """
        checkpoint = Checkpoint(path, minutes, resume=True, keep=keep)
        model = cls._with(peek(checkpoint).parameters)
        model.set_params(
            callbacks=callbacks,
            callbacks_every=callbacks_every,
            n_jobs=n_jobs,
            verbose=verbose,
            memory_limit=memory_limit,
        )
        given = {row.name: getattr(model, row.name) for row in TABLE}
        params = Parameters.of(given)
        every = [callbacks] if callable(callbacks) else list(callbacks or ())
        with told_of_fit(callbacks, model):
            pipeline.run(None, replace(params, callbacks=[checkpoint, *every]), model._keep)
        return model

    @classmethod
    def _with(cls, parameters: dict[str, Any]) -> Self:
        """Return an estimator with the parameters that a file holds."""
        known = cls._get_param_names()
        model = cls(**{name: value for name, value in parameters.items() if name in known})
        for name, value in parameters.items():  # those, too, that a subclass chooses itself
            setattr(model, name, value)
        return model

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
        known = self._get_param_names()
        for name in params:
            if name not in known and (remedy := explain(name, known, PARAMETERS)):
                raise ValueError(f"Invalid parameter {name!r} for TSNE: {remedy}")
        super().set_params(**params)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Keep the map in main memory: a pickle may be read where there is no GPU."""
        state: dict[str, Any] = super().__getstate__()
        state.pop("_returns", None)
        return state | {k: host(v) for k, v in state.items() if k == "embedding_"}

    @property
    def affinities_(self) -> Affinities:
        """P of the fitted map."""
        fit = vars(self).get("_fit")
        if fit is None or fit.P is None:
            raise AttributeError("affinities_ needs fit, or a model saved with affinities=True")
        P: Affinities = fit.P
        return P

    @property
    def fitted_map_(self) -> FittedMap:
        """What ``transform`` needs, frozen: for a thread, a fork or another process."""
        made: FittedMap | None = vars(self).get("_map")
        if made is not None:
            return made
        if "embedding_" not in vars(self):
            raise AttributeError("fitted_map_ needs fit")
        has = "P" if self._fit.params.affinity == "precomputed" else "distances"
        # An AttributeError, as hasattr, dir and the tab key of a shell expect of any attribute.
        raise AttributeError(f"transform needs features, and this map was fitted on {has}")

    @property
    def parameters_(self) -> dict[str, Any]:
        """Parameters of the fit, by name."""
        if "_fit" not in vars(self):
            raise AttributeError("parameters_ needs fit")
        return dict(vars(self._fit.params))

    @property
    def run_(self) -> Run:
        """Record of the fit."""
        made: Run | None = vars(self).get("_run")
        if made is not None:
            return made
        fit: Fit | None = vars(self).get("_fit")
        if fit is None or not fit.about:
            raise AttributeError("run_ needs fit, or a model saved since fits have had records")
        facts = describe(self) | dict(fit.about)
        if fit.prepared.preparation is not None:
            facts["pca_variance_ratio"] = fit.prepared.preparation.variance_ratio
        if fit.result is not None:
            facts["map_sha256"] = map_sha256(fit.result.state.Y)
        made = Run(**facts)
        if self._fit is fit:  # not fitted again by another thread meanwhile
            self._run = made
        return made

    @property
    def _n_features_out(self) -> int:
        return int(self.embedding_.shape[1])

    def _keep(self, fit: Fit) -> None:
        """Take over what a fit has so far; called at its end, and on Ctrl-C."""
        kept: dict[str, Any] = {
            "_fit": fit,
            "_run": None,
            "device_": fit.device,
            "device_reason_": fit.device_reason,
            "timings_": dict(fit.timings),
            "neighbors_recall_": fit.prepared.recall,
        }
        learned = fit.prepared.preparation
        if learned is not None:
            kept["n_features_in_"] = learned.n_features_in
            if learned.feature_names is not None:
                kept["feature_names_in_"] = np.asarray(learned.feature_names, dtype=object)
        elif fit.P is not None:
            kept["n_features_in_"] = fit.P.n
        if fit.result is not None:
            kept |= self._of_map(fit, fit.result)
        self.__dict__.update(kept)  # in one step: a Ctrl-C leaves all of it or none

    def _of_map(self, fit: Fit, result: Result) -> dict[str, Any]:
        """Return the attributes that a map has."""
        back = vars(self).get("_returns")
        Y = result.state.Y.copy()
        return {
            "_map": FittedMap.of(fit, vars(self).get("_map")),
            "embedding_": Y if back is None else back(Y),
            "n_iter_": result.state.iteration,
            "kl_divergence_": result.kl_divergence,
            "kl_history_": np.asarray(result.history, dtype=np.float64).reshape(-1, 2),
            "learning_rate_": result.learning_rate,
            "mesh_": mesh_facts(result),
        }

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


load = TSNE.load
