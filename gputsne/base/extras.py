"""How packages that are missing or broken are installed, as every message says it."""

from __future__ import annotations

__all__ = ["pip_install", "unimportable"]


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


def unimportable(error: ImportError) -> str:
    """Return the line of the command where a library that everything needs is broken.

    Parameters
    ----------
    error : ImportError
        What importing it raised.

    Returns
    -------
    str

    Examples
    --------
    >>> unimportable(ImportError("a symbol is missing", name="scipy.linalg"))[:59]
    "gputsne: scipy can't be imported: a symbol is missing; pip "
    """
    package = (error.name or "numpy").partition(".")[0]
    said = f"gputsne: {package} can't be imported: {' '.join(str(error).split())}"
    return f"{said}; pip install --force-reinstall {package}"
