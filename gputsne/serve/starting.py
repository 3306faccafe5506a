"""Starting the server: as an ASGI application, or as a process that listens.

What the extra ``serve`` brings is imported only here, and only when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gputsne.base.errors import BadInput, DependencyMissing
from gputsne.base.extras import pip_install
from gputsne.serve.catalogue import catalogue_of
from gputsne.serve.settings import Settings, is_loopback
from gputsne.serve.tokens import Tokens

if TYPE_CHECKING:
    from gputsne.serve.asgi import Application

__all__ = ["application", "check_open", "serve"]


def application(
    source: Any, *, settings: Settings | None = None, tokens: Tokens | None = None
) -> Application:
    """Return the server as an ASGI application, for uvicorn or another server.

    Parameters
    ----------
    source : Store, str or path-like
        A store, its URI, or a folder of maps or tile sets.
    settings : Settings or None, default None
        Limits; None for the defaults.
    tokens : Tokens or None, default None
        Who may send requests; None or none: everybody who reaches the address.

    Returns
    -------
    Application

    Raises
    ------
    BadInput
        The source is neither a store nor a folder; or the settings name an address that others
        reach, and there are no tokens.
    DependencyMissing
        A package of the extra ``serve`` isn't installed.
    """
    settings, tokens = settings or Settings(), tokens or Tokens()
    check_open(settings, tokens)
    with _extra():
        from gputsne.serve.asgi import Application
    return Application(catalogue_of(source), settings, tokens)


def check_open(settings: Settings, tokens: Tokens) -> None:
    """Raise BadInput for an address that others reach and where nobody is asked for a token.

    Parameters
    ----------
    settings : Settings
        With the address.
    tokens : Tokens
        Who may send requests.
    """
    if not tokens and not is_loopback(settings.host):
        raise BadInput(
            f"host={settings.host!r} is reached by others, which needs tokens: --tokens FILE, or "
            "the variable GPUTSNE_TOKENS; gputsne serve --new-token viewer prints a line of it"
        )


def serve(
    source: Any,
    *,
    settings: Settings | None = None,
    tokens: Tokens | None = None,
    ready: Callable[[str], None] | None = None,
) -> bool:
    """Serve until SIGTERM or SIGINT; requests in flight are answered first.

    Parameters
    ----------
    source : Store, str or path-like
        A store, its URI, or a folder of maps or tile sets.
    settings : Settings or None, default None
        Address and limits; None for the defaults.
    tokens : Tokens or None, default None
        Who may send requests.
    ready : callable or None, default None
        Called with the address once it listens.

    Returns
    -------
    bool
        Whether a computation still runs, which nothing waits for: to end the process then takes
        ``os._exit``. Whatever it makes is lost, and nothing else.

    Raises
    ------
    BadInput
        An address that others reach, without tokens; or a source that is none.
    OSError
        The address can't be listened to.
    DependencyMissing
        A package of the extra ``serve`` isn't installed.
    """
    settings, tokens = settings or Settings(), tokens or Tokens()
    app = application(source, settings=settings, tokens=tokens)
    with _extra():
        from gputsne.serve.running import run
    return run(app, settings, ready)


@contextmanager
def _extra() -> Iterator[None]:
    """Let an import that fails inside say which extra brings the package."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "gputsne":
            raise
        said = f"the server needs {error.name}: {pip_install('serve')}"
        raise DependencyMissing(said) from error
