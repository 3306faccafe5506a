"""``gputsne runs``: what is in a store of runs, how runs differ, and which one a ref stands for."""

from __future__ import annotations

import click

from gputsne.cli.commands.runs.change import promote, prune, rollback
from gputsne.cli.commands.runs.look import diff, ls, show, verify
from gputsne.cli.commands.runs.review import bundle, cost
from gputsne.cli.commands.runs.summary import summary
from gputsne.cli.options import Group

EXAMPLES = """\
Examples:
  export GPUTSNE_STORE=s3://maps/nightly
  gputsne runs ls --since 7d --tag team=search
  gputsne runs show production --kl
  gputsne runs show 20261127T063518Z-3f2a9c1b --verify points.parquet
  gputsne runs diff production canary
  gputsne runs promote canary --ref production
  gputsne runs rollback --reason "the colours are wrong"
  gputsne runs prune --older-than 90d --dry-run
  gputsne runs summary --every week
  gputsne runs cost --by tag.team --by month --csv bill.csv
  gputsne runs bundle production -o post-mortem.zip

A store is a local folder, or s3://, gs:// or abfs:// with the extra io. RUN is an id or the name of
a ref. docs/runs.md tells of stores.
"""


@click.group(cls=Group, examples=EXAMPLES)
def runs() -> None:
    """Look at stored runs, promote them, roll back, prune, and review."""


for command in (ls, show, diff, verify, promote, rollback, prune, summary, cost, bundle):
    runs.add_command(command)
