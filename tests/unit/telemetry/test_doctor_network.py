"""The doctor at addresses: whoever answers, and however, it comes back."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from findings import SECRET, only
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from gputsne.telemetry.doctor import FAILED, OK, WARNING
from gputsne.telemetry.doctor.network import pushgateway_findings, scrape_findings
from gputsne.telemetry.fetching import fetch


class Odd(BaseHTTPRequestHandler):
    """A server that answers otherwise than one should."""

    def do_GET(self):
        if self.path == "/drip":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"# a line\n")
                time.sleep(0.05)
        if self.path == "/token" and self.headers.get("Authorization") != f"Bearer {SECRET}":
            self.send_error(401)
            return
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", f"{self.path[4:]}/basic")
            self.end_headers()
            return
        if self.path == "/basic":
            body = f'gputsne_told{{user="{self.headers.get("Authorization")}"}} 1\n'.encode()
        elif self.path == "/other":
            body = b"# TYPE other gauge\nother 1\n"
        elif self.path in ("/metrics", "/token"):
            body = b"# TYPE gputsne_run_success gauge\ngputsne_run_success 1\n"
        elif self.path == "/html":
            body = b"<html><body>It works!</body></html>"
        elif self.path == "/bytes":
            body = bytes(range(256)) * 40
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *given):
        pass


@pytest.fixture(scope="module")
def odd() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Odd)
    server.handle_error = lambda *given: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def speaking(text: bytes | None) -> Iterator[str]:
    """A port that says a text to whoever comes, or nothing at all, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    held = []

    def serve():
        try:
            while True:
                caller, _ = listener.accept()
                held.append(caller)
                if text is not None:
                    caller.sendall(text)
                    caller.close()
        except OSError:
            return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for caller in held:
            caller.close()


def test_metrics_of_ours_are_counted(odd):
    found = only(scrape_findings(f"{odd}/metrics"))
    assert (found.state, "1 metrics of gputsne, 1 series" in found.found) == (OK, True)


@pytest.mark.parametrize(
    ("path", "said", "remedy"),
    [
        ("/other", "has 1 metrics, none of gputsne", "scrape gputsne serve"),
        ("/html", "answers no metrics", "curl"),
        ("/bytes", "answers no metrics", "curl"),
        ("/gone", "Not Found", "http://HOST:PORT/metrics"),
        ("/token", "Unauthorized", "GPUTSNE_SCRAPE_TOKEN"),
    ],
)
def test_other_answers_fail(odd, path, said, remedy):
    found = only(scrape_findings(f"{odd}{path}"))
    assert (found.state, said in found.found, remedy in found.remedy) == (FAILED, True, True)


def test_a_token_and_a_password_are_sent_and_not_shown(odd, monkeypatch):
    monkeypatch.setenv("GPUTSNE_SCRAPE_TOKEN", SECRET)
    assert only(scrape_findings(f"{odd}/token")).state == OK
    monkeypatch.delenv("GPUTSNE_SCRAPE_TOKEN")
    named = odd.replace("http://", f"http://ann:{SECRET}@")
    assert "Basic YW5uOlhRNzc=" in fetch(f"{named}/basic", 5).text
    found = only(scrape_findings(f"{named}/gone?key={SECRET}"))
    assert found.state == FAILED
    assert SECRET not in found.found + found.remedy


def test_a_token_goes_to_no_other_address_than_the_one_given(odd):
    other = odd.replace("127.0.0.1", "localhost")
    held = {"Authorization": SECRET}
    assert SECRET in fetch(f"{odd}/to/{odd}", 5, held).text
    assert fetch(f"{odd}/to/{other}", 5, held).text == 'gputsne_told{user="None"} 1\n'


def test_a_token_is_taken_without_its_line_break_or_not_at_all(odd, monkeypatch):
    monkeypatch.setenv("GPUTSNE_SCRAPE_TOKEN", f"{SECRET}\n")
    assert only(scrape_findings(f"{odd}/token")).state == OK
    monkeypatch.setenv("GPUTSNE_SCRAPE_TOKEN", f"{SECRET}\nX: 1")
    found = only(scrape_findings(f"{odd}/token"))
    assert (found.name, found.state) == ("token", FAILED)
    assert SECRET not in found.found + found.remedy


@pytest.mark.parametrize(
    "text",
    [None, b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"],
)
def test_whatever_listens_there_the_doctor_comes_back(text):
    with speaking(text) as url:
        found = only(scrape_findings(url, seconds=0.5))
        assert found.state == FAILED
        assert only(pushgateway_findings(url.removesuffix("/metrics"), seconds=0.5)).state == FAILED


def test_an_answer_that_never_ends_is_left(odd):
    with pytest.raises(TimeoutError):
        fetch(f"{odd}/drip", 0.3)


@pytest.mark.parametrize(
    "url", ["ftp://host/metrics", "localhost:9", "", "http://", "http://[", "file:///etc/passwd"]
)
def test_what_is_no_address_fails(url):
    assert only(scrape_findings(url)).state == FAILED
    assert only(pushgateway_findings(url)).state == FAILED


def test_a_dead_port_fails():
    found = only(scrape_findings("http://127.0.0.1:9/metrics"))
    assert (found.state, "refused" in found.found) == (FAILED, True)


def test_metrics_of_something_else_are_no_pushgateway(odd):
    registry = CollectorRegistry()
    Gauge("pushgateway_build_info", "Its version.", registry=registry).set(1)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        found = only(pushgateway_findings(f"http://127.0.0.1:{server.server_port}"))
        assert found.state == OK
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert only(pushgateway_findings(odd)).state == WARNING
