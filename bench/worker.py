"""A job's process: ``python -P worker.py CALL.json`` runs one function of jobs.py.

What is measured is the package that is installed. The clone's root must not stand on ``sys.path``,
or its sources, which may never have been compiled, would be imported in its place; so this file
makes the package ``bench`` known by its folder alone.
"""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def make_known() -> None:
    """Enter the package ``bench`` in ``sys.modules`` without a change of ``sys.path``."""
    if "bench" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "bench", HERE / "__init__.py", submodule_search_locations=[str(HERE)]
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules["bench"] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    make_known()
    from bench import jobs

    jobs.main(sys.argv[1])
