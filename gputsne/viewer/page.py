"""Pages of the viewer: one offline file with the map in it, and the index of a folder of tiles.

Both have a strict content policy: the scripts and styles named by their hash or lying beside the
page, no script in attributes, none made of text. The offline page may ask for nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from html import escape
from typing import Any

from gputsne.viewer.files import SCRIPT, STYLE, asset, bundle

__all__ = ["THEMES", "folder", "page"]

THEMES = ("auto", "light", "dark")
_START = "start();"
_LEVEL = 6  # of zlib: beyond, coordinates get no smaller
_REST = """
html, body { margin: 0; height: 100%; background: #ffffff }
@media (prefers-color-scheme: dark) { html, body { background: #0d1117 } }
main { height: 100vh; height: 100dvh }
noscript { display: block; padding: 1em 2em; font: 16px/1.5 sans-serif }
noscript { color: #222222; background: #ffffff }
"""
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="gputsne {version}">
<title>{title}</title>
{head}</head><body>
<noscript><h1>{title}</h1>{told}</noscript>
<main id="gputsne-map" data-asked="{theme}"></main>
{body}</body></html>
"""


def page(tileset: Mapping[str, Any], container: bytes, *, theme: str = "auto") -> str:
    """Return a map as one page that works without a network.

    Parameters
    ----------
    tileset : mapping
        Title, caption, alt and columns; see ``contents``.
    container : bytes
        The points.
    theme : {"auto", "light", "dark"}
        What the page begins with; "auto" is what the reader's system prefers.

    Returns
    -------
    str
        HTML; equal maps give equal pages.

    Raises
    ------
    ValueError
        For another theme.
    """
    style, script = asset(STYLE) + _REST, asset(SCRIPT) + _START
    told = json.dumps(tileset, allow_nan=False, separators=(",", ":"))
    data = base64.b64encode(zlib.compress(container, _LEVEL)).decode()
    body = (
        f'<script type="application/json" id="gputsne-tileset">{_inert(told)}</script>\n'
        f'<script type="application/octet-stream" id="gputsne-data">{data}</script>\n'
        f'<script type="module">{script}</script>\n'
    )
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return _filled(tileset, policy, f"<style>{style}</style>\n", body, theme)


def folder(tileset: Mapping[str, Any], *, theme: str = "auto") -> dict[str, bytes]:
    """Return the files that show a folder of tiles: index.html and what it loads.

    Parameters
    ----------
    tileset : mapping
        What ``tileset.json`` in that folder says; its title and alt stand in the index.
    theme : {"auto", "light", "dark"}
        What the page begins with.

    Returns
    -------
    dict of str to bytes
        Name to content, for the folder in which ``tileset.json`` lies.

    Raises
    ------
    ValueError
        For another theme.
    """
    begin = f'import {{ start }} from "./{SCRIPT}";\n{_START}\n'
    head = f'<link rel="stylesheet" href="{STYLE}">\n<link rel="stylesheet" href="page.css">\n'
    head += f'<link rel="modulepreload" href="{SCRIPT}">\n'
    head += '<link rel="preload" href="tileset.json" as="fetch" crossorigin>\n'
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'"
    )
    body = '<script type="module" src="page.js"></script>\n'
    index = _filled(tileset, policy, head, body, theme)
    return {
        "index.html": index.encode(), "page.js": begin.encode(), "page.css": _REST.encode(),
        **bundle(),
    }  # fmt: skip


def _filled(tileset: Mapping[str, Any], policy: str, head: str, body: str, theme: str) -> str:
    from gputsne._version import __version__

    if theme not in THEMES:
        raise ValueError(f"theme={theme!r} is none of {', '.join(THEMES)}")
    title = _writable(str(tileset.get("title") or "Map"))
    alt = tileset.get("alt") or f"{title}: a map of {tileset.get('rows', 0)} points."
    texts = (alt, tileset.get("caption"), "This page needs JavaScript to draw the map.")
    told = "".join(f"<p>{escape(_writable(str(text)))}</p>" for text in texts if text)
    return _PAGE.format(
        policy=policy, version=__version__, title=escape(title), theme=theme, head=head,
        told=told, body=body,
    )  # fmt: skip


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _inert(told: str) -> str:
    """Return JSON without what could end a script element or begin a comment."""
    return told.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _writable(text: str) -> str:
    """Return a text without halves of surrogate pairs, which UTF-8 can't write."""
    return text.encode("utf-8", "replace").decode()
