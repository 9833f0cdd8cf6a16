# SPDX-License-Identifier: MIT
"""Folds the constants of other modules into a firmware module before it is compiled.

mpy-cross folds `const` within one module only; `record[at.STEPS]` would look up two names in
dictionaries on the board, in every tick.  What nobody looks up any more is then made private,
since a public name takes some forty bytes of the board's heap and a private `const` none.
Text is replaced in place, so lines keep their numbers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence, Set

Constants = Mapping[str, Mapping[str, int]]  # module -> name -> value


def constants_of(source: str) -> dict[str, int]:
    """Return the integers that a module names in capitals, by `const` or plainly."""
    known: dict[str, int] = {}
    for node in _parsed(source).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        name, value = node.targets[0].id, _value(node.value, known)
        if value is not None:
            known[name] = value
    return {name: value for name, value in known.items() if name.isupper() and name[0] != "_"}


def fold(source: str, constants: Constants) -> str:
    """Return `source` with `module.NAME` replaced by its value, where that is one of `constants`.

    A name that the module binds to anything else as well is left alone.
    """
    tree = _parsed(source)
    modules = _imported(tree, constants)
    for name in _bound(tree):
        modules.pop(name, None)
    replaced = []
    for node in _attributes(tree, modules):
        assert isinstance(node.value, ast.Name)
        value = constants[modules[node.value.id]].get(node.attr)
        if value is not None and node.lineno == node.end_lineno:
            replaced.append((node, f"({value})"))
    return _with(source, replaced)


def names_read(source: str) -> set[str]:
    """Return every name that a module takes from another: attributes and what it imports."""
    names = set()
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names}
    return names


def hide(source: str, read: Set[str]) -> str:
    """Return `source` with an underscore before each public `const` that nobody else reads."""
    tree = _parsed(source)
    taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    hidden = {
        name for name in _public_consts(tree) if name not in read and f"_{name}" not in taken
    }
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in hidden)
    return _with(source, [(node, f"_{node.id}") for node in nodes])


def _public_consts(tree: ast.Module) -> Iterator[str]:
    """Yield the public names that a module gives to `const(...)`, and to nothing else."""
    bound = list(_bound(tree))
    for node in tree.body:
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        name, call = node.targets[0].id, node.value
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            continue
        if call.func.id == "const" and name[0] != "_" and bound.count(name) == 1:
            yield name


def _with(source: str, replaced: Sequence[tuple[ast.expr, str]]) -> str:
    """Return `source` with other text in the place of some expressions of one line each."""
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    for node, text in sorted(replaced, key=lambda pair: -pair[0].col_offset):
        line = lines[node.lineno - 1]
        lines[node.lineno - 1] = (
            line[: node.col_offset] + text.encode() + line[node.end_col_offset :]
        )
    return b"".join(lines).decode()


def _parsed(source: str) -> ast.Module:
    """Return the syntax tree; an empty one for a mistake, which the compiler is to report."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])


def _value(node: ast.expr, known: Mapping[str, int]) -> int | None:
    """Return what an expression of integers and known names is worth, None for any other."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const":
        return _value(node.args[0], known)
    if any(not isinstance(part, _ARITHMETIC) for part in ast.walk(node)):
        return None
    try:
        value = eval(compile(ast.Expression(node), "constant", "eval"), {}, dict(known))
    except NameError:
        return None
    return value if type(value) is int else None


_ARITHMETIC = (
    ast.BinOp,
    ast.UnaryOp,
    ast.Constant,
    ast.Name,
    ast.operator,
    ast.unaryop,
    ast.expr_context,
)


def _imported(tree: ast.Module, constants: Constants) -> dict[str, str]:
    """Return the names under which modules with constants were imported."""
    names: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                if module in constants:
                    names[alias.asname or alias.name] = module
    return names


def _bound(tree: ast.Module) -> Iterator[str]:
    """Yield every name that is assigned to, or is an argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def _attributes(tree: ast.Module, modules: Mapping[str, str]) -> Iterator[ast.Attribute]:
    """Yield every attribute that is read from one of `modules`."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Load)
            and isinstance(node.value, ast.Name)
            and node.value.id in modules
        ):
            yield node
