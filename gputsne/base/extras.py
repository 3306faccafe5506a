"""How the packages of an extra are installed, as every message of a missing one says it."""

from __future__ import annotations

__all__ = ["pip_install"]


def pip_install(extra: str) -> str:
    """Return the command that brings an extra's packages.

    Where gputsne is installed, its name is enough: pip adds what the extra lists. From a clone, as
    README.md installs it, it is the clone's path.

    Parameters
    ----------
    extra : str
        One of ``[project.optional-dependencies]`` in pyproject.toml.

    Returns
    -------
    str

    Examples
    --------
    >>> pip_install("io")
    "pip install 'gputsne[io]', or '.[io]' in a clone of gputsne"
    """
    return f"pip install 'gputsne[{extra}]', or '.[{extra}]' in a clone of gputsne"
