"""The viewer of maps in a browser: its assets, the page that holds a map, and their container."""

from __future__ import annotations
