"""Joined tables: an id is one however a csv writes it."""

from __future__ import annotations

import numpy as np
import pytest

from gputsne.data import BadInput, Selection
from gputsne.runs.joining import Joined


def joined(tmp_path, lines):
    path = tmp_path / "about.csv"
    path.write_text("\n".join(["id,kind", *lines, ""]), encoding="utf-8")
    return Joined.read(Selection(ids="id", join=str(path)))


@pytest.mark.parametrize(
    "ids",
    [np.array([1, 2]), np.array([1.0, 2.0]), np.array(["1", "2"]), np.array(["1.00", "2.0"])],
    ids=["whole", "float", "text", "decimals"],
)
@pytest.mark.parametrize("lines", [["1.0,a", "2.0,b"], ["1,a", "2.0,b"], ["1,a", "2,b", "03,c"]])
def test_a_whole_number_is_one_id_with_and_without_a_fraction(tmp_path, lines, ids):
    found, said = joined(tmp_path, lines).matched(ids, ["kind"])
    assert found["kind"].tolist() == ["a", "b"]
    assert not said


@pytest.mark.parametrize("other", ["007", "007.0", "7.5", "7.0.0", "v7.0"])
def test_text_that_is_no_whole_number_is_another_id(tmp_path, other):
    found, _ = joined(tmp_path, ["7,a", f"{other},b"]).matched(np.array(["7.0", other]), ["kind"])
    assert found["kind"].tolist() == ["a", "b"]


def test_one_id_in_two_spellings_is_there_twice(tmp_path):
    with pytest.raises(BadInput, match="id '7' is there twice, in rows 0 and 1"):
        joined(tmp_path, ["7,a", "7.0,b"])
