"""The names of CuPy that a source file looks up, read off its syntax tree: so on every path.

A chain of attributes is followed through CuPy itself, which imports without a GPU: modules and
classes as they are, what a call returns by ``RETURNS``. ``xp`` is ``cupy`` and ``fft`` is
``cupyx.scipy.fft`` by the package's own convention; local names and attributes of ``self`` stand
for what they are assigned.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import cupy
import cupyx.scipy.fft
from cupy.fft._cache import PlanCache

ARRAYS = (
    "array", "asarray", "ascontiguousarray", "empty", "empty_like", "from_dlpack", "full", "zeros",
)  # fmt: skip
RETURNS: dict[Any, type] = {
    **{getattr(cupy, name): cupy.ndarray for name in ARRAYS},
    cupy.cuda.get_current_stream: cupy.cuda.Stream,
    cupy.cuda.Stream.end_capture: cupy.cuda.Graph,
    cupy.fft.config.get_plan_cache: PlanCache,
    cupy.get_default_memory_pool: cupy.cuda.MemoryPool,
    cupy.get_default_pinned_memory_pool: cupy.cuda.PinnedMemoryPool,
}


# Set in the constructor, so not to be seen on the class.
SET_LATE = {(cupy.cuda.Stream, "ptr")}


class Instance(NamedTuple):
    """A value of which only the type is known."""

    kind: type


class Method(NamedTuple):
    """A method of a value: called without ``self``."""

    function: Any


class Names:
    """Lookups in one file.

    Parameters
    ----------
    source : str
        Python.

    Attributes
    ----------
    seen : set of str
        What was looked up, as ``cupy.cuda.Stream.begin_capture``.
    faults : list of str
        Line and reason: CuPy has no such name, or its function would not take the arguments.
    """

    def __init__(self, source: str) -> None:
        self.seen: set[str] = set()
        self.faults: list[str] = []
        self.own: dict[str, Any] = {}  # attributes of self
        self._told: set[ast.AST] = set()
        tree = ast.parse(source)
        for _ in range(2):  # an attribute may be assigned below its use
            self.faults.clear()
            self._told.clear()
            self._scope(tree, {})

    def _scope(self, node: ast.AST, outer: dict[str, Any]) -> None:
        """Walk a module, a class or a function; its local names are those of no other."""
        names = dict(outer)
        inner: list[ast.AST] = []
        body: list[ast.AST] = []
        rest = list(ast.iter_child_nodes(node))
        while rest:
            child = rest.pop(0)
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner.append(child)
            else:
                body.append(child)
                rest = [*ast.iter_child_nodes(child), *rest]
        for child in body:
            self._assign(child, names)
        for child in body:
            if isinstance(child, ast.expr):
                self._value(child, names)
        for child in inner:
            self._scope(child, names)

    def _assign(self, node: ast.AST, names: dict[str, Any]) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in ("cupy", "cupyx") and alias.asname is None:
                    names[alias.name.split(".")[0]] = __import__(alias.name)
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in ("cupy", "cupyx"):
                home = self._path(node, node.module or "")
                for alias in node.names:
                    names[alias.asname or alias.name] = self._get(node, home, alias.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            value = self._value(node.value, names)
            for target in targets:
                if isinstance(target, ast.Name):
                    known = names.get(target.id, value)
                    names[target.id] = value if known == value else None
                elif isinstance(target, ast.Attribute) and value is not None:
                    self.own[target.attr] = value

    def _path(self, node: ast.AST, dotted: str) -> Any:
        home: Any = cupy if dotted.split(".")[0] == "cupy" else cupyx
        for part in dotted.split(".")[1:]:
            home = self._get(node, home, part)
        return home

    def _value(self, node: ast.expr, names: dict[str, Any]) -> Any:
        """Return what an expression is in CuPy; None where it is not CuPy's or not known."""
        if isinstance(node, ast.Name):
            return names.get(node.id, {"xp": cupy, "fft": cupyx.scipy.fft}.get(node.id))
        if isinstance(node, ast.Attribute):
            base = self._value(node.value, names)
            if base is not None:
                return self._get(node, base, node.attr)
            convention = {"xp": cupy, "fft": cupyx.scipy.fft}
            return convention.get(node.attr, self.own.get(node.attr))
        if isinstance(node, ast.Call):
            called = self._value(node.func, names)
            if isinstance(node.func, ast.Name) and node.func.id.startswith("_cupy"):
                return cupyx.scipy.fft if node.func.id.endswith("fft") else cupy
            return self._result(node, called)
        return None

    def _get(self, node: ast.AST, base: Any, name: str) -> Any:
        """Return an attribute; note it, and a fault where there is none."""
        kind = base.kind if isinstance(base, Instance) else base
        home = getattr(kind, "__name__", type(kind).__name__)
        if isinstance(kind, type) and kind.__module__.split(".")[0] in ("cupy", "cupyx"):
            home = f"{kind.__module__}.{home}"
        self.seen.add(f"{home}.{name}")
        if isinstance(base, Instance) and (kind, name) in SET_LATE:
            return None
        if not hasattr(kind, name):
            self._fault(node, f"{home} has no {name}")
            return None
        found = getattr(kind, name)
        known = isinstance(found, ModuleType | type) or callable(found)
        if isinstance(base, Instance):
            return Method(found) if known else None
        return found if known or found is cupy.fft.config else None

    def _result(self, node: ast.Call, called: Any) -> Any:
        if called is None or isinstance(called, Instance):
            return None
        method = isinstance(called, Method)
        called = called.function if method else called
        star = any(isinstance(a, ast.Starred) for a in node.args)
        star = star or any(keyword.arg is None for keyword in node.keywords)
        try:
            signature = inspect.signature(called)
        except (TypeError, ValueError):  # what is written in Cython tells no signature
            signature = None
        if signature is not None and not star:
            given = [None] * (len(node.args) + method)
            try:
                signature.bind(*given, **{str(k.arg): None for k in node.keywords})
            except TypeError as error:
                self._fault(node, f"{called.__qualname__}: {error}")
        if isinstance(called, type):
            return Instance(called)
        try:
            return Instance(RETURNS[called]) if called in RETURNS else None
        except TypeError:  # not hashable
            return None

    def _fault(self, node: ast.AST, reason: str) -> None:
        if node not in self._told:
            self._told.add(node)
            self.faults.append(f"line {getattr(node, 'lineno', 0)}: {reason}")


def of(path: Path) -> Names:
    """Return what a file looks up."""
    return Names(path.read_text(encoding="utf-8"))
