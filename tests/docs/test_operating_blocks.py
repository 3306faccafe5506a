"""Every example of the documents about runs works: stores, gates, operating, large tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import DOCUMENTS, OPERATING, finished, run


@finished
@pytest.mark.parametrize("document", OPERATING, ids=lambda path: path.name)
def test_examples_run(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run(document, tmp_path, monkeypatch)


def test_each_is_a_document():
    assert set(OPERATING) <= set(DOCUMENTS)
    assert len(set(OPERATING)) == len(OPERATING)
