"""``plan --on-disk --memory-limit``: the way that fits, as a fit takes it."""

from __future__ import annotations

import json

from click.testing import CliRunner

from gputsne.cli import main


def run(*args: str):
    return CliRunner().invoke(main, ["plan", *args])


def test_ten_million_rows_are_planned_as_they_are_fitted():
    done = run("1e7", "50", "--on-disk", "--memory-limit", "24GB")
    assert done.exit_code == 0
    assert "in temporary files: P on disk" in done.output
    told = json.loads(run("1e7", "50", "--on-disk", "--memory-limit", "22GB", "--json").output)
    assert told["way"] == "rows on disk, P on disk"
    assert told["host_bytes"] < 22e9 < told["host_bytes"] + 1e9
    assert told["disk_bytes"] > 13e9
    assert json.loads(run("1e6", "50", "--json").output)["way"] == "all in memory"


def test_what_fits_in_no_way_is_exit_4_with_both_numbers():
    done = run("1e7", "50", "--on-disk", "--memory-limit", "16GB")
    assert done.exit_code == 4
    assert "--memory-limit is 16.00 GB" in done.output
    assert run("--device", "h100", "--on-disk").exit_code == 2
