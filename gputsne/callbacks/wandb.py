"""Weights & Biases and Trackio as trackers: a run object each, whose step is the iteration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from gputsne.callbacks.tracker import Tracker
from gputsne.provenance import Run

__all__ = ["Trackio", "Wandb"]


class Wandb(Tracker):
    """Write fits down in Weights & Biases, online or in a folder.

    Parameters
    ----------
    project : str, default "gputsne"
        Made if there is none.
    mode : {"online", "offline", "disabled"} or None
        None: what ``WANDB_MODE`` says. Offline runs lie in ``dir``, for ``wandb sync``.
    dir : str or Path or None
        Folder of the run's files; None: what ``WANDB_DIR`` says, or wandb's default.
    options : dict or None
        Further arguments of ``wandb.init``, such as ``entity`` or ``group``.
    **how : object
        ``name``, ``tags``, ``measure``, ``labels`` and ``thumbnail`` of `Tracker`.

    Raises
    ------
    DependencyMissing
        wandb isn't installed: the extra ``wandb`` brings it.

    Notes
    -----
    A run has the parameters of TSNE as its config, ``kl_divergence`` by iteration, and at the end
    times as ``seconds/stage``, the picture ``map``, and an artifact of type "embedding" with
    run.json and embedding.parquet (npy without pyarrow). Tags are ``key=value``; the summary has
    ``gputsne_run``, the id of ``model.run_``, and ``status``.

    Examples
    --------
    >>> tracker = Wandb("digits", mode="offline", tags={"owner": "ana"})
    >>> tracker.ids
    []
    """

    package: ClassVar[str] = "wandb"

    def __init__(
        self,
        project: str = "gputsne",
        *,
        mode: str | None = None,
        dir: str | Path | None = None,
        options: dict[str, Any] | None = None,
        **how: Any,
    ) -> None:
        super().__init__(**how)
        self.project, self.mode, self.dir, self.options = project, mode, dir, dict(options or {})

    def _begin(self, parameters: dict[str, Any]) -> tuple[Any, str]:
        import wandb

        asked = {
            "project": self.project, "name": self.name, "mode": self.mode,
            "dir": None if self.dir is None else str(self.dir),
            "tags": [f"{k}={v}" for k, v in self.tags.items()], "config": parameters,
            "reinit": "create_new",  # beside runs that others have open
        }  # fmt: skip
        run = wandb.init(**(asked | self.options))
        return run, str(run.id)

    def _log(self, handle: Any, values: dict[str, float], iteration: int) -> None:
        handle.log(values, step=iteration)

    def _finish(
        self, handle: Any, run: Run, values: dict[str, float], files: dict[str, Path]
    ) -> None:
        import wandb

        handle.summary.update(
            {**values, "gputsne_run": run.id, "status": run.status, "device": run.device}
        )
        if "picture" in files:
            handle.log({"map": wandb.Image(str(files["picture"]))}, step=run.n_iter)
        artifact = wandb.Artifact(
            f"embedding-{handle.id}", type="embedding", metadata=dict(run.tags)
        )
        for what in ("record", "map"):
            if what in files:
                artifact.add_file(str(files[what]))
        handle.log_artifact(artifact)

    def _close(self, handle: Any, status: str) -> None:
        handle.finish(exit_code=0 if status == "done" else 1)


class Trackio(Tracker):
    """Write fits down with Trackio, in a local folder or on a server.

    The folder is what the environment variable ``TRACKIO_DIR`` says when trackio is first imported.

    Parameters
    ----------
    project : str, default "gputsne"
        Made if there is none.
    options : dict or None
        Further arguments of ``trackio.init``, such as ``space_id`` or ``group``.
    **how : object
        ``name``, ``tags``, ``measure``, ``labels`` and ``thumbnail`` of `Tracker`.

    Raises
    ------
    DependencyMissing
        trackio isn't installed: the extra ``trackio`` brings it.

    Notes
    -----
    A run has parameters and tags as its config, ``kl_divergence`` by iteration, and at the end
    times as ``seconds/stage``, the picture ``map``, ``gputsne_run`` (the id of ``model.run_``) and
    an artifact of type "embedding". trackio prints where it writes.
    """

    package: ClassVar[str] = "trackio"

    def __init__(
        self, project: str = "gputsne", *, options: dict[str, Any] | None = None, **how: Any
    ) -> None:
        super().__init__(**how)
        self.project, self.options = project, dict(options or {})

    def _begin(self, parameters: dict[str, Any]) -> tuple[Any, str]:
        import trackio

        asked = {
            "project": self.project, "name": self.name, "embed": False,
            "config": {**parameters, **{f"tag.{k}": v for k, v in self.tags.items()}},
        }  # fmt: skip
        run = trackio.init(**(asked | self.options))
        return run, str(run.id)

    def _log(self, handle: Any, values: dict[str, float], iteration: int) -> None:
        handle.log(values, step=iteration)

    def _finish(
        self, handle: Any, run: Run, values: dict[str, float], files: dict[str, Path]
    ) -> None:
        import trackio

        told: dict[str, Any] = {**values, "gputsne_run": run.id, "status": run.status}
        if "picture" in files:
            told["map"] = trackio.Image(str(files["picture"]))
        handle.log(told, step=run.n_iter)
        artifact = trackio.Artifact(f"embedding-{handle.id}", type="embedding")
        for what in ("record", "map"):
            if what in files:
                artifact.add_file(str(files[what]))
        handle.log_artifact(artifact)

    def _close(self, handle: Any, status: str) -> None:
        import trackio

        handle.finish()
        if trackio.context_vars.current_run.get() is handle:
            trackio.context_vars.current_run.set(None)  # or the next fit would end it again
