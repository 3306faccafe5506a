"""MLflow as a tracker: through its client, which has no run that is the active one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from gputsne.callbacks.tracker import Tracker
from gputsne.provenance import Run

__all__ = ["MLflow"]

ENDS: Final = {"done": "FINISHED", "interrupted": "KILLED", "terminated": "KILLED",
               "deadline": "KILLED"}  # fmt: skip
LONGEST: Final = 500  # characters of a parameter, as MLflow's older servers took them


class MLflow(Tracker):
    """Write fits down in MLflow: a server, a database such as sqlite, or a folder.

    Parameters
    ----------
    experiment : str, default "gputsne"
        Made if there is none.
    uri : str or None
        Where: "http://host:5000", "sqlite:////path/runs.db", a folder; None: what
        ``MLFLOW_TRACKING_URI`` says, or MLflow's default.
    artifacts : str or None
        Folder or address for the files of an experiment that is made now; None: MLflow's choice.
    **how : object
        ``name``, ``tags``, ``measure``, ``labels`` and ``thumbnail`` of `Tracker`.

    Raises
    ------
    DependencyMissing
        mlflow isn't installed: the extra ``mlflow`` brings its client, or install all of mlflow.

    Notes
    -----
    A run has the parameters of TSNE, the metric ``kl_divergence`` by iteration, times as
    ``seconds/stage``, the tag ``gputsne.run`` with the id of ``model.run_``, and the files
    run.json, embedding.parquet (npy without pyarrow) and map.png. A fit that was cut short ends as
    KILLED, one that failed as FAILED. A server that is gone is waited for as
    ``MLFLOW_HTTP_REQUEST_MAX_RETRIES`` says, once per fit.

    Examples
    --------
    >>> tracker = MLflow("digits", uri="sqlite:///runs.db", tags={"owner": "ana"})
    >>> tracker.ids
    []
    """

    package: ClassVar[str] = "mlflow"

    def __init__(
        self,
        experiment: str = "gputsne",
        *,
        uri: str | None = None,
        artifacts: str | None = None,
        **how: Any,
    ) -> None:
        super().__init__(**how)
        self.experiment, self.uri, self.artifacts = experiment, uri, artifacts

    def _begin(self, parameters: dict[str, Any]) -> tuple[Any, str]:
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=self.uri)
        run = client.create_run(self._experiment(client), tags=self.tags, run_name=self.name)
        handle = client, run.info.run_id
        self._parameters(handle, parameters)
        return handle, run.info.run_id

    def _experiment(self, client: Any) -> str:
        """Return the id of the experiment, made if there is none."""
        from mlflow.exceptions import MlflowException

        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            try:
                made: str = client.create_experiment(self.experiment, self.artifacts)
                return made
            except MlflowException:  # another thread or process was faster
                found = client.get_experiment_by_name(self.experiment)
                if found is None:
                    raise
        known: str = found.experiment_id
        return known

    @staticmethod
    def _parameters(handle: Any, parameters: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        client, run_id = handle
        told = [Param(k, str(v)[:LONGEST]) for k, v in parameters.items()]
        client.log_batch(run_id, params=told)

    def _log(self, handle: Any, values: dict[str, float], iteration: int) -> None:
        client, run_id = handle
        for name, value in values.items():
            client.log_metric(run_id, name, value, step=iteration)

    def _finish(
        self, handle: Any, run: Run, values: dict[str, float], files: dict[str, Path]
    ) -> None:
        client, run_id = handle
        client.set_tag(run_id, "gputsne.run", run.id)
        for name, text in (("device", run.device), ("error", run.error), *run.tags.items()):
            if text is not None:
                client.set_tag(run_id, f"gputsne.{name}", text)
        self._log(handle, values, run.n_iter or 0)
        for path in files.values():
            client.log_artifact(run_id, str(path))

    def _close(self, handle: Any, status: str) -> None:
        client, run_id = handle
        client.set_terminated(run_id, ENDS.get(status, "FAILED"))
