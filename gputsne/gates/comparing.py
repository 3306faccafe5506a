"""What two records say of each other: data, libraries, parameters, samples, columns; no files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gputsne.provenance import Run
from gputsne.provenance.evidence import coverage_of

__all__ = ["circumstances", "is_repeat", "reproduction", "same_data", "schema"]

Evidence = dict[str, float | str]
IDLE = ("verbose", "callbacks_every", "n_jobs")  # parameters that change no bit of a map
LISTED = 5  # names in a sentence, at most


def same_data(run: Run, other: Run) -> bool | None:
    """Tell whether two runs read the same values; None where their records don't tell."""
    for name in ("data_sha256", "sha256"):
        one, two = run.input.get(name), other.input.get(name)
        if one is not None and two is not None:
            # one file may hold several tables
            chosen = run.input.get("selection") == other.input.get("selection")
            return one == two if name == "data_sha256" else (one == two and chosen)
    return None


def circumstances(run: Run, baseline: Run) -> Evidence:
    """Return in what a run is like its baseline, and what made a difference.

    Parameters
    ----------
    run, baseline : Run
        Two records.

    Returns
    -------
    dict
        ``same_data, same_versions, same_parameters, same_map``, 1 or 0 where the records tell;
        ``versions_changed`` and ``parameters_changed`` in words.
    """
    found: Evidence = {}
    told = same_data(run, baseline)
    if told is not None:
        found["same_data"] = float(told)
    if run.map_sha256 is not None and baseline.map_sha256 is not None:
        found["same_map"] = float(run.map_sha256 == baseline.map_sha256)
    pairs = {
        "versions": (baseline.versions, run.versions),
        "parameters": (_telling(baseline), _telling(run)),
    }
    for what, (old, new) in pairs.items():
        if old and new:
            changed = _changed(old, new)
            found[f"same_{what}"] = float(not changed)
            found[f"{what}_changed"] = _listed(changed) or "none"
    return found


def is_repeat(run: Run, other: Run) -> bool:
    """Tell whether two runs must have the same map: data, parameters, seed, libraries and device.

    Parameters
    ----------
    run, other : Run
        Two records.

    Returns
    -------
    bool
        False where a record doesn't tell, too.
    """
    told = circumstances(run, other)
    known = [told.get(name) for name in ("same_data", "same_parameters", "same_versions")]
    alike = run.device == other.device and run.previous == other.previous
    return known == [1.0] * 3 and alike and run.seed is not None and run.id != other.id


def reproduction(run: Run, others: Sequence[Run]) -> Evidence:
    """Return whether repeats of a run, and of its sample, gave the same.

    Parameters
    ----------
    run : Run
        The record.
    others : sequence of Run
        Runs among which repeats are looked for.

    Returns
    -------
    dict
        ``reproduced`` and ``sample_reproduced``, 1 or 0; neither without a repeat. A run of all
        rows has no sample that could differ.
    """
    found: Evidence = {}
    maps = [other.map_sha256 for other in others if is_repeat(run, other)]
    maps = [sha for sha in maps if sha is not None]
    if maps and run.map_sha256 is not None:
        found["reproduced"] = float(all(sha == run.map_sha256 for sha in maps))
    if run.sample is None:
        if run.input:
            found |= {"sample_coverage": 1.0, "sample_reproduced": 1.0}
        return found
    coverage = coverage_of(run.sample.get("coverage"))
    if coverage is not None:
        found["sample_coverage"] = coverage
    drawn = [other.sample for other in others if _draws_alike(run, other)]
    if drawn:
        mine = run.sample.get("sha256")
        found["sample_reproduced"] = float(all(s and s.get("sha256") == mine for s in drawn))
    return found


def _draws_alike(run: Run, other: Run) -> bool:
    """Tell whether another run's sample was to be the same rows."""
    if run.id == other.id or run.sample is None or other.sample is None:
        return False
    asked = [{k: s.get(k) for k in ("method", "rows", "of")} for s in (run.sample, other.sample)]
    file, other_file = run.input.get("sha256"), other.input.get("sha256")
    source = run.sample.get("source_sha256"), other.sample.get("source_sha256")
    same = (file is not None and file == other_file) or (
        source[0] is not None and source[0] == source[1]
    )
    seeds = run.sample.get("seed"), other.sample.get("seed")
    return same and asked[0] == asked[1] and seeds[0] == seeds[1]


def schema(run: Run, baseline: Run) -> Evidence:
    """Return how the columns of a run differ from its baseline's.

    Parameters
    ----------
    run, baseline : Run
        Two records.

    Returns
    -------
    dict
        ``schema_dropped, schema_new, schema_retyped``, numbers of columns, each with ``_names``;
        ``null_rate_change``, the largest change of a share of missing values, and
        ``null_rate_column``. By name where all columns have one, else by place. Empty where the
        records don't tell.
    """
    old, new = _columns(baseline), _columns(run)
    if old is None or new is None:
        return {}
    if not (_named(old) and _named(new)):
        old, new = _numbered(old), _numbered(new)
    was = {str(c["name"]): c for c in old}
    now = {str(c["name"]): c for c in new}
    both = [name for name in was if name in now]
    lists = {
        "dropped": [name for name in was if name not in now],
        "new": [name for name in now if name not in was],
        "retyped": [
            f"{name} ({was[name]['dtype']}, now {now[name]['dtype']})"
            for name in both
            if None not in (was[name].get("dtype"), now[name].get("dtype"))
            and was[name]["dtype"] != now[name]["dtype"]
        ],
    }
    found: Evidence = {}
    for what, names in lists.items():
        found[f"schema_{what}"] = float(len(names))
        found[f"schema_{what}_names"] = _listed(names) or "none"
    rates = {
        name: abs(now[name]["null_rate"] - was[name]["null_rate"])
        for name in both
        if None not in (now[name].get("null_rate"), was[name].get("null_rate"))
    }
    if rates:
        most = max(rates, key=lambda name: rates[name])
        found |= {"null_rate_change": float(rates[most]), "null_rate_column": most}
    return found


def _columns(run: Run) -> list[Mapping[str, Any]] | None:
    if run.columns:
        return list(run.columns)
    shape = run.input.get("shape")
    if not shape or len(shape) != 2:
        return None
    return [{"name": None, "dtype": run.input.get("dtype"), "null_rate": None}] * int(shape[1])


def _numbered(columns: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [{**column, "name": str(j)} for j, column in enumerate(columns)]


def _named(columns: Iterable[Mapping[str, Any]]) -> bool:
    return all(column.get("name") is not None for column in columns)


def _telling(run: Run) -> dict[str, Any]:
    """Return the parameters that decide a map."""
    return {name: value for name, value in run.parameters.items() if name not in IDLE}


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return what has changed of the names that both have, in words."""
    return [
        f"{name} {old[name]}, now {new[name]}"
        for name in old
        if name in new and old[name] != new[name]
    ]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return "; ".join(names[:LISTED]) + more
