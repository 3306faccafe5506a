"""What does the optimiser see of the user's X? Finite float32 rows, and how to make them again."""

from gputsne.preparation.fitting import prepare
from gputsne.preparation.preparation import Preparation

__all__ = ["Preparation", "prepare"]
