"""What a post-mortem of a run needs, as one zip of JSON and csv."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gputsne.base.errors import BadInput
from gputsne.runs.review import difference, drift_of

if TYPE_CHECKING:
    from gputsne.runs.store import Store

__all__ = ["before", "bundle_of"]

EARLIEST: Final = (1980, 1, 1, 0, 0, 0)  # that a zip can hold: the same run makes the same bytes


def before(store: Store, id: str) -> str | None:
    """Return the run that a run is compared with.

    Parameters
    ----------
    store : Store
        Where both are.
    id : str
        The run.

    Returns
    -------
    str or None
        The one that a ref stood for before it, the one that it started from, or the last one before
        it that ended well; None where there is none.
    """
    for ref in store.refs():
        for move in reversed(store.history(ref)):
            if move.id == id and move.action == "promote" and move.previous is not None:
                return move.previous
    start = store.get(id).run.previous
    earlier = [run.id for run in store.list(status="done") if run.id < id]
    return start or (earlier[-1] if earlier else None)


def bundle_of(store: Store, id_or_ref: str, path: Path) -> list[str]:
    """Write the zip of a run.

    Parameters
    ----------
    store : Store
        Where it is.
    id_or_ref : str
        The run.
    path : Path
        The file to write.

    Returns
    -------
    list of str
        Names of the files in it.
    """
    found = store.get(id_or_ref)
    run, checks = found.run, store.checks(found.id)
    other = before(store, found.id)
    against: dict[str, Any] = {"run": found.id, "previous": other}
    if other is not None:
        try:
            against |= difference(store.get(other).run, run)
        except BadInput as error:  # pruned since
            against["error"] = str(error)
    curve = "".join(f"{i},{'' if kl is None else repr(kl)}\n" for i, kl in run.kl_history)
    names = ("price_per_hour", "seconds", "replicas", "cost")
    files = {
        "run.json": _json(run.to_dict()),
        "kl.csv": f"iteration,kl_divergence\n{curve}",
        "diff.json": _json(against),
        "cost.json": _json({name: getattr(run, name) for name in names}),
        "checks.json": _json(list(checks)),
    }
    if drift := drift_of(run, checks):
        files["drift.json"] = _json(drift)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, EARLIEST)
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED)
    return list(files)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, allow_nan=False) + "\n"
