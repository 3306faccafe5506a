"""Colours of labels in a store: the same in every run, whoever writes, and never another one."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from stores import root_of

import gputsne
from gputsne.base.errors import BadInput, Damaged
from gputsne.plotting import plot
from gputsne.runs.colouring import LabelColours
from gputsne.runs.storage import Retry

AT_ONCE = Retry(first=0.0)


class BeforeStep:
    """A storage where another writer comes first before the n-th step."""

    def __init__(self, storage, at: int, work) -> None:
        self.storage, self.at, self.work, self.n = storage, at, work, 0

    def __getattr__(self, name):
        method = getattr(self.storage, name)
        if name not in ("entries", "read", "add"):
            return method

        def asked(*args, **kwargs):
            self.n += 1
            if self.n == self.at:
                self.work()
            return method(*args, **kwargs)

        return asked


def test_a_label_has_one_colour_in_runs_with_different_labels(store):
    monday = store.add_colours(["cat", "dog", None, "cow", ""])
    tuesday = store.add_colours(np.array(["dog", "eel", "ant"]))
    assert monday.keys() == {"cat", "dog", "cow"}
    assert tuesday["dog"] == monday["dog"]
    held = store.colours()
    assert held == monday | tuesday
    assert len(set(held.values())) == 5
    assert store.add_colours(["eel"]) == {"eel": tuesday["eel"]}


def test_pictures_of_two_runs_have_the_colours_of_their_store(local):
    rng = np.random.default_rng(0)
    seen = []
    for labels in (["dog", "cat", "cow"], ["zebra", "cow", "ant", "dog"]):
        colours = local.add_colours(labels)
        figure = plot(rng.normal(size=(len(labels), 2)), labels, palette=colours)
        legend = figure.axes[0].get_legend()
        names = [text.get_text() for text in legend.get_texts()]
        marks = [handle.get_markerfacecolor() for handle in legend.legend_handles]
        seen.append(dict(zip(names, marks, strict=True)))
    first, second = seen
    assert {name: first[name] for name in ("cow", "dog")} == {
        name: second[name] for name in ("cow", "dog")
    }
    assert len(set(first.values()) | set(second.values())) == 5


def test_labels_that_never_stood_beside_each_other_may_share_colours(local):
    animals = local.add_colours([f"animal {i}" for i in "abcdefghij"])
    plants = local.add_colours([f"plant {i}" for i in "abcdefghij"])
    assert len(set(plants.values())) == 10  # the ten that differ most, again
    assert set(plants.values()) == set(animals.values())


def test_numbers_and_texts_that_read_alike_are_one_label(local):
    first = local.add_colours([3, 4.0, b"5", True])
    assert local.add_colours(["3", "4", "5", "True"]) == first


def test_a_user_fixes_colours_once(local):
    assert local.add_colours({"ok": "#00AA00", 3: "#123456"}) == {"ok": "#00aa00", "3": "#123456"}
    assert local.add_colours({"ok": "#00aa00", "late": "#ffcc00"})["late"] == "#ffcc00"
    with pytest.raises(ValueError, match=r"colours\['ok'\]='#ff0000': it has #00aa00"):
        local.add_colours({"new": "#111111", "ok": "#ff0000"})
    assert "new" not in local.colours()  # all or nothing
    assert local.add_colours(["ok", "other"])["ok"] == "#00aa00"


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"a": "teal"}, ValueError, "must be a colour as '#rrggbb'"),
        ({"a": "#12345"}, ValueError, "'#rrggbb'"),
        ({"": "#123456"}, ValueError, "says that there is none"),
        ("cat", TypeError, "must be several"),
        (range(10_001), ValueError, "10,001 labels are more than the 10,000"),
    ],
)
def test_what_is_no_set_of_labels_or_colours_is_refused(local, given, error, said):
    with pytest.raises(error, match=said):
        local.add_colours(given)
    assert local.colours() == {}


def test_hostile_labels_are_kept_as_pictures_write_them(store):
    hostile = ["$x^2$", "a\nb", "\u202eRTL", "東京", "\U0001f600", "../../etc", "x" * 5000]
    given = store.add_colours([*hostile, "half \ud800", "bell \x07"])
    assert given.keys() == {*hostile, "half \ufffd", "bell \ufffd"}
    assert store.colours() == given


@pytest.mark.parametrize("at", range(1, 6))
def test_a_writer_that_comes_first_at_any_step_is_obeyed(local, at):
    """Another one gives "dog" a colour before each step of this one in turn."""

    def other():
        try:
            gputsne.Store(root_of(local)).add_colours({"dog": "#123456"})
        except ValueError:  # it has one already
            assert at > 2

    found = LabelColours(BeforeStep(local._storage, at, other)).add(["dog", "cat"])
    held = local.colours()
    assert found == held
    assert (held["dog"] == "#123456") == (at <= 2)  # listed, or written, before this one wrote
    assert len(set(held.values())) == 2


WRITER = """
    import json, sys, gputsne
    store = gputsne.Store(sys.argv[1])
    own = {}
    for i in range(12):
        own |= store.add_colours([f"label {'abcdefghijkl'[(i + k) % 12]}" for k in range(3)])
        own |= store.add_colours([f"{sys.argv[2]} {i}"])
    print(json.dumps(own))
"""


def test_writers_at_one_time_agree_on_every_colour(local):
    code = textwrap.dedent(WRITER)
    folder = str(root_of(local))
    writers = [
        subprocess.Popen([sys.executable, "-c", code, folder, name], stdout=subprocess.PIPE)
        for name in ("p", "q", "r", "s")
    ]
    told = [json.loads(writer.communicate(timeout=120)[0]) for writer in writers]
    held = local.colours()
    for own in told:
        assert len(own) == 24
        assert own.items() <= held.items()
    assert not local.verify()


def test_an_altered_file_is_found_and_nothing_is_built_on_it(local):
    local.add_colours(["cat"])
    local.add_colours(["dog"])
    file = root_of(local) / "colours" / "00000000.json"
    file.write_bytes(file.read_bytes().replace(b"cat", b"bat"))
    fresh = gputsne.Store(root_of(local), retry=AT_ONCE)
    with pytest.warns(UserWarning, match="its colours are passed over"):
        assert fresh.colours().keys() == {"dog"}
    with pytest.raises(Damaged, match="altered"):
        gputsne.Store(root_of(local), retry=AT_ONCE).add_colours(["cat"])
    assert [str(problem) for problem in local.verify()] == ["colours/00000000.json: altered"]


def test_colours_of_a_later_version_are_told(local):
    from gputsne.runs.sealing import seal

    local.add_colours(["cat"])
    facts = {"schema": "gputsne.colours/9", "colours": []}
    (root_of(local) / "colours" / "00000001.json").write_bytes(seal(facts))
    with pytest.raises(BadInput, match=r"gputsne\.colours/9"):
        local.colours()


def test_stray_names_and_pruning_leave_colours_alone(local):
    held = local.add_colours(["cat", "dog"])
    (root_of(local) / "colours" / "notes.txt").write_text("mine")
    local.prune(older_than="0s", keep=0)
    assert local.colours() == held
