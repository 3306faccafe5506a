"""Every example of the documents about maps works: README.md, the guide, metrics, pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import DOCUMENTS, OPERATING, finished, run

MAPS = [document for document in DOCUMENTS if document not in OPERATING]


@finished
@pytest.mark.parametrize("document", MAPS, ids=lambda path: path.name)
def test_examples_run(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run(document, tmp_path, monkeypatch)
