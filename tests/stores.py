"""Runs, verdicts and fixed ids for tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import gputsne
from gputsne.judging import Checklist, Row
from gputsne.provenance import Run


def id_of(days_ago: float, digits: int = 0) -> str:
    """Return an id of a run that began so long ago."""
    return f"{datetime.now(UTC) - timedelta(days=days_ago):%Y%m%dT%H%M%SZ}-{digits:08x}"


def run_of(days_ago: float = 0, digits: int = 0, **more) -> Run:
    return Run(id=id_of(days_ago, digits), **more)


def verdict(profile: str = "ci", status: str = "pass") -> Checklist:
    return Checklist(profile, (Row("row", "a row", status, "gate", True),))


def root_of(store: gputsne.Store) -> Path:
    """Return the folder of a store in one, whichever way it goes there."""
    return Path(str(store._storage.root))
