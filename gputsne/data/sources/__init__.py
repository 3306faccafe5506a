"""Sources: rows that stay where they are (memmap, npy or parquet shards, zarr), read by blocks."""

from __future__ import annotations

from gputsne.data.sources.opening import open_source
from gputsne.data.sources.shard import Shard, Stamp
from gputsne.data.sources.source import ShardRows, Source

__all__ = ["Shard", "ShardRows", "Source", "Stamp", "open_source"]
