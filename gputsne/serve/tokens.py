"""Bearer tokens with roles: kept as hashes, compared in constant time, never logged.

A file, or the variable GPUTSNE_TOKENS, has a line ``ROLE SHA256`` per token; ``#`` begins a
comment. Tokens are 256 random bits, so their plain SHA-256 tells nothing that could be guessed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from gputsne.base.errors import BadInput

__all__ = ["ROLES", "VARIABLE", "Caller", "Tokens", "new_token", "token_of"]

VARIABLE: Final = "GPUTSNE_TOKENS"
ROLES: Final = ("viewer", "editor")  # each may do what those before it may
HASH: Final = re.compile(r"[0-9a-f]{64}")
LONGEST: Final = 512  # characters of a token that is looked at
RANDOM_BYTES: Final = 32


@dataclass(frozen=True)
class Caller:
    """Who sent a request, as far as the server knows.

    Attributes
    ----------
    role : str
        "viewer" or "editor"; "" for nobody, at the few places that are open.
    key : str
        What quotas are counted by; no token or address can be told from it.
    """

    role: str
    key: str

    def may(self, role: str) -> bool:
        """Tell whether the caller has this role, or one above it.

        Parameters
        ----------
        role : {"viewer", "editor"}
            What is needed.

        Returns
        -------
        bool
        """
        return self.role in ROLES[ROLES.index(role) :]


def new_token(role: str) -> tuple[str, str]:
    """Return a new token, and the line that makes a server accept it.

    Parameters
    ----------
    role : {"viewer", "editor"}
        What it allows.

    Returns
    -------
    tuple of str
        The token, which is kept nowhere, and ``ROLE SHA256``.

    Raises
    ------
    ValueError
        There is no such role.

    Examples
    --------
    >>> token, line = new_token("viewer")
    >>> Tokens.parse(line).caller(token).role
    'viewer'
    """
    if role not in ROLES:
        raise ValueError(f"role={role!r} is none of {', '.join(ROLES)}")
    token = f"gts_{secrets.token_urlsafe(RANDOM_BYTES)}"
    return token, f"{role} {_digest(token).hex()}"


class Tokens:
    """The tokens that a server accepts.

    Parameters
    ----------
    hashes : iterable of (str, bytes)
        Role and SHA-256 of each.

    Raises
    ------
    BadInput
        One hash has two roles.
    """

    def __init__(self, hashes: Iterable[tuple[str, bytes]] = ()) -> None:
        self._hashes = tuple(hashes)
        roles: dict[bytes, str] = {}
        for role, known in self._hashes:
            if roles.setdefault(known, role) != role:
                raise BadInput("a token has two roles: remove one of the lines with its hash")

    def __len__(self) -> int:
        return len(self._hashes)

    def __repr__(self) -> str:
        return f"Tokens({len(self)})"

    @classmethod
    def parse(cls, text: str, name: str = "tokens") -> Self:
        """Return the tokens of a file's text.

        Parameters
        ----------
        text : str
            A line, or what stands between semicolons, per token.
        name : str
            What messages call it.

        Returns
        -------
        Tokens

        Raises
        ------
        BadInput
            A line is no role and hash; the message doesn't repeat it, as it may be a token.
        """
        found = []
        for i, line in enumerate(re.split(r"[\n;]", text), 1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            if len(words) != 2 or words[0] not in ROLES or not HASH.fullmatch(words[1].lower()):
                raise BadInput(
                    f"{name}, line {i}: write 'viewer' or 'editor' and the SHA-256 of the token in "
                    "64 hexadecimal digits; gputsne serve --new-token ROLE prints such a line"
                )
            found.append((words[0], bytes.fromhex(words[1])))
        return cls(found)

    @classmethod
    def read(cls, path: Path | None, environment: Mapping[str, str]) -> Self:
        """Return the tokens of a file, else of the environment, else none.

        Parameters
        ----------
        path : Path or None
            The file.
        environment : mapping of str to str
            Where ``GPUTSNE_TOKENS`` may be.

        Returns
        -------
        Tokens

        Raises
        ------
        BadInput
            The file can't be read, has none, or a line is no role and hash.
        """
        if path is None:
            return cls.parse(environment.get(VARIABLE, ""), VARIABLE)
        try:
            found = cls.parse(path.read_text(encoding="utf-8-sig"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{path} can't be read as a file of tokens: {error}") from error
        if not found:
            raise BadInput(f"{path} has no token; gputsne serve --new-token ROLE prints a line")
        return found

    def caller(self, token: str) -> Caller | None:
        """Return who has a token; None for nobody.

        Every hash is compared, in constant time, so that the time says neither which one it is nor
        how much of it is right.

        Parameters
        ----------
        token : str
            As it was sent.

        Returns
        -------
        Caller or None
        """
        digest, role = _digest(token[:LONGEST]), ""
        for name, known in self._hashes:
            if hmac.compare_digest(known, digest):
                role = name
        key = hashlib.sha256(b"quota" + digest).hexdigest()[:16]
        return Caller(role, key) if role else None


def token_of(authorization: str) -> tuple[str, str]:
    """Return scheme and token of an Authorization header; ("", "") for one that has none.

    Parameters
    ----------
    authorization : str
        ``Bearer TOKEN``, or ``Basic`` with the token as password, as browsers send it.

    Returns
    -------
    tuple of str
        "bearer" or "basic", and the token.

    Examples
    --------
    >>> token_of("Bearer abc"), token_of("Basic OmFiYw=="), token_of("Digest x")
    (('bearer', 'abc'), ('basic', 'abc'), ('', ''))
    """
    scheme, _, rest = authorization.strip().partition(" ")
    scheme, rest = scheme.lower(), rest.strip()
    if scheme == "bearer":
        return scheme, rest
    if scheme == "basic":
        try:
            text = base64.b64decode(rest, validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            return "", ""
        return scheme, text.partition(":")[2]
    return "", ""


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "backslashreplace")).digest()
