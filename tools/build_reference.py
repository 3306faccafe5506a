"""Builds the API reference: HTML pages of every public name, from its docstring, by pdoc.

    python tools/build_reference.py site/reference

Public is what ``gputsne.__all__`` names: classes and functions stand on the page ``gputsne``, each
of its modules has a page of its own. tests/docs/test_reference.py builds it and follows every link.
"""

from __future__ import annotations

import argparse
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gputsne

ROOT = Path(__file__).resolve().parents[1]


def modules() -> list[types.ModuleType]:
    """Return the modules that have a page: the package, and the modules among its public names."""
    public = [getattr(gputsne, name) for name in gputsne.__all__]
    return [gputsne, *(value for value in public if isinstance(value, types.ModuleType))]


@contextmanager
def inherited_as_own() -> Iterator[None]:
    """Let public classes have what they inherit from classes of gputsne that have no page.

    pdoc describes what is a class's own, and of the rest only names the class that it is of.
    """
    public = [value for module in modules() for value in vars(module).values()]
    lent = []
    for cls in (value for value in public if isinstance(value, type)):
        for base in cls.__mro__[1:]:
            if not base.__module__.startswith("gputsne") or base in public:
                continue
            for name, value in vars(base).items():
                if not name.startswith("_") and name not in vars(cls):
                    setattr(cls, name, value)
                    lent.append((cls, name))
    try:
        yield
    finally:
        for cls, name in lent:
            delattr(cls, name)


def build(out: Path) -> list[Path]:
    """Write the reference into a folder.

    Parameters
    ----------
    out : Path
        Made if it is missing; pages of the same names are replaced.

    Returns
    -------
    list of Path
        The pages written.
    """
    import pdoc
    import pdoc.render

    pdoc.render.configure(
        docformat="numpy", include_undocumented=False, search=True, show_source=False
    )
    with warnings.catch_warnings(), inherited_as_own():
        # pdoc evaluates annotations; those under TYPE_CHECKING stay text, which is what is wanted.
        warnings.simplefilter("ignore", UserWarning)
        # In a clone with the package installed elsewhere pdoc says that it takes the installed one.
        warnings.filterwarnings("ignore", "'gputsne' may refer to either", RuntimeWarning)
        pdoc.pdoc(*(module.__name__ for module in modules()), output_directory=out)
    return sorted(out.rglob("*.html"))


def main() -> None:
    """Build into the folder that is named, and say what was written."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "build" / "reference")
    out = parser.parse_args().out
    print(f"{len(build(out))} pages in {out}; open {out / 'index.html'}")


if __name__ == "__main__":
    main()
