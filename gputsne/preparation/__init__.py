"""X becomes X': finite float32 rows, and what was learned to make the same of new rows."""

from gputsne.preparation.fitting import prepare
from gputsne.preparation.preparation import Preparation

__all__ = ["Preparation", "prepare"]
