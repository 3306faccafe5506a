"""The server of maps, ``gputsne serve``, and on-demand maps of small tables.

``embed_once`` and ``lambda_handler`` need no server; what does needs the extra ``serve`` and is
imported when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from gputsne.base.errors import DependencyMissing
from gputsne.serve.aws import lambda_handler
from gputsne.serve.embedding import Embedded, EmbedService, embed_once
from gputsne.serve.refusals import Refused
from gputsne.serve.settings import Settings
from gputsne.serve.tokens import Tokens, new_token

if TYPE_CHECKING:
    from gputsne.serve.asgi import application
    from gputsne.serve.running import serve

__all__ = [
    "EmbedService",
    "Embedded",
    "Refused",
    "Settings",
    "Tokens",
    "application",
    "embed_once",
    "lambda_handler",
    "new_token",
    "serve",
]

_LATE: Final = {"application": "gputsne.serve.asgi", "serve": "gputsne.serve.running"}


def __getattr__(name: str) -> Any:
    """Import what needs the extra, the first time it is asked for."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_LATE[name]), name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "gputsne":
            raise
        said = f"the server needs {error.name}: pip install 'gputsne[serve]'"
        raise DependencyMissing(said) from error
