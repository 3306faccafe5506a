"""The gputsne command: a map from a file in one line.

Importing this is light: each command imports what it computes with only when it runs.
"""

from __future__ import annotations

import click

from gputsne._version import __version__
from gputsne.cli.commands.advise import advise
from gputsne.cli.commands.check import check
from gputsne.cli.commands.compare import compare
from gputsne.cli.commands.demo import demo
from gputsne.cli.commands.doctor import doctor
from gputsne.cli.commands.embed import embed
from gputsne.cli.commands.info import info, plan
from gputsne.cli.commands.merge import merge
from gputsne.cli.commands.metrics import metrics
from gputsne.cli.commands.ops import ops
from gputsne.cli.commands.plot import plot
from gputsne.cli.commands.report import report
from gputsne.cli.commands.runs import runs
from gputsne.cli.commands.sample import sample
from gputsne.cli.commands.serve import serve
from gputsne.cli.commands.sweep import sweep
from gputsne.cli.commands.tiles import tiles
from gputsne.cli.commands.transform import transform
from gputsne.cli.commands.update import update
from gputsne.cli.errors import EXIT_CODES, ErrorGroup

__all__ = ["main"]

EXAMPLES = f"""\
Examples:
  gputsne demo
  gputsne embed points.csv -o map.parquet --labels kind --plot map.html
  gputsne embed points.npy -o map.npy --pca 50 --model model.npz
  gputsne transform model.npz new.npy -o new.csv
  gputsne transform model.npz rows -o parts --shard 0/16
  gputsne merge parts -o map.parquet
  gputsne update model.npz tomorrow.csv -o tomorrow-map.csv --id name
  gputsne plot map.csv -o map.pdf --labels kind --style print
  gputsne sample big.parquet -n 100000 -o some.parquet
  gputsne metrics points.npy map.npy --json > evidence.json
  gputsne check evidence.json --profile diagnose
  gputsne report points.npy map.npy -o report.html
  gputsne compare points.npy tsne.npy umap.npy --best knn_preservation
  gputsne sweep points.csv --labels kind --plot triptych.png
  gputsne advise 1000000 50 --goal explore
  gputsne runs ls --store nightly
  gputsne ops init ops
  gputsne doctor --store nightly
  gputsne tiles map.parquet -o tiles --labels kind
  gputsne serve nightly

Completion of commands and options by the tab key, in bash (zsh, fish alike):
  eval "$(_GPUTSNE_COMPLETE=bash_source gputsne)"

{EXIT_CODES}
"""


SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=ErrorGroup, examples=EXAMPLES, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="gputsne", message="%(prog)s %(version)s")
def main() -> None:
    """t-SNE maps of tables, from the command line.

    Results go to the files you name and a summary to standard output; progress, notes and errors
    go to standard error.
    """


COMMANDS = (
    demo, embed, transform, merge, update, plot, sample, metrics, compare, sweep, check, report,
    tiles, serve, runs, info, plan, advise, ops, doctor,
)  # fmt: skip
for command in COMMANDS:
    main.add_command(command)
