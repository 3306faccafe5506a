"""gputsne serve: its options reach the server, and what can't be served is said."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

import gputsne.serve
from gputsne.cli import main
from gputsne.serve import Settings, Tokens


@pytest.fixture
def asked(monkeypatch):
    """What the server is started with, in place of starting it."""
    found = {}

    def serve(source, **given):
        found.update(source=source, **given)
        return False

    monkeypatch.setattr(gputsne.serve, "serve", serve, raising=False)
    return found


def run(*words: str, **more):
    return CliRunner().invoke(main, ["serve", *words], **more)


def test_defaults_are_those_of_the_settings(asked, tmp_path):
    assert run(str(tmp_path)).exit_code == 0
    assert asked["source"] == str(tmp_path)
    assert asked["settings"] == Settings()
    assert len(asked["tokens"]) == 0


def test_every_option_reaches_its_setting(asked, tmp_path):
    words = (
        "store --host ::1 --port 0 --allow-host a --allow-host b --rate 7 --embeds 8 --transforms 9"
    )
    words += (
        " --columns kind,site --columns x --no-labels --ids --no-reports --min-cell 5 --max-rows 10"
    )
    words += " --max-new-rows 11 --max-body 12 --work-seconds 13 --grace-seconds 14 --workers 15"
    done = run(*words.split(), "--cache", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert asked["settings"] == Settings(
        host="::1", port=0, hosts=("a", "b"), rate=7.0, embeds=8.0, transforms=9.0,
        columns=("kind", "site", "x"), label=False, ids=True, reports=False, min_cell=5,
        max_rows=10, max_new_rows=11, max_body=12, work_seconds=13.0, grace_seconds=14.0,
        workers=15, cache=tmp_path,
    )  # fmt: skip


def test_a_new_token_is_printed_with_the_line_that_accepts_it(asked, tmp_path):
    done = run("--new-token", "editor")
    told = dict(line.split(maxsplit=1) for line in done.output.splitlines())
    caller = Tokens.parse(told["line"]).caller(told["token"])
    assert caller is not None
    assert caller.role == "editor"
    assert not asked


def test_tokens_of_a_file_and_of_the_environment(asked, tmp_path):
    line = gputsne.serve.new_token("viewer")[1]
    path = tmp_path / "tokens.txt"
    path.write_text(line)
    assert run("store", "--tokens", str(path)).exit_code == 0
    assert len(asked["tokens"]) == 1
    assert run("store", env={"GPUTSNE_TOKENS": f"{line};{line}"}).exit_code == 0
    assert len(asked["tokens"]) == 2


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "Missing argument"),
        (["none"], 3, "is no folder"),
        (["store", "--port", "70000"], 2, "--port"),
        (["store", "--min-cell", "1"], 2, "--min-cell"),
        ([".", "--tokens", "none.txt"], 3, "can't be read as a file of tokens"),
        ([".", "--host", "0.0.0.0"], 3, "needs tokens"),
    ],
)
def test_what_can_not_be_served_is_said(tmp_path, monkeypatch, words, code, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GPUTSNE_TOKENS", raising=False)
    done = run(*words)
    assert done.exit_code == code
    assert says in done.output
