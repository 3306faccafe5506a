"""Settings of the cluster: what is refused, what makes manifests stale, what a new file holds."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from croniter import CroniterBadDateError, croniter
from hypothesis import given
from hypothesis import strategies as st
from manifests import invoke, main_of, option

from gputsne.base.errors import BadInput
from gputsne.telemetry.operations import Settings, write
from gputsne.telemetry.operations.cluster import Cluster
from gputsne.telemetry.operations.kubernetes import manifests_of
from gputsne.telemetry.operations.schedules import is_schedule
from gputsne.telemetry.operations.settings import TEMPLATE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rows = 3", "cluster.rows = 3 must be a whole number from 10"),
        ("rows = true", "cluster.rows = True must"),
        ("row = 3", "[cluster]: unknown entry 'row'; did you mean 'rows'"),
        ("image = 'gputsne'", "cluster.image = 'gputsne' must be an image with a tag"),
        ("image = 'gputsne:latest'", "other than latest"),
        ("image = 3", "cluster.image = 3 must"),
        ("namespace = 'default'", "a namespace of its own"),
        ("namespace = 'Maps'", "a namespace of its own"),
        ("schedule = 'daily'", "five fields as cron has them"),
        ("team = 'R & D'", "as a label of Kubernetes is"),
        ("owner = ''", "as a label of Kubernetes is"),
        ("input = '../points.csv'", "a file's name in the volume"),
        ("storage = '50'", "an amount of storage"),
        ("gpu = 1", "cluster.gpu = 1 must be true or false"),
        ("arguments = 'a'", "cluster.arguments = 'a' must be a list of texts"),
        ("egress = ['bucket']", "CIDR:port"),
        ("access = 'Many'", "'ReadWriteMany' or 'ReadWriteOnce'"),
        ("perplexity = 0", "cluster.perplexity = 0 must"),
        ("pushgateway = 'gateway'", "an address with its port"),
        ("pushgateway = 'http://gateway:99999'", "a port up to 65535"),
        ("egress = ['10.1.0.0/16:0']", "CIDR:port"),
        ("egress = ['10.1.0.300/16:443']", "CIDR:port"),
        ("egress = ['10.1.0.0:443']", "CIDR:port"),
        ("schedule = '60 2 * * *'", "five fields as cron has them"),
        ("schedule = '30 2 31 2 *'", "of a day that comes"),
        ("arguments = ['--store', 'x']", "cluster.arguments = '--store' must be left out"),
        ("arguments = ['--device=cuda']", "must be left out: the manifest gives --device (by"),
        ("arguments = ['-omap.npy']", "must be left out: the manifest gives -o"),
        ("schedule = 3", "five fields as cron has them"),
        ("perplexity = true", "cluster.perplexity = True must"),
        ("perplexity = nan", "cluster.perplexity = nan must"),
        ("timezone = 'Mars/Phobos'", "a name of a time zone"),
        ("machine = 'large'", "machine='large' has no price"),
        ("max_cost = 5", "cluster.max_cost = 5 must be beside machine"),
        ("machine = 'large'\nmax_cost = -1", "cluster.max_cost = -1 must be an amount of money"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, text: str, said: str):
    (tmp_path / "ops.toml").write_text(f"[cluster]\n{text}\n")
    with pytest.raises(BadInput, match=re.escape(said)):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ops.toml"]


def test_cluster_must_be_a_table():
    with pytest.raises(BadInput, match=r"cluster = 3 must be a \[table\]"):
        Settings.read_text("cluster = 3")


def test_settings_of_the_cluster_make_manifests_stale(tmp_path: Path):
    assert invoke("init", tmp_path, "--rows", "2e6", "--features", 128).exit_code == 0
    own = tmp_path / "ops.toml"
    assert Settings.read(own).cluster == Cluster(rows=2_000_000, features=128)
    assert invoke("check", tmp_path).exit_code == 0
    own.write_text(own.read_text().replace('team = "none"', 'team = "search"'))
    stale = json.loads(invoke("check", tmp_path, "--json").stdout)["files"]
    assert set(stale) == {*manifests_of(Cluster()), "serverless/template.yaml"}
    done = invoke("init", tmp_path, "--rows", 100)
    assert done.exit_code == 3
    assert "change rows and features of [cluster] in it" in done.stderr
    assert invoke("init", tmp_path / "new", "--rows", 5).exit_code == 3
    assert not (tmp_path / "new").exists()


def test_the_schedule_is_one_and_as_long_as_the_period():
    told = Settings.read_text(TEMPLATE)
    times = croniter(told.cluster.schedule, datetime(2026, 3, 1, tzinfo=UTC))
    first, second = (times.get_next(datetime) for _ in range(2))
    assert second - first == timedelta(hours=told.period_hours)


@pytest.mark.parametrize(
    "schedule", ["*/15 * * * *", "0 1,13 * * *", "5 4 1-7 * mon", "0 0 1 jan *"]
)
def test_schedules_that_cron_knows_are_taken(schedule: str):
    assert croniter.is_valid(Cluster(schedule=schedule).schedule)


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["*", "*/2", "1-5", "5-1", "0", "7", "13", "24", "32", "60", "mon",
                             "jan", "1,2", "*/0", "", "1-", "x", "mon-fri", "1-5/2"]),
            st.from_regex(r"[0-9]{1,2}(-[0-9]{1,2})?(/[1-9])?", fullmatch=True),
        ),
        min_size=5, max_size=5,
    )
)  # fmt: skip
def test_what_is_taken_as_a_schedule_is_one_for_cron(fields: list[str]):
    text = " ".join(fields)
    if is_schedule(text):
        assert croniter.is_valid(text)
        assert croniter(text, datetime(2026, 3, 1, tzinfo=UTC)).get_next(datetime)


@pytest.mark.parametrize("days", ["29", "30", "30,31", "31/2"])
@pytest.mark.parametrize("months", ["2", "apr", "2,4", "11/3", "*"])
@pytest.mark.parametrize("weekday", ["*", "mon"])
def test_a_schedule_is_refused_where_its_day_never_comes(days: str, months: str, weekday: str):
    text = f"30 2 {days} {months} {weekday}"
    try:
        comes = bool(croniter(text, datetime(2026, 3, 1, tzinfo=UTC)).get_next(datetime))
    except CroniterBadDateError:
        comes = False
    assert is_schedule(text) == comes


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--bogus"], "No such option '--bogus'"),
        (["--labels"], "requires an argument"),
        (["more.csv"], "'more.csv' belongs to none, and the input is cluster.input"),
        (["--help"], "--help computes nothing"),
    ],
)
def test_arguments_that_embed_does_not_know_are_refused(
    tmp_path: Path, arguments: list[str], said: str
):
    text = f"[cluster]\narguments = {json.dumps(arguments)}\n"
    (tmp_path / "ops.toml").write_text(text)
    for command in ("init", "check"):
        done = invoke(command, tmp_path)
        assert done.exit_code == 3
        assert f"cluster.arguments = {arguments!r} must be options of gputsne embed" in done.stderr
        assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["ops.toml"]
    (tmp_path / "ops.toml").write_text("[cluster]\narguments = ['--labels', 'kind', '--id=name']")
    assert invoke("init", tmp_path).exit_code == 0


def test_numbers_reach_the_command_with_all_their_digits():
    cluster = Cluster(perplexity=30.1234567, machine="large", max_cost=1234567.25)
    arguments = main_of(cluster, "nightly")["args"]
    assert float(option(arguments, "--perplexity")) == cluster.perplexity
    assert float(option(arguments, "--max-cost")) == cluster.max_cost
