"""The version: setup.py and pyproject.toml read it from the source, both modules are built with it."""

__version__ = "0.1.0"
