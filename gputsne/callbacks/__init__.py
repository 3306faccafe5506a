"""Callbacks that write a fit down in an experiment tracker: MLflow, Weights & Biases, Trackio.

``Tracker`` is what they have in common, and what one for another service is derived from. None of
the packages is imported before a fit begins. docs/tracking.md shows them.
"""

from gputsne.callbacks.mlflow import MLflow
from gputsne.callbacks.tracker import Tracker
from gputsne.callbacks.wandb import Trackio, Wandb

__all__ = ["MLflow", "Tracker", "Trackio", "Wandb"]
