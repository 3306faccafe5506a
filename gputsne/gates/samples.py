"""sample_evidence: what records of ``gputsne sample`` tell of a sample and of its repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gputsne.provenance.evidence import coverage_of

__all__ = ["is_sample", "sample_evidence"]

SCHEMA = "gputsne.sample/"  # records of samples begin so
ASKED = ("method", "rows", "of", "seed", "by", "inputs")  # what makes one sample another's repeat


def is_sample(told: Any) -> bool:
    """Tell whether a mapping is the record of a sample.

    Parameters
    ----------
    told : object
        What a JSON file holds.

    Returns
    -------
    bool
    """
    return isinstance(told, Mapping) and str(told.get("schema", "")).startswith(SCHEMA)


def sample_evidence(records: Sequence[Mapping[str, Any]]) -> dict[str, float | str]:
    """Return the evidence of a sample, and of others that were to be the same rows.

    Parameters
    ----------
    records : sequence of mapping
        What ``gputsne sample --record`` wrote; the first is the sample, the others may be repeats
        of it: of the same table, size, method and seed.

    Returns
    -------
    dict of str to float or str
        ``sample_coverage``, and with a repeat ``sample_reproduced``, 1 or 0.

    Examples
    --------
    >>> told = {"method": "random", "rows": 5, "of": 9, "seed": 0, "sha256": "ab"}
    >>> sample_evidence([told, told])
    {'sample_reproduced': 1.0}
    """
    found: dict[str, float | str] = {}
    if not records:
        return found
    own, *others = records
    coverage = coverage_of(own.get("coverage"))
    if coverage is not None:
        found["sample_coverage"] = coverage
    repeats = [r for r in others if all(r.get(name) == own.get(name) for name in ASKED)]
    if repeats:
        same = all(repeat.get("sha256") == own.get("sha256") for repeat in repeats)
        found["sample_reproduced"] = float(same)
    return found
