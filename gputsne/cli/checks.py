"""Checks of `embed`'s options that need no data: what makes no sense is usage, not bad input.

TSNE's own checks decide; here they are asked early and their answer names the option.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import click

from gputsne.base.parameter_table import CONDITIONS, TABLE
from gputsne.cli.parameters import FLAGS
from gputsne.cli.wording import in_shell

_NAMED = re.compile(r"\b([a-z_]+)=")


def check_parameters(chosen: dict[str, Any]) -> None:
    """Raise UsageError, naming the option, for what needs no data to be seen as wrong."""
    from gputsne.base.threads import resolve_n_jobs
    from gputsne.model.parameters import Parameters

    every = {row.name: row.default for row in TABLE} | chosen  # TSNE, without scikit-learn
    try:
        params = Parameters.of(every)
        params.perplexity_for(sys.maxsize)
        _check_metric(params.metric)
        resolve_n_jobs(params.n_jobs)
    except (TypeError, ValueError) as error:
        raise _usage(str(error), chosen) from error
    # A default is as idle as any other value, but TSNE can't see that it was given.
    for row in TABLE:
        value = chosen.get(row.name, False)
        if value is False:  # not given, or a flag that a configuration file turns off
            continue
        for condition in (CONDITIONS[name] for name in row.idle):
            if condition.holds(params):
                why = in_shell(condition.words(params))
                said = f"{value} has no effect with {why}; leave it out"
                raise click.BadParameter(said, param_hint=FLAGS[row.name])


def check_device(chosen: dict[str, Any]) -> None:
    """Raise BackendUnavailable if a device was asked for by name and can't run here."""
    from gputsne import backends

    if "device" in chosen:
        backends.choose(chosen["device"], chosen.get("n_jobs"))


def check_threads(n_jobs: int | None) -> None:
    """Raise UsageError for what is no number of threads."""
    from gputsne.base.threads import resolve_n_jobs

    try:
        resolve_n_jobs(n_jobs)
    except (TypeError, ValueError) as error:
        raise click.BadParameter(str(error), param_hint="--n-jobs") from error


def _check_metric(metric: Any) -> None:
    """Raise ValueError for a name that no search knows."""
    from gputsne.neighbors import metric_for

    if metric != "precomputed":
        metric_for(metric)


def _usage(said: str, chosen: dict[str, Any]) -> click.UsageError:
    """Return the error under the option that it is about: the first parameter named and given."""
    named = [FLAGS[name] for name in _NAMED.findall(said) if name in chosen and name in FLAGS]
    said = in_shell(said)
    return click.BadParameter(said, param_hint=named[0]) if named else click.UsageError(said)
