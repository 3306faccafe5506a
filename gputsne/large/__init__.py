"""More rows than one fit takes: a map of a sample, the rest placed in shards, parts merged."""

from gputsne.large.fitting import LargeMap, SampledTSNE, fit_large
from gputsne.large.inputs import Inputs, files_in
from gputsne.large.merging import merge
from gputsne.large.parts import Manifest, Shard
from gputsne.large.shards import Placed, place_shard

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
