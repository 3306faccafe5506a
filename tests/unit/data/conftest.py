"""Every test of csv runs with both readers: what they give must be the same."""

from __future__ import annotations

import pytest

from gputsne.data.formats.csv import arrow


@pytest.fixture(params=["pyarrow", "strict"])
def both_csv_readers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read csv with pyarrow where it can, or with the standard library alone."""
    monkeypatch.setattr(arrow, "is_installed", lambda: request.param == "pyarrow")
    return str(request.param)
