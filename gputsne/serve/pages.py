"""The server's own pages, and the content policy that each is served with."""

from __future__ import annotations

from typing import Any, Final

from gputsne.base.pages import rendered, template_of

__all__ = ["page_of"]

ROOM: Final = "gputsne.serve"


def page_of(template: str, **facts: Any) -> tuple[str, str]:
    """Return a page and its Content-Security-Policy.

    Parameters
    ----------
    template : str
        Name of a file in this room's ``templates``.
    **facts : object
        What it names.

    Returns
    -------
    tuple of str
        HTML with every text escaped; the policy, which allows the style by its hash, and scripts
        and pictures of this server.

    Raises
    ------
    DependencyMissing
        jinja2 isn't installed.
    """
    style = template_of(template, (ROOM,)).environment.globals["policy"]
    policy = style.replace("img-src data:", "img-src 'self'; script-src 'self'; connect-src 'self'")
    html = rendered(template, (ROOM,), policy=policy, **facts)
    return html, f"{policy}; frame-ancestors 'none'"
