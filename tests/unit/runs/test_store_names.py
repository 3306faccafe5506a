"""No name leads out of a store: ids, refs, profiles and file names that are hostile are refused."""

from __future__ import annotations

import pytest

from gputsne.provenance import Run
from gputsne.runs.naming import entry_name, is_id, since_of

HOSTILE = [
    "", ".", "..", "../x", "a/../../x", "/etc/passwd", "a/b", "a\\b", "a\n", "\na", "a\0b", "~",
    "-rf", ".hidden", "a..b", "a.", "con:aux", "a b", "*", "é", "x" * 101, "%2e%2e%2fx", "\u202ea",
    "refs/x", None, 7, b"x",
]  # fmt: skip
ID = "20261127T063518Z-3f2a9c1b"


@pytest.mark.parametrize("name", [*HOSTILE, "run.json", "RUN.JSON"], ids=ascii)
def test_a_hostile_file_name_is_refused(local, tmp_path, name):
    with pytest.raises(ValueError, match="files: "):
        local.put(Run(), files={name: b"x"})
    assert local.list() == ()
    assert {p.name for p in tmp_path.rglob("*")} <= {"store"}


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_ref_or_id_is_refused(local, name):
    id = local.put(Run())
    for ask in (
        local.get,
        local.resolve,
        local.checks,
        local.promote,
        local.rollback,
        local.history,
    ):
        with pytest.raises(ValueError, match="ref="):
            ask(name)
    with pytest.raises(ValueError, match="ref="):
        local.promote(id, name)
    if name is not None:
        with pytest.raises(ValueError, match="ref="):
            local.verify(name)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_profile_is_refused(local, name):
    with pytest.raises(ValueError, match="profile="):
        local.add_check(local.put(Run()), {"profile": name, "verdict": "PASS", "rows": []})


@pytest.mark.parametrize(
    "id",
    [
        "x", f"{ID}/..", f"{ID}\n", f" {ID}", ID.upper(), "20261327T063518Z-3f2a9c1b",
        "\uff12\uff10261127T063518Z-3f2a9c1b", "../" + ID, 7, None,
    ],
    ids=ascii,
)  # fmt: skip
def test_an_id_is_a_moment_and_eight_digits(local, id):
    assert is_id(ID)
    assert not is_id(id)
    record = Run().to_dict()
    with pytest.raises((TypeError, ValueError), match="id="):
        local.put(record | {"id": id})
    assert local.list() == ()


def test_a_ref_may_not_look_like_an_id(local):
    with pytest.raises(ValueError, match="looks like the id of a run"):
        local.promote(local.put(Run()), ID)


def test_names_that_differ_by_case_alone_are_refused(local):
    with pytest.raises(ValueError, match="differ by case alone"):
        local.put(Run(), files={"a": b"", "A": b""})


def test_entries_sort_by_the_order_in_which_they_were_made():
    names: list[str] = []
    for _ in range(200):
        names.append(entry_name(names))
    assert names == sorted(names)
    assert entry_name(["ci-x-29991231T235959.000000Z-0.json"], "ci-").startswith("ci-20")


@pytest.mark.parametrize(
    "when", ["", "30", "d", "30x", "-3d", "soon", "1e9d", "2026-13-01", 7, None]
)
def test_what_is_no_moment_is_refused(when):
    with pytest.raises(ValueError, match="since="):
        since_of(when)


def test_moments_are_read_in_utc():
    assert since_of("2026-11-27").isoformat() == "2026-11-27T00:00:00+00:00"
    assert since_of("2026-11-27T06:00:00+02:00").isoformat() == "2026-11-27T04:00:00+00:00"
