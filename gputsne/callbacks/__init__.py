"""Callbacks beside one's own functions: a checkpoint of a fit, and trackers of experiments.

``Checkpoint`` keeps a fit in a file while it runs. ``Tracker`` is what MLflow, Weights & Biases and
Trackio have in common, and what one for another service is derived from. None of these packages is
imported before a fit begins. docs/guide.md and docs/tracking.md show them.
"""

from gputsne.callbacks.mlflow import MLflow
from gputsne.callbacks.tracker import Tracker
from gputsne.callbacks.wandb import Trackio, Wandb
from gputsne.model.checkpoint import Checkpoint

__all__ = ["Checkpoint", "MLflow", "Tracker", "Trackio", "Wandb"]
