"""Settings, services and tokens are checked where they are made."""

from __future__ import annotations

import logging

import pytest
from served import EDITOR_LINE, VIEWER_LINE

from gputsne.base.errors import BadInput
from gputsne.serve import EmbedService, Settings, Tokens, application

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("calls", 0, ValueError), ("calls", NAN, ValueError), ("calls", -INF, ValueError),
        ("calls", "10", TypeError), ("calls", True, TypeError), ("kept", -1, ValueError),
        ("kept", 1.5, TypeError), ("max_rows", "x", TypeError), ("max_rows", -1, ValueError),
        ("max_rows", 0, ValueError), ("max_columns", None, TypeError), ("max_bytes", 0, ValueError),
        ("seconds", -5, ValueError), ("seconds", 0, ValueError), ("seconds", INF, ValueError),
        ("pca", 0, ValueError), ("pca", None, TypeError), ("n_jobs", 0, ValueError),
        ("tokens", "editor", TypeError),
    ],
)  # fmt: skip
def test_a_service_is_checked(name, value, error):
    with pytest.raises(error, match=name):
        EmbedService(**{name: value})


def test_a_service_may_remember_nothing_and_allow_any_number():
    import numpy as np

    rows = np.random.default_rng(0).normal(size=(12, 3))
    service = EmbedService(kept=0, calls=INF)
    assert not service(rows).cached
    assert not service(rows).cached


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("columns", "kind", TypeError), ("hosts", "maps.example", TypeError),
        ("columns", ("kind", 1), TypeError), ("columns", None, TypeError), ("host", 1, TypeError),
        ("port", 65_536, ValueError), ("port", "80", TypeError), ("port", True, TypeError),
        ("ids", 1, TypeError), ("label", "no", TypeError), ("reports", None, TypeError),
        ("min_cell", True, TypeError), ("min_cell", 2.5, TypeError), ("rate", "5", TypeError),
        ("rate", True, TypeError), ("max_rows", 1.5, TypeError), ("header_seconds", 0, ValueError),
        ("cache", 7, TypeError), ("address_connections", 0, ValueError),
    ],
)  # fmt: skip
def test_settings_of_another_kind_are_refused(name, value, error):
    with pytest.raises(error, match=name):
        Settings(**{name: value})


def test_lists_of_names_and_whole_seconds_are_taken():
    settings = Settings(columns=["kind"], hosts=["a"], rate=5)
    assert (settings.columns, settings.hosts) == (("kind",), ("a",))


@pytest.mark.parametrize("host", ["0.0.0.0", "maps.example"])
def test_an_application_that_others_reach_needs_tokens_as_a_server_does(store, host):
    with pytest.raises(BadInput, match="needs tokens"):
        application(store, settings=Settings(host=host))
    application(store, settings=Settings(host=host), tokens=Tokens.parse(VIEWER_LINE))


def test_a_token_has_one_role():
    with pytest.raises(BadInput, match="two roles") as told:
        Tokens.parse(f"{VIEWER_LINE}\n{EDITOR_LINE}\neditor {VIEWER_LINE.split()[1]}")
    assert VIEWER_LINE.split()[1] not in str(told.value)
    assert len(Tokens.parse(f"{VIEWER_LINE}\n{VIEWER_LINE}")) == 2


def test_columns_that_no_map_has_are_told_at_the_start(ask, store, caplog):
    import json

    caplog.set_level(logging.INFO, "gputsne.serve")
    for columns, missing in (((), None), (("site",), None), (("site", "nosuch"), ["nosuch"])):
        caplog.clear()
        ask(store, columns=columns).app.warm()
        lines = [json.loads(r.getMessage()) for r in caplog.records if r.name == "gputsne.serve"]
        found = [line["missing"] for line in lines if line["event"] == "columns"]
        assert found == ([] if missing is None else [missing])
