"""The version: setup.py and pyproject.toml read it here, and both compiled modules carry it."""

__version__ = "0.1.0"
