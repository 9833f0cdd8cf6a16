# SPDX-License-Identifier: MIT
"""Imports a second, altered copy of the firmware beside the real one.

The copy lives under a root name of its own, so both run in one process on the same
inputs: how mutation tests and the small-int check look inside untouched sources.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pump

SOURCE = Path(pump.__file__).parent
Transform = Callable[[str, ast.Module], ast.Module]
_serial = itertools.count()


class _Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and executes `root.x.y` from firmware/pump/x/y.py, transformed."""

    def __init__(self, root: str, transform: Transform, names: dict[str, Any]) -> None:
        self.root, self._transform, self._names = root, transform, names

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module below this root, and nothing else."""
        if fullname.split(".", maxsplit=1)[0] != self.root:
            return None
        is_package = (SOURCE / "/".join(fullname.split(".")[1:])).is_dir()
        return importlib.machinery.ModuleSpec(fullname, self, is_package=is_package)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the transformed source in `module`."""
        parts = module.__name__.split(".")[1:]
        path = SOURCE.joinpath(*parts)
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        tree = self._transform(".".join(parts), tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "pump":
                node.module = self.root + (node.module or "")[len("pump") :]
        module.__dict__.update(self._names)
        exec(compile(ast.fix_missing_locations(tree), str(path), "exec"), module.__dict__)


@contextmanager
def altered_pump(transform: Transform, **names: object) -> Iterator[Callable[[str], ModuleType]]:
    """Yield an importer of the altered copy: `importer("core.controller")`.

    `names` are put into every module's globals before it runs.
    """
    root = f"pump_altered_{next(_serial)}"
    loader = _Loader(root, transform, dict(names))
    sys.meta_path.insert(0, loader)
    try:
        yield lambda name: importlib.import_module(f"{root}.{name}")
    finally:
        sys.meta_path.remove(loader)
        for name in [name for name in sys.modules if name.split(".")[0] == root]:
            del sys.modules[name]
