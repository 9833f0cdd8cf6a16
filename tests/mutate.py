# SPDX-License-Identifier: MIT
"""Mutation testing of the safety core: every operator, constant, condition and statement.

`python tests/mutate.py supervisor limiter journal program_slot` changes each in turn, in a forked
process, and runs the module's tests there; it fails where a mutant survives that is not listed,
with a reason, in tests/surviving_mutants.toml, and where one that is listed dies.  With
`--keep FOLDER` a run that was broken off goes on where it was.

Mutants: a binary operator becomes its opposite; a comparison moves its boundary and is negated;
`and` becomes `or`; a condition always or never holds; an int is one more and one less; a
statement is left out.  What only a board's compiler reads (decorators, annotations) is not
touched, nor are texts.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import hashlib
import os
import signal
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SURVIVING = ROOT / "tests" / "surviving_mutants.toml"
CORE = ROOT / "firmware" / "pump" / "core"
_OF_IMPORT = {"__file__", "__cached__", "__loader__", "__spec__", "__package__", "__doc__"}
_OPTIONS = (
    "-o", "addopts=--import-mode=importlib --strict-markers", "-p", "no:terminal", "--capture=no",
)  # fmt: skip
# A test that takes so many times as long as on the module as it is, and more, will never end.
_TIMES, _MORE_S = 6.0, 2.0

_SLOW_S = 0.5

# Which tests judge a module: the first file kills nearly all.
TESTS = {
    "supervisor": ("core/test_supervisor.py", "core/test_controller.py"),
    "limiter": ("core/test_limiter.py", "core/test_handover.py", "test_soft_limits.py"),
    "journal": ("core/test_journal.py", "test_black_box.py"),
    "log_ring": ("core/test_log_ring.py", "core/test_journal.py", "test_black_box.py"),
    "program_slot": ("core/test_program_slot.py",),
}

_OPPOSITE: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
_NEGATED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of a module."""

    name: str
    tree: ast.Module


def _changes(node: ast.AST) -> Iterator[ast.AST | None]:
    """Yield what may stand in place of `node`; None leaves a statement out."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _OPPOSITE:
        yield _with(node, op=_OPPOSITE[type(node.op)]())
    elif isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for table in (_BOUNDARY, _NEGATED):
                if type(operator) in table:
                    ops = [*node.ops]
                    ops[place] = table[type(operator)]()
                    yield _with(node, ops=ops)
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield node.operand
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield ast.Constant(not node.value)
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield _with(node, test=ast.Constant(False))
        if not isinstance(node, ast.While):
            yield _with(node, test=ast.Constant(True))
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    simple = ast.Assign | ast.AugAssign | ast.Expr | ast.Break | ast.Continue
    if isinstance(node, simple) and not is_text:
        yield None


def _with(node: ast.AST, **fields: object) -> ast.AST:
    """Return a copy of `node` with some fields replaced."""
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, each with a name that tells what was changed where."""
    seen: Counter[str] = Counter()
    tree = ast.parse(source)
    for scope, owner, field, place, node in _places(tree, ""):
        for change in _changes(node):
            before = ast.unparse(node).split("\n")[0]
            after = "nothing" if change is None else ast.unparse(change).split("\n")[0]
            name = f"{scope or 'module'}: {before} -> {after}"
            seen[name] += 1
            if seen[name] > 1:
                name += f" #{seen[name]}"
            new = ast.Pass() if change is None else change
            with _replaced(owner, field, place, new):
                yield Mutant(name, copy.deepcopy(tree))


@contextlib.contextmanager
def _replaced(owner: ast.AST, field: str, place: int | None, new: ast.AST) -> Iterator[None]:
    """Put `new` where a node stands, for a while."""
    if place is None:
        kept = getattr(owner, field)
        setattr(owner, field, new)
        yield
        setattr(owner, field, kept)
    else:
        nodes = getattr(owner, field)
        kept, nodes[place] = nodes[place], new
        yield
        nodes[place] = kept


def _places(node: ast.AST, scope: str) -> Iterator[tuple[str, ast.AST, str, int | None, ast.AST]]:
    """Yield scope, owner, field, place in a list, and node, of all that may be changed."""
    for field, value in ast.iter_fields(node):
        if field in ("decorator_list", "annotation", "returns", "names"):
            continue
        children = value if isinstance(value, list) else [value]
        for place, child in enumerate(children):
            if not isinstance(child, ast.AST):
                continue
            inner = scope
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = f"{scope}.{child.name}".strip(".")
            yield inner, node, field, place if isinstance(value, list) else None, child
            yield from _places(child, inner)


def alter(module: ModuleType, tree: ast.Module) -> None:
    """Let what `module` defines behave as the tree says, for all who have imported it."""
    scope: dict[str, Any] = {"__name__": module.__name__}
    exec(compile(ast.fix_missing_locations(tree), module.__name__, "exec"), scope)
    for name, new in scope.items():
        old = vars(module).get(name)
        if isinstance(old, FunctionType) and old.__module__ == module.__name__:
            old.__code__, old.__defaults__ = new.__code__, new.__defaults__
        elif isinstance(old, type) and old.__module__ == module.__name__:
            _alter_class(old, new)
        else:
            setattr(module, name, new)
    for name in set(vars(module)) - set(scope) - _OF_IMPORT:
        delattr(module, name)


def _alter_class(old: type, new: type) -> None:
    """Give the methods of a class the code of another's."""
    for name, member in vars(new).items():
        before = vars(old).get(name)
        if isinstance(member, property):
            before, member = before.fget, member.fget  # type: ignore[union-attr]
        if isinstance(member, FunctionType):
            before.__code__, before.__defaults__ = member.__code__, member.__defaults__  # type: ignore[union-attr]


def _leave_unshrunk(item: pytest.Item) -> None:
    """Let hypothesis be content with the first example that fails: only that it does counts."""
    import hypothesis  # not before pytest has loaded it as its plugin

    test = getattr(item, "function", None)
    own = getattr(test, "_hypothesis_internal_use_settings", None)
    if own is not None:
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        changed = hypothesis.settings(own, phases=phases, report_multiple_bugs=False)
        test._hypothesis_internal_use_settings = changed  # type: ignore[union-attr]


class Kept:
    """What is known of a module's mutants, in a file that names module and tests by their hash."""

    def __init__(self, folder: Path | None, module: str, files: Sequence[Path]) -> None:
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
        self._path = None if folder is None else folder / f"{module}-{digest[:16]}.txt"
        self.survived: dict[str, bool] = {}
        if self._path is not None and self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                fate, name = line.split("\t")
                self.survived[name] = fate == "survived"

    def note(self, name: str, survived: bool) -> None:
        """Keep the fate of one mutant."""
        self.survived[name] = survived
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(f"{'survived' if survived else 'killed'}\t{name}\n")


class _Plugin:
    """Runs the collected tests once for each mutant, in a process forked for it."""

    def __init__(self, module: str, chosen: Sequence[Mutant], kept: Kept, jobs: int) -> None:
        self._module, self._kept, self._jobs = module, kept, jobs
        self._chosen = [mutant for mutant in chosen if mutant.name not in kept.survived]
        self._took_s: dict[pytest.Item, float] = {}
        self.passed_unaltered = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Stand in for pytest's own loop."""
        self._rehearse(session)
        running: dict[int, str] = {}
        for mutant in self._chosen if self.passed_unaltered else ():
            running[self._begin(session, mutant)] = mutant.name
            if len(running) >= self._jobs:
                self._wait(running)
        while running:
            self._wait(running)
        return True

    def _rehearse(self, session: pytest.Session) -> None:
        """Run all tests on the module as it is; from here on the slow ones come last.

        What fixtures of the session have made is there for all processes that are forked later.
        """
        took_s = self._took_s
        for item, following in pairwise([*session.items, session.items[0]]):
            began_s = time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            took_s[item] = time.process_time() - began_s
        files = list(dict.fromkeys(item.path for item in session.items))
        session.items.sort(
            key=lambda item: (took_s[item] > _SLOW_S, files.index(item.path), took_s[item])
        )
        self.passed_unaltered = not session.testsfailed
        for item in session.items:
            _leave_unshrunk(item)

    def _wait(self, running: dict[int, str]) -> None:
        """Wait for a process to end, and note whether its mutant survived."""
        process, status = os.wait()
        name = running.pop(process)
        self._kept.note(name, status == 0)
        if status == 0:
            print(f"{self._module} survived: {name}", flush=True)

    def _begin(self, session: pytest.Session, mutant: Mutant) -> int:
        """Fork a process that ends with 0 where no test fails."""
        process = os.fork()
        if process == 0:
            code = 1
            try:
                code = self._tested(session, mutant)
            finally:
                os._exit(code)
        return process

    def _tested(self, session: pytest.Session, mutant: Mutant) -> int:
        """Run the tests up to the first that fails; return 1 then, else 0."""
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        alter(sys.modules[f"pump.core.{self._module}"], mutant.tree)
        for item, following in pairwise([*session.items, None]):
            assert item is not None
            signal.setitimer(signal.ITIMER_PROF, _TIMES * self._took_s[item] + _MORE_S)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                return 1
        return 0


def run(module: str, jobs: int, only: str, folder: Path | None) -> tuple[int, list[str]]:
    """Return how many mutants were made, and the names of those that survived."""
    source = CORE / f"{module}.py"
    files = [ROOT / "tests" / "pump" / name for name in TESTS[module]]
    chosen = [mutant for mutant in mutants(source.read_text("utf-8")) if only in mutant.name]
    kept = Kept(folder, module, [source, *files])
    plugin = _Plugin(module, chosen, kept, jobs)
    pytest.main([*_OPTIONS, *map(str, files)], plugins=[plugin])
    if not plugin.passed_unaltered:
        raise SystemExit(f"The tests of {module} fail without any change; mend them first.")
    return len(chosen), [mutant.name for mutant in chosen if kept.survived[mutant.name]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return 1 where survivors and list differ."""
    parser = argparse.ArgumentParser(description="Mutation testing of the safety core.")
    parser.add_argument("modules", nargs="*", choices=[*TESTS, []], default=list(TESTS))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="", help="mutants whose name contains this")
    parser.add_argument("--keep", type=Path, help="folder for what is known of each mutant")
    chosen = parser.parse_args(arguments)
    listed = tomllib.loads(SURVIVING.read_text(encoding="utf-8"))
    failed = False
    for module in chosen.modules:
        began_s = time.monotonic()
        count, survivors = run(module, chosen.jobs, chosen.only, chosen.keep)
        known = {name for name in listed.get(module, {}) if chosen.only in name}
        for name in sorted(set(survivors) - known):
            failed = True
            print(f"{module}: no test notices  {name}")
        for name in sorted(known - set(survivors)):
            failed = True
            print(f"{module}: is listed, and dies  {name}")
        print(
            f"{module}: {count} mutants, {count - len(survivors)} killed, {len(survivors)} "
            f"survived, {time.monotonic() - began_s:.0f} s"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
