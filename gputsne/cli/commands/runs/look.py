"""``gputsne runs ls``, ``show``, ``diff`` and ``verify``: reading a store, changing nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gputsne.base.errors import BadInput
from gputsne.cli.errors import Exit
from gputsne.cli.maps import in_columns
from gputsne.cli.options import PATH, Command, option, options, print_options
from gputsne.cli.output import output_of, seconds
from gputsne.cli.stores import found_store, since_option, store_option, tag_option
from gputsne.cli.targets import no_dash
from gputsne.provenance.outcome import FAILED, Outcome, shown
from gputsne.provenance.plain import sha256_file

LS_EXAMPLES = """\
Examples:
  gputsne runs ls
  gputsne runs ls --since 7d --tag team=search --store nightly
  gputsne runs ls --status killed --json
"""


@click.command(cls=Command, examples=LS_EXAMPLES)
@options(
    "Options",
    store_option,
    since_option,
    option("--status", metavar="WORD", help="Only runs that ended so: done, failed, killed, ..."),
    tag_option,
)
@print_options
@click.pass_context
def ls(ctx: click.Context, /, **given: Any) -> None:
    """List runs, oldest first, with the refs that stand for them."""
    shell = output_of(ctx, given, needed=True)
    store, tags, since = found_store(given), given["tags"], given["since"]
    found = store.list(since=since, status=given["status"], tagged=tags)
    named: dict[str, list[str]] = {}
    for ref, id in store.refs().items():
        named.setdefault(id, []).append(ref)
    lines = [
        {
            "id": run.id, "status": run.status, "points": run.map[0] if run.map else None,
            "kl_divergence": run.kl_divergence, "seconds": run.seconds, "cost": run.cost,
            "tags": dict(run.tags), "refs": named.get(run.id, []),
        }
        for run in found
    ]  # fmt: skip
    lines += [
        {
            "id": a.id, "status": a.state, "points": None, "kl_divergence": None, "seconds": None,
            "cost": None, "tags": dict(a.run.get("tags") or {}), "refs": [],
        }
        for a in attempts_of(store, since, tags)
        if given["status"] in (None, a.state)
    ]  # fmt: skip
    lines.sort(key=lambda line: str(line["id"]))
    shell.result(_listed(lines), {"store": store.uri, "runs": lines})


def attempts_of(store: Any, since: Any, tags: dict[str, str]) -> list[Any]:
    """Return runs that were never stored, as ``list`` returns those that were."""
    from gputsne.runs.naming import moment_of_id

    return [
        attempt
        for attempt in store.unfinished()
        if (since is None or moment_of_id(attempt.id) >= since.replace(microsecond=0))
        and tags.items() <= (attempt.run.get("tags") or {}).items()
    ]


def _listed(lines: Sequence[dict[str, Any]]) -> str:
    if not lines:
        return "no runs"
    rows = [["run", "status", "points", "KL", "time", "cost", "refs", "tags"]]
    for line in lines:
        rows.append([
            line["id"],
            line["status"],
            "" if line["points"] is None else f"{line['points']:,}",
            "" if line["kl_divergence"] is None else f"{line['kl_divergence']:.4f}",
            "" if line["seconds"] is None else seconds(line["seconds"]),
            "" if line["cost"] is None else f"{line['cost']:.2f}",
            ", ".join(line["refs"]),
            ", ".join(f"{k}={v}" for k, v in line["tags"].items()),
        ])  # fmt: skip
    return in_columns(rows)


SHOW_EXAMPLES = """\
Examples:
  gputsne runs show production
  gputsne runs show 20261127T063518Z-3f2a9c1b --kl
  gputsne runs show production --verify points.parquet
"""


@click.command(cls=Command, examples=SHOW_EXAMPLES)
@click.argument("run", metavar="RUN")
@options(
    "Options",
    store_option,
    option("--kl", is_flag=True, help="Print the KL curve as numbers, too."),
    option(
        "--verify", "against", type=PATH, metavar="INPUT", help="Exit with 1 unless RUN read it."
    ),
)
@print_options
@click.pass_context
def show(ctx: click.Context, /, run: str, **given: Any) -> None:
    """Show a run: its record, the KL curve as a sparkline, its files, refs and checks."""
    shell = output_of(ctx, given, needed=True)
    no_dash([("--verify", given["against"])])
    store = found_store(given)
    from gputsne.runs.review import killed_before, spark

    id = store.resolve(run)
    attempts = store.unfinished()
    if dead := [attempt for attempt in attempts if attempt.id == id]:
        _show_unfinished(shell, dead[0], killed_before(dead[0], store.list(), attempts))
        return
    found = store.get(id)
    told = found.run
    # Runs are listed only where something was killed: reading them all takes a while.
    killed = killed_before(told, store.list(), attempts) if attempts else 0
    refs = [ref for ref, held in store.refs().items() if held == id]
    checks = [{k: c.get(k) for k in ("profile", "verdict", "at")} for c in store.checks(id)]
    kls = [kl for _, kl in told.kl_history]
    lines = [str(told)]
    if kls:
        lines.append(f"{'KL curve':<14}{spark(kls)}")
    lines.append(f"{'killed':<14}{killed}")
    lines += [f"{'check':<14}{c['profile']}: {c['verdict']} at {c['at']}" for c in checks]
    lines += [f"{'ref':<14}{ref}" for ref in refs]
    lines += [f"{'file':<14}{n}, {c.size:,} bytes" for n, c in found.files.items()]
    if given["kl"]:
        lines += [f"{i:>8}  {'-' if kl is None else f'{kl:.6f}'}" for i, kl in told.kl_history]
    same = None if given["against"] is None else _same_input(told, given["against"])
    if same:
        lines.append(f"{'verified':<14}{shown(given['against'])} is what the run read")
    files = {name: {"size": c.size, "sha256": c.sha256} for name, c in found.files.items()}
    facts = {
        **told.to_dict(), "killed": killed, "refs": refs, "checks": checks, "files": files,
        "verified": same,
    }  # fmt: skip
    shell.result("\n".join(lines), facts)
    if same is False:
        said = f"{shown(given['against'])} is not what {id} read: its SHA-256 is another"
        raise Exit(Outcome(FAILED, said))


def _same_input(run: Any, path: Path) -> bool:
    """Tell whether a file has the hash of one that a run read; BadInput where none is known."""
    known = {told.get("sha256") for told in (run.input, *run.further_inputs)} - {None}
    if not known:
        raise BadInput(f"{run.id} has no hash of its input: it was not read from a file")
    if not path.is_file():
        raise BadInput(f"{shown(path)}: no such file")
    return sha256_file(path) in known


def _show_unfinished(shell: Any, attempt: Any, killed: int) -> None:
    facts = {"id": attempt.id, "status": attempt.state, "host": attempt.host, "pid": attempt.pid}
    lines = [f"{'run':<14}{attempt.id}", f"{'status':<14}{attempt.state}"]
    lines += [f"{'host':<14}{attempt.host}, process {attempt.pid}", f"{'killed':<14}{killed}"]
    if attempt.cause:
        lines.append(f"{'likely cause':<14}{attempt.cause}")
    facts |= {"killed": killed, "cause": attempt.cause or None}
    shell.result("\n".join(lines), {**attempt.run, **facts})


DIFF_EXAMPLES = """\
Examples:
  gputsne runs diff production canary
"""


@click.command(cls=Command, examples=DIFF_EXAMPLES)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@options("Options", store_option)
@print_options
@click.pass_context
def diff(ctx: click.Context, /, a: str, b: str, **given: Any) -> None:
    """Print in what two runs differ: parameters, versions, data, metrics."""
    shell = output_of(ctx, given, needed=True)
    store = found_store(given)
    from gputsne.runs.review import difference

    one, other = store.get(a), store.get(b)
    found = difference(one.run, other.run)
    rows = [["", one.id, other.id]]
    for part, held in found.items():
        rows += [[f"{part}: {name}", *map(_told, pair)] for name, pair in held.items()]
    said = in_columns(rows) if len(rows) > 1 else f"{one.id} and {other.id} are alike"
    shell.result(said, {"a": one.id, "b": other.id, **found})


def _told(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = "-" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


VERIFY_EXAMPLES = """\
Examples:
  gputsne runs verify
  gputsne runs verify production
"""


@click.command(cls=Command, examples=VERIFY_EXAMPLES)
@click.argument("run", metavar="[RUN]", required=False)
@options("Options", store_option)
@print_options
@click.pass_context
def verify(ctx: click.Context, /, run: str | None, **given: Any) -> None:
    """Hold every byte of RUN, or of the whole store, against the hashes taken when it was written.

    The exit code is 1 where a file is altered or missing, or one too many.
    """
    shell = output_of(ctx, given, needed=True)
    store = found_store(given)
    found = store.verify(run)
    facts = {"problems": [{"file": p.file, "what": p.what} for p in found]}
    shell.result("\n".join(map(str, found)) or "sound", {"store": store.uri, **facts})
    if found:
        files = "file is" if len(found) == 1 else "files are"
        raise Exit(Outcome(FAILED, f"{len(found)} {files} not as written"))
