"""Events: stages are told as they begin and end, only known fields get out, to listeners alone."""

from __future__ import annotations

import json
import logging
import math
import re
import sys

import numpy as np
import pytest

from gputsne.base import events


class Gather(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append((record.getMessage(), record.facts))


@pytest.fixture
def told():
    handler = Gather()
    events.LOGGER.addHandler(handler)
    yield handler.lines
    events.LOGGER.removeHandler(handler)


def test_a_stage_is_told_as_it_begins_and_as_it_ends(told):
    with events.of_run("r1"), events.stage("read") as more:
        more["rows"] = 3
    assert told[0] == ("stage_started", {"run": "r1", "stage": "read"})
    event, facts = told[1]
    assert event == "stage_ended"
    assert facts.pop("seconds") >= 0
    assert facts == {"run": "r1", "stage": "read", "ok": True, "rows": 3}


def test_a_stage_that_fails_is_told_too(told):
    with pytest.raises(ValueError, match="x"), events.stage("read"):
        raise ValueError("x")
    assert told[1][1]["ok"] is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("customer", "Ann"),  # no field
        ("device", "salary of Ann"),  # no word
        ("device", "café"),
        ("device", "x" * 65),
        ("device", None),
        ("seed", "1234"),  # no number
        ("seconds", math.nan),
        ("kl_divergence", np.float32("inf")),
        ("where", "a.py:1"),  # no list
    ],
)
def test_what_has_no_field_or_is_of_another_kind_stays_inside(told, name, value):
    events.tell("ended", **{name: value})
    assert told == [("ended", {})]


def test_numbers_of_numpy_are_numbers(told):
    events.tell("ended", rows=np.int64(2**40), kl_divergence=np.float64(0.5), ok=True)
    assert told == [("ended", {"rows": 2**40, "kl_divergence": 0.5, "ok": True})]
    assert type(told[0][1]["rows"]) is int


def test_a_run_knows_what_was_learnt_of_it_and_the_next_does_not():
    assert events.known() == {}
    events.learn(rows=1)  # of no run
    with events.of_run("r1") as outer:
        events.learn(rows=2)
        with events.of_run("r1"):
            events.learn(features=3)
        with events.of_run("r2"):
            events.learn(rows=9)
        assert events.known() == {"run": "r1", "rows": 2, "features": 3} == outer
    assert events.known() == {}


def test_where_nobody_listens_nothing_is_said(monkeypatch, capfd):
    gather = Gather()
    monkeypatch.setattr(events.LOGGER, "handlers", [])
    monkeypatch.setattr(logging.getLogger(), "handlers", [gather])
    assert not events.listened()
    with events.stage("read"):
        events.tell("warning", logging.WARNING)
    assert not gather.lines
    assert capfd.readouterr() == ("", "")


def test_a_line_is_json_with_a_moment_in_utc():
    line = events.line("ended", logging.ERROR, {"rows": 1})
    assert "\n" not in line
    told = json.loads(line)
    assert list(told) == ["at", "level", "event", "rows"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["at"])
    assert (told["level"], told["event"]) == ("error", "ended")


def test_places_in_the_code_have_no_folder_of_the_machine():
    def fail():
        raise KeyError("secret")

    try:
        fail()
    except KeyError as error:
        places = events.places_of(error.__traceback__)
    assert [place.split(":")[0] for place in places] == ["test_events.py", "test_events.py"]
    try:
        with events.stage("read"):
            raise ValueError
    except ValueError:
        pass
    assert events.places_of(sys._getframe())[-1].startswith("test_events.py:")
