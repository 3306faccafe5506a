"""JsonLines: lines of JSON from Python, each fit under its own id, to any stream."""

from __future__ import annotations

import io
import json
import logging

import numpy as np
import pytest

import gputsne
from gputsne.telemetry import JsonLines

EVENTS = logging.getLogger("gputsne.events")


@pytest.fixture
def stream():
    held = io.StringIO()
    handler = JsonLines(held)
    EVENTS.addHandler(handler)
    yield held
    EVENTS.removeHandler(handler)


def data() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 4))


def test_each_fit_has_lines_of_its_own(stream):
    models = [gputsne.TSNE(max_iter=250, perplexity=5).fit(data()) for _ in range(2)]
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    ends = [line for line in told if line["event"] == "fit_ended"]
    assert [line["run"] for line in ends] == [model.run_.id for model in models]
    assert ends[0]["kl_divergence"] == pytest.approx(models[0].kl_divergence_, abs=1e-8)
    assert ends[0]["input_sha256"] == models[0].run_.input["data_sha256"]
    assert (ends[0]["rows"], ends[0]["features"]) == (60, 4)


def test_a_fit_that_is_refused_says_so(stream):
    X = data()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        gputsne.TSNE().fit(X)
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    if told:  # it may be refused before it began
        assert told[-1]["exit_code"] == 3


def test_a_stream_that_fails_is_left_alone(stream, monkeypatch):
    class Full(io.StringIO):
        calls = 0

        def write(self, text):
            self.calls += 1
            raise OSError(28, "No space left on device")

    full = Full()
    handler = JsonLines(full)
    EVENTS.addHandler(handler)
    try:
        gputsne.TSNE(max_iter=250, perplexity=5).fit(data())
    finally:
        EVENTS.removeHandler(handler)
    assert full.calls == 1
    assert stream.getvalue()


def test_a_record_of_another_logger_is_told_without_its_text():
    held = io.StringIO()
    logger, handler = logging.getLogger("elsewhere"), JsonLines(held)
    logger.addHandler(handler)
    try:
        logger.warning("password of %s", "ann")
    finally:
        logger.removeHandler(handler)
    told = json.loads(held.getvalue())
    assert (told["event"], told["level"], told["logger"]) == ("remark", "warning", "elsewhere")
    assert told["where"][0].startswith("test_lines.py:")
    assert "ann" not in held.getvalue()
