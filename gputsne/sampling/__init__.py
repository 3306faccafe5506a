"""Fewer rows for a map, chosen so that they stand for all: from arrays and from streams.

docs/sampling.md shows it.
"""

from gputsne.sampling.blocks import sample_blocks
from gputsne.sampling.choosing import Sample, sample
from gputsne.sampling.coverage import Coverage, coverage
from gputsne.sampling.reservoir import Reservoir

__all__ = ["Coverage", "Reservoir", "Sample", "coverage", "sample", "sample_blocks"]
