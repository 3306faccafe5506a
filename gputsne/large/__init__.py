"""More rows than one fit takes: a map of a sample, the rest placed in shards, parts merged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gputsne.large.inputs import Inputs, files_in
from gputsne.large.merging import merge
from gputsne.large.parts import Manifest, Shard
from gputsne.large.shards import Placed, place_shard

if TYPE_CHECKING:
    from gputsne.large.fitting import LargeMap, SampledTSNE, fit_large

__all__ = [
    "Inputs",
    "LargeMap",
    "Manifest",
    "Placed",
    "SampledTSNE",
    "Shard",
    "files_in",
    "fit_large",
    "merge",
    "place_shard",
]


def __getattr__(name: str) -> Any:
    """Import what fits when it is asked for: parts are placed and merged without scikit-learn."""
    if name not in ("LargeMap", "SampledTSNE", "fit_large"):
        raise AttributeError(f"module 'gputsne.large' has no attribute {name!r}")
    from gputsne.large import fitting

    return globals().setdefault(name, getattr(fitting, name))
