"""The server of maps, ``gputsne serve``, and on-demand maps of small tables.

``embed_once`` and ``lambda_handler`` need no server; what does needs the extra ``serve`` and is
imported when it is asked for.
"""

from __future__ import annotations

from gputsne.base.errors import Refused
from gputsne.serve.aws import lambda_handler
from gputsne.serve.embedding import Embedded, EmbedService, embed_once
from gputsne.serve.settings import Settings
from gputsne.serve.starting import application, serve
from gputsne.serve.tokens import Tokens, new_token

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
