"""One tree of errors, all of it in one file and all of it public."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import gputsne
from gputsne import errors

TREE = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("error", TREE, ids=lambda e: e.__name__)
def test_every_error_is_in_the_tree_with_its_built_in(error: type[BaseException]):
    if error is errors.GputsneError:
        return
    text = inspect.getdoc(errors) or ""
    found = re.search(rf"── {error.__name__} +(?:\((\w+)\))?", text)
    assert found, f"{error.__name__} is not drawn"
    if error is errors.FitInterrupted:
        assert error.__bases__ == (KeyboardInterrupt,)  # passes by `except Exception`
    else:
        assert [base.__name__ for base in error.__bases__] == ["GputsneError", found[1]]


def test_an_error_is_caught_by_either_name():
    with pytest.raises(errors.GputsneError, match="this fit needs"):
        gputsne.plan(10**6, 50).check(10**6)
    with pytest.raises(MemoryError, match="this fit needs"):
        gputsne.plan(10**6, 50).check(10**6)


def test_no_public_error_lives_elsewhere():
    root = Path(gputsne.__file__).parent
    elsewhere = []
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if path.name != "errors.py" and isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).split(".")[-1] for base in node.bases}
                known = {name for name in bases if name.endswith(("Error", "Exception"))}
                if known and not node.name.startswith("_"):
                    elsewhere.append(f"{path.name}: {node.name}")
    assert not elsewhere
