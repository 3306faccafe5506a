"""What can a fitted model do? Go on, place new rows, be saved, and say how its map came about."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from gputsne.base.arrays import host, returner
from gputsne.base.types import Affinities, FloatArray
from gputsne.engine.optimize import Result
from gputsne.model import pipeline
from gputsne.model.parameters import Parameters

__all__ = ["Fitted"]


class Fitted(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The half of ``TSNE`` that comes after ``fit``."""

    def optimize(
        self, n_iter: int, *, exaggeration: float | None = None, learning_rate: float | None = None
    ) -> Self:
        """Go on from where the fit stopped, with its momentum.

        Parameters
        ----------
        n_iter : int
            Iterations to add.
        exaggeration, learning_rate : float, optional
            Other values than the estimator's, for these iterations.

        Returns
        -------
        TSNE
            The estimator itself.

        Raises
        ------
        ValueError
            ``n_iter`` is below 1, or the model was loaded without P.
        """
        check_is_fitted(self, "embedding_")
        if isinstance(n_iter, bool) or not isinstance(n_iter, int | np.integer) or n_iter < 1:
            raise ValueError(f"n_iter={n_iter!r} must be an integer of at least 1")
        if self._run.P is None:
            raise ValueError(
                "this model has no P: save it with affinities=True to go on from a file"
            )
        changed = {
            "exaggeration": exaggeration,
            "early_exaggeration": exaggeration if self.early_exaggeration_iter else None,
            "learning_rate": learning_rate,
        }
        given = self.get_params(deep=False) | {k: v for k, v in changed.items() if v is not None}
        params = Parameters.of(given)
        try:
            pipeline.resume(self._run, params, int(n_iter))
        finally:
            self._keep(self._run, params)
        return self

    def transform(
        self, X: Any, *, perplexity: float = 5.0, exaggeration: float = 1.5
    ) -> FloatArray:
        """Place new rows on the map, each on its own; the map does not move.

        Parameters
        ----------
        X : array_like, shape (m, d)
            New rows, like those of ``fit``.
        perplexity : float, default 5
            Effective number of fitted neighbours that pull a row; lowered, with a warning, where
            the map has too few rows for it.
        exaggeration : float, default 1.5
            Factor on that pull, as in openTSNE.

        Returns
        -------
        array, shape (m, c), float32
            ``transform(X)[i]`` equals ``transform(X[i:i + 1])[0]`` to the bit.

        Raises
        ------
        NotFittedError, ValueError
            Before ``fit``; for other columns than those of ``fit``; for a fit without features.
        """
        check_is_fitted(self, "embedding_")
        if self._run.preparation is None:
            raise ValueError(
                "transform needs features, and this map was fitted on "
                f"{'P' if self.affinity == 'precomputed' else 'distances'}"
            )
        Y = pipeline.place(
            self._run, self._parameters(), X, perplexity=perplexity, exaggeration=exaggeration
        )
        back = returner(X)
        return Y if back is None else back(Y)

    def save(self, path: str | Path, *, affinities: bool = False) -> None:
        """Write the fitted model to one file of arrays and JSON; see ``TSNE.load``.

        Parameters
        ----------
        path : str or Path
            Written whole or not at all.
        affinities : bool, default False
            Keep P as well, so that ``optimize`` can go on; 8 bytes an edge.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            A parameter is a function or an object that JSON can't hold.
        """
        check_is_fitted(self, "embedding_")
        from gputsne.model import persistence

        persistence.save(self.get_params(deep=False), self._run, path, affinities=affinities)

    @classmethod
    def load(cls, path: str | Path, *, device: str | None = None) -> Self:
        """Read a model that ``save`` wrote, on any machine.

        Parameters
        ----------
        path : str or Path
            The file.
        device : str, optional
            Where to run from now on; ``"auto"`` where the saved one isn't here.

        Returns
        -------
        TSNE
            Fitted.

        Raises
        ------
        ValueError
            The file is no model of gputsne, is damaged or of a newer format.
        """
        from gputsne.model import persistence

        parameters, run = persistence.load(path, device)
        model = cls(**parameters)
        model._keep(run)
        return model

    def __getstate__(self) -> dict[str, Any]:
        """Keep the map in main memory: a pickle may be read where there is no GPU."""
        state: dict[str, Any] = super().__getstate__()
        return state | {k: host(v) for k, v in state.items() if k == "embedding_"}

    @property
    def affinities_(self) -> Affinities:
        """P of the fitted map."""
        run = vars(self).get("_run")
        if run is None or run.P is None:
            raise AttributeError("affinities_ needs fit, or a model saved with affinities=True")
        P: Affinities = run.P
        return P

    @property
    def _n_features_out(self) -> int:
        return int(self.embedding_.shape[1])

    def _parameters(self) -> Parameters:
        return Parameters.of(self.get_params(deep=False))

    def _keep(self, run: pipeline.Run, params: Parameters | None = None) -> None:
        """Take over what a run has so far; called at its end and on Ctrl-C."""
        self._run = run
        self.device_, self.device_reason_ = run.choice.device, run.choice.reason
        self.timings_ = dict(run.watch.timings)
        self.neighbors_recall_ = run.recall
        if run.preparation is not None:
            self.n_features_in_ = run.preparation.n_features_in
            if run.preparation.feature_names is not None:
                self.feature_names_in_ = np.asarray(run.preparation.feature_names, dtype=object)
        elif run.P is not None:
            self.n_features_in_ = run.P.n
        if run.result is not None and run.field is not None:
            self._keep_result(run.result, run, params or self._parameters())

    def _keep_result(self, result: Result, run: pipeline.Run, params: Parameters) -> None:
        self.embedding_ = run.back(result.state.Y) if run.back else result.state.Y
        self.n_iter_ = result.state.iteration
        self.kl_divergence_ = result.kl_divergence
        self.kl_history_ = np.asarray(result.history, dtype=np.float64).reshape(-1, 2)
        self.learning_rate_ = params.schedule_for(len(result.state.Y))(
            max(self.n_iter_ - 1, 0)
        ).learning_rate
        assert run.field is not None
        mesh, exact = run.field.mesh, run.field.is_exact(*result.state.Y.shape)
        self.mesh_: dict[str, Any] = {
            "method": "exact" if exact else "mesh",
            "rebuilds": run.field.rebuilds,
        }
        if mesh is not None:
            self.mesh_ |= {
                "h": mesh.h,
                "order": mesh.order,
                "nodes": mesh.shape,
                "pair": run.field.pair,
                "widened": run.field.widened,
            }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]  # the map is float32 whatever X is
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.impute is not None
        tags.input_tags.pairwise = self.metric == "precomputed" or self.affinity == "precomputed"
        return tags
