"""HTML pages that load nothing: templates of jinja2, every text escaped, one style, no script."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

from gputsne.base.errors import DependencyMissing
from gputsne.base.extras import pip_install

__all__ = ["NOT_XML", "cell", "clipped", "number", "rendered", "template_of"]

# Characters that XML 1.0 can't hold, not even escaped (section 2.2); HTML calls them errors.
NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
STYLE: Final = "page.css"
CELL: Final = 160  # characters of one cell


def number(value: Any, digits: int = 4) -> str:
    """Return a value for reading.

    Parameters
    ----------
    value : object
        Numbers get ``digits`` significant digits, whole ones commas; None and NaN are "n/a".
    digits : int, default 4
        Of a number with a fraction.

    Returns
    -------
    str

    Examples
    --------
    >>> number(0.0612345), number(100000), number(float("nan"))
    ('0.06123', '100,000', 'n/a')
    """
    if value is None or value != value:  # NaN alone differs from itself
        return "n/a"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if abs(value) < 1e15 and float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.0f}" if 10**digits <= abs(value) < 1e15 else f"{value:.{digits}g}"


def clipped(text: Any, width: int = CELL) -> str:
    """Return a text's beginning, with an ellipsis where something is left out.

    Parameters
    ----------
    text : object
        Anything that ``str`` turns into text.
    width : int, default 160
        Most characters.

    Returns
    -------
    str

    Examples
    --------
    >>> clipped("abcdef", 4)
    'abc…'
    """
    said = " ".join(str(text).split())
    return said if len(said) <= width else f"{said[: width - 1]}…"


def cell(value: Any) -> str:
    """Return a value of a record for a table: numbers for reading, texts clipped.

    Parameters
    ----------
    value : object
        Any.

    Returns
    -------
    str

    Examples
    --------
    >>> cell(0.25), cell(2026), cell(None)
    ('0.25', '2026', 'n/a')
    """
    if isinstance(value, int):  # a year, a port, an id: no commas
        return str(value)
    return clipped(number(value) if isinstance(value, float) or value is None else value)


def rendered(template: str, rooms: Sequence[str] = (), **facts: Any) -> str:
    """Return a page, or a part of one, as HTML.

    Parameters
    ----------
    template : str
        Name of a file in ``templates`` of one of the rooms.
    rooms : sequence of str
        Packages whose templates may be used, besides the page's own in ``gputsne.base``.
    **facts : object
        What the template names.

    Returns
    -------
    str
        Every text in it escaped; characters that HTML can't hold are replaced.

    Raises
    ------
    DependencyMissing
        Without jinja2, which the extra ``report`` brings.

    Examples
    --------
    >>> "<h1>a &amp; b</h1>" in rendered("page.html.j2", title="a & b")
    True
    """
    html: str = template_of(template, rooms).render(facts)
    return html


def template_of(template: str, rooms: Sequence[str] = ()) -> Any:
    """Return a template by name; its macros are ``template.module``'s.

    Parameters
    ----------
    template : str
        Name of a file in ``templates`` of one of the rooms.
    rooms : sequence of str
        Packages whose templates may be used, besides the page's own in ``gputsne.base``.

    Returns
    -------
    jinja2.Template

    Raises
    ------
    DependencyMissing
        Without jinja2, which the extra ``report`` brings.
    """
    return _environment(tuple(rooms)).get_template(template)


@cache
def _environment(rooms: tuple[str, ...]) -> Any:
    try:
        from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        said = f"an HTML page needs jinja2: {pip_install('report')}"
        raise DependencyMissing(said) from error

    loader = ChoiceLoader([PackageLoader(room) for room in (*rooms, "gputsne.base")])
    environment = Environment(
        loader=loader, autoescape=True, finalize=_printable, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": number, "clipped": clipped, "cell": cell}
    style = resources.files("gputsne.base").joinpath("templates", STYLE).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    # One style by its hash, pictures by data: alone: whatever a text might smuggle in stays inert.
    environment.globals |= {
        "style": Markup(style),
        "policy": f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'",
    }
    return environment


def _printable(value: Any) -> Any:
    """Return what is put into a page: None as n/a, text without what HTML can't hold."""
    if value is None:
        return "n/a"
    if isinstance(value, Mapping):
        value = ", ".join(f"{name}: {held}" for name, held in value.items())
    return NOT_XML.sub("\ufffd", value) if type(value) is str else value
