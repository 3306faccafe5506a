"""Who may ask: tokens and roles, names of the host, other sites' pages, methods, quotas."""

from __future__ import annotations

import ast
import base64
import hashlib
import inspect

import pytest
from served import AS_EDITOR, AS_VIEWER, EDITOR, VIEWER, VIEWER_LINE, raw

from gputsne.base.errors import BadInput
from gputsne.serve import Settings, Tokens, new_token, serve
from gputsne.serve import tokens as room
from gputsne.serve.asgi import ROUTES
from gputsne.serve.quota import MOST_KEYS, Buckets
from gputsne.serve.settings import is_loopback
from gputsne.serve.tokens import token_of

GUARDED = [row for row in ROUTES if row.role is not None]


def address(path: str) -> str:
    for part in ("run", "name", "key", "path:path", "kind"):
        path = path.replace(f"{{{part}}}", "x")
    return path


@pytest.mark.parametrize("row", GUARDED, ids=lambda row: row.path)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": EDITOR},
        {"Authorization": f"Digest {EDITOR}"},
        {"Authorization": "Basic %%%"},
        {"Authorization": f"Bearer {EDITOR}x"},
        {"Authorization": "Bearer " + "x" * 5000},
        {"X-Authorization": f"Bearer {EDITOR}"},
        {"Cookie": f"token={EDITOR}"},
    ],
    ids=range(10),
)
def test_without_a_token_nothing_is_answered(guarded, row, headers):
    answer = guarded.request(row.method, address(row.path), headers=headers)
    assert answer.status_code == 401
    assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert EDITOR not in answer.text


def test_a_token_in_the_address_is_none(guarded):
    assert guarded.get(f"/runs?token={EDITOR}").status_code == 401


def test_two_tokens_are_none(guarded):
    given = [("Authorization", f"Bearer {VIEWER}"), ("Authorization", f"Bearer {EDITOR}")]
    assert guarded.get("/runs", headers=given).status_code == 401


@pytest.mark.parametrize("row", [row for row in GUARDED if row.role == "editor"])
def test_a_viewer_may_not_do_what_an_editor_may(guarded, row):
    answer = guarded.post(address(row.path), headers=AS_VIEWER)
    assert answer.status_code == 403
    assert guarded.post(address(row.path), headers=AS_EDITOR).status_code != 403


def test_a_viewer_may_look_and_a_page_may_tell_how_long_it_took(guarded):
    assert guarded.get("/runs", headers=AS_VIEWER).status_code == 200
    assert guarded.post("/rum", headers=AS_VIEWER, json={"load": 1}).status_code == 204


def test_health_is_told_to_everybody(guarded):
    assert guarded.get("/healthz").json() == {"status": "ok"}  # no version
    assert guarded.get("/metrics").status_code == 401


def basic(token: str) -> dict[str, str]:
    coded = base64.b64encode(f"any:{token}".encode()).decode()
    return {"Authorization": f"Basic {coded}"}


def test_a_browser_sends_the_token_as_a_password_to_look_and_for_nothing_else(guarded):
    assert guarded.get("/", headers=basic(VIEWER)).status_code == 200
    assert guarded.post("/rum", headers=basic(VIEWER), json={"load": 1}).status_code == 204
    assert guarded.post("/embed", headers=basic(EDITOR), json=[[1, 2]]).status_code == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost.evil.example"]
)
def test_pages_of_other_sites_may_send_nothing(client, origin):
    answer = client.post("/rum", json={"load": 1}, headers={"Origin": origin})
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    own = {"Origin": "http://localhost"}
    assert client.post("/rum", json={"load": 1}, headers=own).status_code == 204


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io:80", "localhost:80@evil",
     "localhost:8000:80", "localhost:x", "localhost/", "[::1]evil", "::1", "a@localhost"],
)  # fmt: skip
def test_a_name_of_others_that_leads_here_is_refused_on_loopback(client, host):
    assert client.get("/runs", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"]
)
def test_names_of_loopback_are_its_own(client, host):
    assert client.get("/runs", headers={"Host": host}).status_code == 200


def test_two_hosts_are_none(client):
    assert raw(client.app, "/runs", headers=[(b"host", b"localhost")])[0] == 421


def test_names_can_be_allowed(ask, store):
    client = ask(store, hosts=("maps.example",))
    assert client.get("/runs", headers={"Host": "maps.example"}).status_code == 200
    assert client.get("/runs").status_code == 421


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "X"])
def test_other_methods_are_refused(client, method):
    answer = client.request(method, "/runs")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_a_method_is_not_changed_by_a_header(guarded):
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        answer = guarded.post("/runs", headers={**AS_VIEWER, name: "GET"})
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET, HEAD"
    assert guarded.get("/embed", headers=AS_EDITOR).status_code == 405


def test_a_wrong_token_again_and_again_is_refused_for_a_while(ask, store, tokens):
    client = ask(store, tokens=tokens, failures=3.0)
    wrong = {"Authorization": "Bearer wrong"}
    assert [client.get("/runs", headers=wrong).status_code for _ in range(4)] == [401] * 3 + [429]
    answer = client.get("/runs", headers=wrong)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert client.get("/runs", headers=AS_VIEWER).status_code == 200  # others share an address
    assert client.get("/healthz").status_code == 200


def test_each_token_has_its_own_rate(ask, store, tokens):
    client = ask(store, tokens=tokens, rate=0.001, burst=2.0)
    told = [client.get("/runs", headers=AS_VIEWER) for _ in range(3)]
    assert [answer.status_code for answer in told] == [200, 200, 429]
    assert int(told[-1].headers["Retry-After"]) > 1
    assert client.get("/runs", headers=AS_EDITOR).status_code == 200


def test_buckets_fill_again_and_forget_who_asked_longest_ago():
    now = [100.0]
    calls = Buckets(3, 0.5, clock=lambda: now[0])
    assert [calls.take("a") for _ in range(4)] == [0, 0, 0, 2.0]
    now[0] += 2.0  # seconds: one request at 0.5 per second
    assert calls.take("a") == 0
    assert calls.take("a") == 2.0
    now[0] += 1e6
    assert [calls.take("a") for _ in range(4)] == [0, 0, 0, 2.0]
    for i in range(MOST_KEYS):
        calls.take(f"other {i}")
    assert len(calls._held) == MOST_KEYS
    assert calls.take("a") == 0


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.0.2.1", "maps.example", "", "127.evil.example"]
)
def test_an_address_that_others_reach_needs_tokens(store, host):
    assert not is_loopback(host)
    with pytest.raises(BadInput, match="needs tokens"):
        serve(store, settings=Settings(host=host, port=0))


def test_the_text_of_a_token_is_kept_nowhere(tokens):
    assert EDITOR not in repr(tokens) + str(vars(tokens))
    assert hashlib.sha256(VIEWER.encode()).hexdigest() == VIEWER_LINE.split()[1]
    found = tokens.caller(VIEWER)
    assert found is not None
    assert VIEWER not in found.key
    assert found.key not in VIEWER_LINE
    assert new_token("viewer")[0] != new_token("viewer")[0]


def test_tokens_are_compared_in_constant_time_each_with_all():
    tree = ast.parse(inspect.getsource(room))
    (caller,) = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "caller")
    (loop,) = (node for node in ast.walk(caller) if isinstance(node, ast.For))
    assert "hmac.compare_digest" in ast.unparse(loop)
    left = (ast.Break, ast.Return, ast.Continue, ast.Raise)
    assert not any(isinstance(node, left) for node in ast.walk(loop))
    compared = [node for node in ast.walk(caller) if isinstance(node, ast.Compare)]
    assert not compared


def test_equal_hashes_with_two_roles_and_lines_of_an_environment():
    tokens = Tokens.read(None, {"GPUTSNE_TOKENS": f"{VIEWER_LINE};{VIEWER_LINE.upper().lower()}"})
    assert len(tokens) == 2
    assert not Tokens.read(None, {})


@pytest.mark.parametrize(
    "line",
    [f"viewer {VIEWER}", "admin " + "0" * 64, "viewer", "0" * 64, "viewer 00"],
    ids=["a token", "no role", "no hash", "a hash alone", "a short hash"],
)
def test_a_line_that_is_no_hash_is_refused_and_not_repeated(line, tmp_path):
    path = tmp_path / "tokens.txt"
    path.write_text(f"# ours\n{line}\n")
    with pytest.raises(BadInput, match="line 2: write 'viewer'") as told:
        Tokens.read(path, {})
    assert VIEWER not in str(told.value)


def test_a_file_without_tokens_is_refused(tmp_path):
    path = tmp_path / "tokens.txt"
    path.write_text("# none\n")
    with pytest.raises(BadInput, match="has no token"):
        Tokens.read(path, {})
    with pytest.raises(BadInput, match="can't be read"):
        Tokens.read(tmp_path / "none.txt", {})


@pytest.mark.parametrize(
    "header", ["", "Bearer", "bearer\tx", "Basic", "Basic =", "Basic /w==", "Negotiate abc", "é"]
)
def test_hostile_headers_have_no_token(header):
    assert token_of(header)[1] == ""


@pytest.mark.parametrize(
    "settings",
    [{"port": -1}, {"workers": 0}, {"rate": 0.0}, {"rate": float("nan")}, {"min_cell": 1},
     {"embeds": float("inf")}, {"max_rows": 0}],
)  # fmt: skip
def test_settings_are_checked(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=name):
        Settings(**settings)
