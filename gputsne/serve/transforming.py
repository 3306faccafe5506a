"""New rows placed into a stored model: models that were used last stay loaded."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

from gputsne.base.errors import DeadlineExceeded, GputsneError, Refused
from gputsne.base.forks import Lock
from gputsne.base.types import FloatArray
from gputsne.data.named import with_names
from gputsne.serve.catalogue import Entry
from gputsne.serve.rows import Rows

__all__ = ["Models"]

MODEL: Final = "model.npz"
LOADED: Final = 3  # models that stay in memory
SHOWN: Final = 8  # names in a message


class Models:
    """The models that were used last.

    Parameters
    ----------
    n_jobs : int
        Threads of one transform.
    """

    def __init__(self, n_jobs: int) -> None:
        self.n_jobs = n_jobs
        self._loaded: OrderedDict[str, Any] = OrderedDict()
        self._lock = Lock()

    def place(self, entry: Entry, rows: Rows) -> FloatArray:
        """Return where rows lie on a run's map.

        Parameters
        ----------
        entry : Entry
            The run.
        rows : Rows
            With the columns of the fit, by name or in its order.

        Returns
        -------
        array, shape (m, c), float32

        Raises
        ------
        Refused
            404: the run has no model. 400: other columns than those of the fit.
        """
        model = self.model(entry)
        X = _as_fitted(rows, model)
        try:
            placed: FloatArray = model.transform(X)
        except DeadlineExceeded:
            raise
        except (ValueError, GputsneError) as error:
            raise Refused(400, str(error)) from error
        return placed

    def model(self, entry: Entry) -> Any:
        """Return the model of a run, loaded where it wasn't; Refused (404) where it has none."""
        if MODEL not in entry.stamps:
            raise Refused(404, f"{entry.id} has no model: store one by gputsne embed --store")
        key = f"{entry.id} {entry.stamps[MODEL]}"
        with self._lock.held():  # one at a time: two that load at once would take the memory of two
            if key not in self._loaded:
                self._loaded[key] = self._load(entry)
                while len(self._loaded) > LOADED:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(key)
            return self._loaded[key]

    def _load(self, entry: Entry) -> Any:
        from gputsne.model.embedding import Embedding

        with tempfile.TemporaryDirectory(prefix="gputsne-") as folder:
            path = Path(folder, MODEL)
            entry.fetch(MODEL, path)
            try:
                return Embedding.load(path).set_params(n_jobs=self.n_jobs)
            except (ValueError, KeyError, TypeError, EOFError, BadZipFile, GputsneError) as error:
                said = f"{MODEL} of {entry.id} is damaged, or no model that gputsne saved"
                raise Refused(422, said) from error

    def names(self, entry: Entry) -> tuple[str, ...]:
        """Return the names of the columns that a run's model was fitted to; none: ()."""
        return tuple(map(str, getattr(self.model(entry), "feature_names_in_", ())))


def _as_fitted(rows: Rows, model: Any) -> Any:
    """Return the features in the order of the fit, under its names."""
    names = getattr(model, "feature_names_in_", None)
    want, X = model.n_features_in_, rows.X
    if names is not None and rows.names is not None:
        there = {name: j for j, name in enumerate(rows.names)}
        missing = [str(name) for name in names if str(name) not in there]
        if missing:
            listed = ", ".join(missing[:SHOWN]) + (", ..." if len(missing) > SHOWN else "")
            raise Refused(400, f"the model was fitted to columns that are missing: {listed}")
        X = X[:, [there[str(name)] for name in names]]
    if X.shape[1] != want:
        said = f"{X.shape[1]} columns were sent, the model was fitted to {want}"
        if rows.left_out:
            said += f"; these have cells that are no numbers: {', '.join(rows.left_out[:SHOWN])}"
        raise Refused(400, said)
    return X if names is None else with_names(X, [str(name) for name in names])
