"""Handler of the function of AWS Lambda: small maps on demand, for callers with a token."""

import os

from gputsne.serve import EmbedService, Tokens, lambda_handler

# Tokens come from GPUTSNE_TOKENS; without any the function would answer everybody, so it doesn't.
tokens = Tokens.read(None, os.environ)
if not len(tokens):
    raise SystemExit(
        "GPUTSNE_TOKENS is empty: gputsne serve --new-token editor prints a line of it"
    )
service = EmbedService(
    tokens=tokens,
    calls=float(os.environ.get("GPUTSNE_CALLS", "10")),
    seconds=float(os.environ.get("GPUTSNE_SECONDS", "50")),
)
handler = lambda_handler(service)
