"""The gputsne command: a map from a file in one line.

Importing this is light: each command is imported when it is asked for, and imports what it
computes with only when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Final

import click

from gputsne._version import __version__
from gputsne.cli.errors import EXIT_CODES, ErrorGroup

__all__ = ["Commands", "main"]

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

# The module of gputsne.cli.commands that a command stands in, where it is not called like it.
HOME: Final = {"plan": "info"}
COMMANDS: Final = (
    "demo", "embed", "transform", "merge", "update", "plot", "sample", "metrics", "compare",
    "sweep", "check", "report", "tiles", "serve", "runs", "info", "plan", "advise", "ops", "doctor",
)  # fmt: skip


class Commands(MutableMapping[str, click.Command]):
    """The commands by name; one is imported the first time it is asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, click.Command | None] = dict.fromkeys(COMMANDS)

    def __getitem__(self, name: str) -> click.Command:
        command = self._loaded[name]
        if command is None:
            room = import_module(f"gputsne.cli.commands.{HOME.get(name, name)}")
            command = self._loaded[name] = getattr(room, name)
        return command

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)


SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=ErrorGroup, commands=Commands(), examples=EXAMPLES, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="gputsne", message="%(prog)s %(version)s")
def main() -> None:
    """t-SNE maps of tables, from the command line.

    Results go to the files you name and a summary to standard output; progress, notes and errors
    go to standard error.
    """
