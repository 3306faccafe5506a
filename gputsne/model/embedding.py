"""The model without scikit-learn: parameters, a fit, its map, and the file that keeps them.

``gputsne.TSNE`` is this under scikit-learn's classes, whose import takes longer than a small fit:
the command line does without.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from gputsne.base.arrays import host, returner
from gputsne.base.parameter_table import BY_NAME, TABLE, check
from gputsne.base.tables import admitted
from gputsne.base.types import Affinities, FloatArray
from gputsne.engine import placement
from gputsne.engine.optimize import Result
from gputsne.model import persistence, pipeline
from gputsne.model.about import mesh_facts
from gputsne.model.callbacks import told_of_fit
from gputsne.model.checkpoint import Checkpoint, peek
from gputsne.model.fitted import FittedMap, frozen_of
from gputsne.model.foreign import (
    OPTIMIZE,
    PARAMETERS,
    TRANSFORM,
    explain,
    explains_names,
    has_no_parameter,
)
from gputsne.model.input import matrix_of
from gputsne.model.parameters import Parameters
from gputsne.model.records import Fit
from gputsne.provenance import Run
from gputsne.provenance.facts import describe, map_sha256

__all__ = ["Embedding"]

# What ``optimize`` could be thought to read again: changed after the fit, it is refused there.
SCHEDULED = (
    "schedule", "early_exaggeration", "early_exaggeration_iter", "exaggeration", "learning_rate",
    "initial_momentum", "final_momentum", "max_step", "dof",
)  # fmt: skip
PRIVATE = ("_fit", "_map", "_returns", "_run")


class Embedding:
    """A fit of TSNE and the map that it leaves; what it is to scikit-learn is TSNE's alone.

    Parameters
    ----------
    **parameters : object
        Those of ``gputsne.TSNE``, which documents them and the attributes of a fitted model.
    """

    affinity: Any
    callbacks: Any
    n_jobs: int | None
    memory_limit: int | str | None
    embedding_: Any
    palette_: dict[str, str]
    ids_: Any
    _fit: Fit

    def __init__(self, **parameters: Any) -> None:
        for name in parameters:
            if name not in BY_NAME:
                raise has_no_parameter("TSNE", name, BY_NAME, PARAMETERS)
        self._store({row.name: row.default for row in TABLE} | parameters)

    def _store(self, given: Mapping[str, Any]) -> None:
        """Keep parameters as they were given; fit checks them."""
        for row in TABLE:
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
        self._check_fitted()
        if isinstance(n_iter, bool) or not isinstance(n_iter, numbers.Integral) or n_iter < 1:
            raise ValueError(f"n_iter={n_iter!r} must be an integer of at least 1")
        changes = pipeline.Changes(exaggeration, learning_rate, momentum, dof)
        for name, value in changes._asdict().items():
            if value is not None:
                check("initial_momentum" if name == "momentum" else name, value)
        fit = self._fit
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
        self._check_fitted()
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
        self._check_fitted()
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

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Return the names of the parameters, sorted, as scikit-learn's method of this name."""
        return sorted(BY_NAME)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; ``deep`` is scikit-learn's and changes nothing."""
        return {name: getattr(self, name) for name in self._get_param_names()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters for the next fit; see ``TSNE.set_params``."""
        self._refuse_foreign(params)
        for name, value in params.items():
            if name not in BY_NAME:
                raise ValueError(f"Invalid parameter {name!r} for TSNE")
            setattr(self, name, value)
        return self

    def _refuse_foreign(self, names: Iterable[str]) -> None:
        """Raise ValueError for another library's parameter, with the counterpart."""
        known = self._get_param_names()
        for name in names:
            if name not in known and (remedy := explain(name, known, PARAMETERS)):
                raise ValueError(f"Invalid parameter {name!r} for TSNE: {remedy}")

    def _check_fitted(self) -> None:
        """Raise scikit-learn's error where there is no map yet, in its words."""
        if not hasattr(self, "embedding_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with "
                "appropriate arguments before using this estimator."
            )

    def __getstate__(self) -> dict[str, Any]:
        """Keep the map in main memory: a pickle may be read where there is no GPU."""
        state: dict[str, Any] = dict(vars(self))
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
