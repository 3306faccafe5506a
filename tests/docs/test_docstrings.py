"""Every example in a docstring works, in a temporary directory."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest
from documents import ROOT, finished

MODULES = sorted(
    ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for p in (ROOT / "gputsne").rglob("*.py")
    if p.stem != "__main__"
)


@finished
@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert not result.failed
