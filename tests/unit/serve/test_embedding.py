"""On-demand maps by function and as AWS Lambda: limits, tokens, quota, cache, cold start."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from served import EDITOR, EDITOR_LINE, VIEWER, VIEWER_LINE

from gputsne.serve import EmbedService, Refused, Tokens, embed_once, lambda_handler
from gputsne.serve.embedding import PERPLEXITY

X = np.random.default_rng(5).normal(size=(50, 3)).astype(np.float32)
TOKENS = Tokens.parse(f"{EDITOR_LINE};{VIEWER_LINE}")
FREE = {"calls": float("inf")}


@pytest.fixture(scope="module")
def service() -> EmbedService:
    return EmbedService(**FREE)


def npy(values) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def test_the_same_rows_have_the_same_picture_from_any_format(service):
    first = embed_once(X, service=service)
    bodies = [npy(X), npy(X.astype(np.float64)), json.dumps(X.tolist()).encode()]
    for body in bodies:
        again = embed_once(body, service=service)
        assert (again.cached, again.key, again.png) == (True, first.key, first.png)
        assert again.map is first.map
    assert first.map.shape == (50, 2)
    assert np.isfinite(first.map).all()
    assert not embed_once(X + 1, service=service).cached


def test_the_map_is_that_of_the_estimator_with_principal_components_first(service):
    import gputsne

    wide = np.random.default_rng(6).normal(size=(40, 60)).astype(np.float32)
    made = EmbedService(pca=10, **FREE)(wide)
    want = gputsne.TSNE(perplexity=min(PERPLEXITY, 13), pca=10, random_state=0).fit_transform(wide)
    assert np.array_equal(made.map, want)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_too_few_rows_are_refused(service, n):
    with pytest.raises(Refused) as told:
        service(np.ones((n, 2)))
    assert told.value.status == 400


@pytest.mark.parametrize("values", [np.eye(4), np.r_[X, X], 1e30 * X])
def test_degenerate_tables_have_a_map_all_the_same(service, values):
    made = service(values)
    assert np.isfinite(made.map).all()
    assert made.png.startswith(b"\x89PNG")


@pytest.mark.parametrize("value", [0.0, 1.0, 1e30])
def test_equal_rows_are_refused(service, value):
    with pytest.raises(Refused, match="all rows are equal") as told:
        service(np.full((10, 2), value))
    assert told.value.status == 400


def test_more_rows_than_allowed_are_refused_at_the_limit_of_5000():
    with pytest.raises(Refused) as told:
        EmbedService()(np.ones((5001, 1)))
    assert told.value.status == 413
    assert EmbedService().limits.rows == 5000


def test_values_beyond_float32_are_refused(service):
    with pytest.raises(Refused) as told, np.errstate(over="ignore"):
        service(np.full((5, 2), 1e300))
    assert told.value.status == 400


def test_the_eleventh_call_in_an_hour_is_refused_and_later_ones_are_not():
    now = [0.0]
    service = EmbedService(clock=lambda: now[0])
    for _ in range(10):
        service(X, caller="a")
    with pytest.raises(Refused) as told:
        service(X, caller="a")
    assert told.value.status == 429
    assert told.value.headers["Retry-After"] == "360"
    assert service(X, caller="b").cached
    now[0] += 360
    assert service(X, caller="a").cached


@pytest.mark.parametrize(
    ("token", "status"), [("", 401), ("x", 401), (VIEWER, 403)], ids=["none", "wrong", "viewer"]
)
def test_a_service_with_tokens_asks_for_an_editor_s(token, status):
    service = EmbedService(tokens=TOKENS, **FREE)
    with pytest.raises(Refused) as told:
        service(X, token=token)
    assert told.value.status == status
    assert service(X, token=EDITOR).png


def test_only_the_last_maps_are_remembered():
    service = EmbedService(kept=1, **FREE)
    service(X)
    service(X + 1)
    assert not service(X).cached
    assert service(X).cached


def test_the_first_call_of_a_process_is_a_cold_start_and_the_second_is_none():
    code = """if 1:
        import json, sys, numpy as np
        from gputsne.serve import EmbedService
        service = EmbedService()
        names = ("matplotlib", "faiss", "sklearn", "starlette", "uvicorn")
        heavy = [name for name in names if name in sys.modules]
        told = [heavy, service.cold_seconds]
        for seed in (0, 1):
            service(np.random.default_rng(seed).normal(size=(20, 3)))
            told.append(service.cold_seconds)
        other = EmbedService()
        other(np.eye(9))
        print(json.dumps([*told, other.cold_seconds]))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy, before, first, second, other = json.loads(done.stdout)
    assert heavy == []
    assert before is None
    assert first == second > 0
    assert other is None  # the process was warm


def event2(body: str, *, encoded: bool = False, method: str = "POST", **headers: str) -> dict:
    """Return an event of a function URL or an HTTP API, payload 2.0."""
    http = {"method": method, "path": "/embed", "sourceIp": "198.51.100.7"}
    return {"version": "2.0", "routeKey": "$default", "rawPath": "/embed", "rawQueryString": "",
            "headers": headers, "requestContext": {"http": http}, "body": body,
            "isBase64Encoded": encoded}  # fmt: skip


def event1(body: str, *, encoded: bool = False, method: str = "POST", **headers: str) -> dict:
    """Return an event of a REST API, payload 1.0."""
    return {"resource": "/embed", "path": "/embed", "httpMethod": method, "headers": headers,
            "multiValueHeaders": {k: [v] for k, v in headers.items()}, "body": body,
            "queryStringParameters": None, "isBase64Encoded": encoded,
            "requestContext": {"identity": {"sourceIp": "198.51.100.7"}}}  # fmt: skip


EVENTS = {"1.0": event1, "2.0": event2}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_both_forms_of_event_plain_and_in_base64(service, event):
    handler = lambda_handler(service)
    plain = handler(event(json.dumps(X.tolist()), **{"Content-Type": "application/json"}), None)
    assert plain["statusCode"] == 200
    assert plain["isBase64Encoded"]
    assert base64.b64decode(plain["body"]) == service(X).png
    coded = base64.b64encode(npy(X)).decode()
    packed = handler(event(coded, encoded=True, **{"content-type": "application/x-npy"}), None)
    assert packed["body"] == plain["body"]
    assert packed["headers"]["X-Cache"] == "hit"
    json.dumps(packed)  # as the platform does


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_a_function_asks_for_a_token_and_counts_callers(event):
    handler = lambda_handler(EmbedService(tokens=TOKENS, calls=1))
    body = json.dumps(X.tolist())
    for headers, status in (({}, 401), ({"authorization": f"Bearer {VIEWER}"}, 403),
                            ({"Authorization": f"Bearer {EDITOR}"}, 200),
                            ({"Authorization": f"Bearer {EDITOR}"}, 429)):  # fmt: skip
        answer = handler(event(body, **headers), None)
        assert answer["statusCode"] == status
    assert int(answer["headers"]["Retry-After"]) == 3600
    assert EDITOR not in json.dumps(answer)
    free = lambda_handler(EmbedService(calls=1))
    assert [free(event(body), None)["statusCode"] for _ in range(2)] == [200, 429]


def test_a_direct_event_has_rows(service):
    assert lambda_handler(service)({"rows": X.tolist()}, None)["statusCode"] == 200
    guarded = lambda_handler(EmbedService(tokens=TOKENS))
    assert guarded({"rows": X.tolist()}, None)["statusCode"] == 401
    assert guarded({"rows": X.tolist(), "token": EDITOR}, None)["statusCode"] == 200


BAD_EVENTS = [
    (None, 400), ([], 400), ("x", 400), ({}, 405), ({"rows": None}, 400), ({"rows": object()}, 400),
    ({"rows": [[1, 2]], "token": 3}, 400), ({"requestContext": None}, 405),
    (event2("", method="GET"), 405), (event2(""), 400), (event1(""), 400),
    (event2("%%%", encoded=True), 400), (event2("1,2\n3,x\n4,5"), 400),
    (event2("[[1]]", **{"content-encoding": "gzip"}), 415),
    (event2("[[1]]", **{"content-type": "application/x-pickle"}), 415),
    ({**event2("x"), "body": 3}, 400), ({**event2("x"), "headers": "x"}, 400),
    ({**event2("x"), "requestContext": {"http": "x", "identity": 3}, "httpMethod": "POST"}, 400),
    (event2("1" * 6_000_001), 413), (event2("1\n" * 5003), 413),
]  # fmt: skip


@pytest.mark.parametrize("where", ["headers", "multiValueHeaders"])
def test_two_tokens_of_an_event_are_none_however_they_are_written(where):
    handler = lambda_handler(EmbedService(tokens=TOKENS, **FREE))
    event = {"httpMethod": "POST", "body": json.dumps(X.tolist())}
    right, wrong = f"Bearer {EDITOR}", f"Bearer {VIEWER}"
    if where == "headers":
        one, two = {"Authorization": right}, {"Authorization": wrong, "authorization": right}
    else:
        one, two = {"Authorization": [right]}, {"authorization": [wrong, right]}
        event["headers"] = {"Authorization": right}
    assert handler({**event, where: one})["statusCode"] == 200
    assert handler({**event, where: two})["statusCode"] == 401


@pytest.mark.parametrize(("event", "status"), BAD_EVENTS, ids=range(len(BAD_EVENTS)))
def test_events_that_are_none_are_refused(service, event, status):
    answer = lambda_handler(service)(event, None)
    assert answer["statusCode"] == status
    assert json.loads(answer["body"])["status"] == status
    assert not answer["isBase64Encoded"]


def test_tokens_of_the_environment_count_where_there_are_some():
    code = "import gputsne, numpy as np; made = gputsne.serve.embed_once(np.eye(9), token={!r})"
    code += "; print(made.png[1:4])"
    for token, says in ((EDITOR, "b'PNG'"), ("", "Refused")):
        environment = {**os.environ, "GPUTSNE_TOKENS": EDITOR_LINE}
        done = subprocess.run(
            [sys.executable, "-c", code.format(token)],
            capture_output=True,
            text=True,
            env=environment,
        )
        assert says in done.stdout + done.stderr
