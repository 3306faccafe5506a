"""First maps, usable alone: X' or P to Y0 by PCA, by the spectrum of P, by noise, or as given.

The first axis has an sd of 1e-4, and one seed gives the same bytes for any number of threads.
``STARTS`` is the table of all of them.
"""

from gputsne.initial.given import from_array
from gputsne.initial.laplacian import spectral
from gputsne.initial.noise import random
from gputsne.initial.principal import pca
from gputsne.initial.table import STARTS, Start, initial

__all__ = ["STARTS", "Start", "from_array", "initial", "pca", "random", "spectral"]
