"""The folder of operating files: written from its ``ops.toml``, and held against what would be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any, Final

from gputsne.base.errors import BadInput
from gputsne.base.files import replacing
from gputsne.data import require
from gputsne.judging.rules import Rule, read_rules
from gputsne.telemetry.operations import alertmanager, datadog, grafana, kubernetes, prometheus
from gputsne.telemetry.operations.runbook import runbook
from gputsne.telemetry.operations.serverless import template_of
from gputsne.telemetry.operations.settings import FILE, Settings, template

__all__ = [
    "MADE_BY", "differences", "files_of", "rules_of", "stale", "unsafe", "write",
]  # fmt: skip

MADE_BY: Final = "gputsne ops init"
HEAD: Final = f"# Made by {MADE_BY} from {FILE}; changes here are lost with the next.\n"


def files_of(settings: Settings, rules: Mapping[str, Rule] | None = None) -> dict[str, str]:
    """Return the text of every file, by its place in the folder.

    Parameters
    ----------
    settings : Settings
        Of the site.
    rules : mapping of str to Rule or None
        By id; None for those of the package.

    Returns
    -------
    dict of str to str

    Raises
    ------
    BadInput
        The rules lack a limit that an alert has.
    DependencyMissing
        PyYAML or jinja2 isn't installed.
    """
    require("yaml", "writing operating files")
    if rules is None:
        rules = {rule.id: rule for rule in read_rules()}
    boards = {
        f"grafana/{name}.json": _json(grafana.dashboard(name, settings))
        for name in grafana.DASHBOARDS
    }
    manifests = {
        name: _yaml(*made)
        for name, made in kubernetes.manifests_of(settings.cluster, settings.prices).items()
    }
    monitors = {"made_by": MADE_BY, "monitors": datadog.monitors(rules, settings)}
    return {
        "prometheus/prometheus.yml": _yaml(prometheus.scraping(settings)),
        "prometheus/recording.yml": _yaml(prometheus.recording(rules, settings)),
        "prometheus/alerts.yml": _yaml(prometheus.alerting(rules, settings)),
        "prometheus/alerts_test.yml": _yaml(prometheus.tests(rules, settings)),
        "alertmanager/alertmanager.yml": _yaml(alertmanager.routing(settings)),
        **boards,
        "datadog/openmetrics.d/conf.yaml": _yaml(datadog.scraping(settings)),
        "datadog/monitors.json": _json(monitors),
        "RUNBOOK.md": runbook(rules, settings),
        **manifests,
        "serverless/template.yaml": _yaml(template_of(settings.serverless, settings.cluster.tags)),
    }


def write(
    folder: Path, *, dry_run: bool = False, rows: int | None = None, features: int | None = None
) -> list[str]:
    """Write the files that are missing or stale, and ``ops.toml`` where there is none.

    Parameters
    ----------
    folder : Path
        Made where it isn't there.
    dry_run : bool
        Whether to write nothing, and only tell.
    rows, features : int or None
        Of the nightly map, for an ``ops.toml`` that is written now.

    Returns
    -------
    list of str
        What was written, or would be.

    Raises
    ------
    BadInput
        ``ops.toml`` or the rules make no sense; rows or features where there is an ``ops.toml``;
        or a file of that name was not made by gputsne: nothing is written.
    OSError
        The folder can't be written to.
    """
    own = folder / FILE
    if own.exists() and (rows, features) != (None, None):
        raise BadInput(f"{own} is there: change rows and features of [cluster] in it")
    new = template(rows=rows, features=features)
    settings = Settings.read(own) if own.exists() else Settings.read_text(new)
    wanted = files_of(settings, rules_of(folder, settings))
    told = {name: _text(folder / name) for name in wanted}
    for name, text in told.items():
        if text is not None and MADE_BY not in text:
            raise BadInput(f"{folder / name} was not made by {MADE_BY}: move it away first")
    if not own.exists():
        wanted = {FILE: new, **wanted}
    written = [name for name, text in wanted.items() if told.get(name) != text]
    for name in [] if dry_run else written:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_text(wanted[name], encoding="utf-8")
    return written


def stale(folder: Path) -> dict[str, str]:
    """Return which files are not what would be written now.

    Parameters
    ----------
    folder : Path
        That `write` wrote.

    Returns
    -------
    dict of str to str
        "missing" or "stale", by the file's place.

    Raises
    ------
    BadInput
        There is no ``ops.toml``, or it makes no sense.
    """
    settings = Settings.read(folder / FILE)
    found = {}
    for name, text in files_of(settings, rules_of(folder, settings)).items():
        there = _text(folder / name)
        if there != text:
            found[name] = "missing" if there is None else "stale"
    return found


def differences(folder: Path) -> str:
    """Return how the files differ from what would be written now.

    Parameters
    ----------
    folder : Path
        That `write` wrote.

    Returns
    -------
    str
        Unified diffs, of what is there to what would be.

    Raises
    ------
    BadInput
        As `stale`.
    """
    settings = Settings.read(folder / FILE)
    lines: list[str] = []
    for name, text in files_of(settings, rules_of(folder, settings)).items():
        there = (_text(folder / name) or "").splitlines()
        lines += unified_diff(there, text.splitlines(), name, name, n=1, lineterm="")
    return "\n".join(lines)


def unsafe(folder: Path, others: Iterable[Path] = ()) -> dict[str, list[str]]:
    """Return what is unsafe in the manifests of a folder, and in others.

    Parameters
    ----------
    folder : Path
        Whose ``kubernetes`` holds manifests, gputsne's and whatever was put beside them.
    others : iterable of Path
        Files, and folders of them.

    Returns
    -------
    dict of str to list of str
        Faults by file; files without any are left out.

    Raises
    ------
    BadInput
        One of the others is a folder without manifests.
    OSError
        One of the others can't be read.
    """
    found = {}
    own = folder / "kubernetes"
    for place in (*([own] if own.is_dir() else []), *others):
        paths = kubernetes.manifest_files(place)
        if place in others and not paths:
            raise BadInput(
                f"{place} is a folder without a manifest: name a file, or a folder with files that "
                f"end in {', '.join(kubernetes.SUFFIXES)}"
            )
        for path in paths:
            if faults := kubernetes.faults_of(path.read_text(encoding="utf-8", errors="replace")):
                found[str(path)] = faults
    return found


def rules_of(folder: Path, settings: Settings) -> dict[str, Rule]:
    """Return the rules of a site by id: the package's, with those beside its ``ops.toml``."""
    more = None if settings.rules is None else folder / settings.rules
    return {rule.id: rule for rule in read_rules(more)}


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return ""


def _yaml(*documents: Any) -> str:
    import yaml

    class Plain(yaml.SafeDumper):  # type: ignore[misc]
        """Without anchors for what stands in several places."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    text = yaml.dump_all(documents, Dumper=Plain, sort_keys=False, width=100, allow_unicode=True)
    return HEAD + str(text)


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
