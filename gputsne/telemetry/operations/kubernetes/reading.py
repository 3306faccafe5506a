"""Reading manifests: which files of a folder are some, and the documents of a text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gputsne.data import require

__all__ = ["SUFFIXES", "documents_of", "manifest_files"]

SUFFIXES: Final = (".json", ".yaml", ".yml")  # of files that kubectl apply -f FOLDER takes


def manifest_files(place: Path) -> list[Path]:
    """Return the files of manifests at a place.

    Parameters
    ----------
    place : Path
        A file, or a folder that is searched with all its folders.

    Returns
    -------
    list of Path
        The file itself; of a folder those whose names end as `SUFFIXES`, in either case.
    """
    if not place.is_dir():
        return [place]
    return sorted(p for p in place.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def documents_of(text: str) -> list[Any]:
    """Return the documents of a text of YAML or JSON.

    Parameters
    ----------
    text : str
        Several documents after ``---``.

    Returns
    -------
    list
        Mappings, lists and plain values; none contains itself.

    Raises
    ------
    ValueError
        It is neither, is nested too deeply, has a key twice in a mapping, or contains itself.
    DependencyMissing
        PyYAML isn't installed.
    """
    require("yaml", "reading manifests")
    import yaml

    class Strict(yaml.SafeLoader):  # type: ignore[misc]
        """Without keys that stand twice: readers differ in which of them counts."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
                if isinstance(key, yaml.ScalarNode):
                    if key.value in seen:
                        raise ValueError(f"key {key.value!r} stands twice{key.start_mark}")
                    seen.add(key.value)
            return super().construct_mapping(node, deep)

    try:
        if text.lstrip().startswith("{"):  # tabs indent JSON, and never YAML
            try:
                return [json.loads(text, object_pairs_hook=_once)]
            except json.JSONDecodeError:
                pass  # YAML has braces, too
        found = list(yaml.load_all(text, Loader=Strict))  # a SafeLoader
        for document in found:
            _check_ends(document, set(), set())
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # dates, and nesting
        raise ValueError(" ".join(str(error).split())) from error
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key!r} stands twice")
        found[key] = value
    return found


def _check_ends(value: Any, around: set[int], known: set[int]) -> None:
    """Raise ValueError for a mapping or list that contains itself, as an alias of YAML may.

    Parameters
    ----------
    value : object
        Of a document.
    around : set of int
        Identities of what it is in.
    known : set of int
        Identities of what was read already, and ends.
    """
    if not isinstance(value, Mapping | list) or id(value) in known:
        return
    if id(value) in around:
        raise ValueError("an alias stands within what it is an alias of")
    around.add(id(value))
    for part in value.values() if isinstance(value, Mapping) else value:
        _check_ends(part, around, known)
    around.remove(id(value))
    known.add(id(value))
