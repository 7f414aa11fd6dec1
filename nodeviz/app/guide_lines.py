"""Lines of the guide, which look and act like lines of the console: nothing but names, attributes and literals."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class LineError(ValueError):
    """A line that is more than a set-up needs."""


def run_line(line: str, names: Mapping[str, Any]) -> None:
    """Do what a line says: ``phase.n_steps = 15``, ``phase.parameters["mu"] = 2`` or ``phase.add((2, 0))``.

    Parameters
    ----------
    line : one statement; names : what may be named

    Raises
    ------
    LineError : anything but an assignment to, or a call of, an attribute, with literals
    """
    try:
        (statement,) = ast.parse(line).body
    except (SyntaxError, ValueError):
        raise LineError(f"{line!r}: not one statement of Python") from None
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], _literal(statement.value, line)
        if isinstance(target, ast.Attribute):
            setattr(_thing(target.value, names, line), target.attr, value)
            return
        if isinstance(target, ast.Subscript):
            _thing(target.value, names, line)[_literal(target.slice, line)] = value
            return
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        given = [_literal(argument, line) for argument in call.args]
        named = {str(word.arg): _literal(word.value, line) for word in call.keywords}
        _thing(call.func, names, line)(*given, **named)
        return
    raise LineError(f"{line!r}: neither an assignment nor a call")


def _thing(node: ast.expr, names: Mapping[str, Any], line: str) -> Any:
    """Return what ``name`` or ``name.attribute`` stands for."""
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, ast.Attribute) and not node.attr.startswith("_"):
        return getattr(_thing(node.value, names, line), node.attr)
    raise LineError(f"{line!r}: {ast.unparse(node)} is nothing that the guide may use")


def _literal(node: ast.expr, line: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise LineError(f"{line!r}: {ast.unparse(node)} is no literal") from None
