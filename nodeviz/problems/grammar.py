"""From typed text to checked syntax trees: what the language of typed equations allows, and what it says otherwise.

Nothing here runs the text. It is cut into statements, each right side is parsed into a tree, and every node of the
tree must be on the list below.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nodeviz.problems.functions import CONSTANTS, FUNCTIONS, OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_TEXT = 4_000  # characters
MAX_STATEMENTS = 64
MAX_DEPTH = 60  # operations inside each other
MAX_NODES = 1_500  # per statement
MAX_NAME = 40  # characters

_SAME = str.maketrans("−–·×’′‘`", "--**''''")  # what word processors make of - * '
_TARGET = re.compile(r"\s*(d(?P<rate>\w+)\s*/\s*dt|(?P<name>\w+)\s*(?P<prime>'*))\s*=(?P<right>[^=].*|)$", re.DOTALL)
_IMPLICIT_PRODUCT = re.compile(r"(?<![\w.])(\d+\.?\d*|\.\d+)(?![eE][+-]?\d)([^\W\d]\w*|\()")
_STRANGE = re.compile(r"[^\w\s+\-*/().,=]")
_STRANGE_REASONS = {
    "'": "a ' belongs to the left side only, as in x' = y",
    '"': "text in quotes has no place in an equation",
    "<": "comparisons are not part of the language; use where(b - a, ...) or heaviside(b - a)",
    ">": "comparisons are not part of the language; use where(a - b, ...) or heaviside(a - b)",
    "[": "use round brackets only",
    "{": "use round brackets only",
    ":": "only one expression may stand right of the =; functions cannot be defined",
    "%": "% is not part of the language; write a - b*floor(a/b)",
}
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)


class EquationError(ValueError):
    """Typed equations that cannot be used; the message is one sentence for the person who typed them."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One line: ``x' = ...`` (a rate) or ``r = ...`` (a definition), with its checked right side."""

    name: str
    is_rate: bool
    right: ast.expr
    text: str


def read_statements(text: str) -> list[Statement]:
    """Cut a text into checked statements.

    Parameters
    ----------
    text : statements separated by ``;`` or newlines, comments from ``#`` to the end of the line

    Raises
    ------
    EquationError : too long, or a statement outside the language
    """
    if len(text) > MAX_TEXT:
        raise EquationError(f"equations: {len(text)} characters are more than the {MAX_TEXT} allowed; shorten them")
    lines = [part.strip() for line in text.splitlines() for part in line.partition("#")[0].split(";")]
    lines = [unicodedata.normalize("NFKC", line.translate(_SAME)).replace("^", "**") for line in lines if line]
    if len(lines) > MAX_STATEMENTS:
        raise EquationError(f"equations: {len(lines)} lines are more than the {MAX_STATEMENTS} allowed; join some")
    return [_read_statement(line) for line in lines]


def names_of(tree: ast.expr) -> Iterator[str]:
    """Yield the names a checked tree uses as values, from left to right, repetitions included."""
    match tree:
        case ast.Name(id=name):
            yield name
        case ast.Call(args=args):
            for arg in args:
                yield from names_of(arg)
        case _:
            for child in ast.iter_child_nodes(tree):
                if isinstance(child, ast.expr):
                    yield from names_of(child)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean ...?`` for the nearest known name, or nothing when none is near."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def shorten(text: str) -> str:
    """Return a text short enough to stand in an error message."""
    line = " ".join(text.replace("**", "^").split())
    return line if len(line) <= 50 else f"{line[:47]}..."


def _read_statement(line: str) -> Statement:
    match = _TARGET.match(line)
    if match is None:
        raise EquationError(f"{shorten(line)}: cannot be read; each line has the form x' = ..., y' = ... or name = ...")
    rate, name, prime = match["rate"], match["name"], match["prime"]
    if prime and len(prime) > 1:
        raise EquationError(
            f"{name}{prime}: only first derivatives; write x' = y; y' = ... for a second-order equation"
        )
    is_rate = rate is not None or bool(prime)
    target = rate or name
    _check_target(target, is_rate)
    right = match["right"].strip()
    label = f"{target}' = {shorten(right)}" if is_rate else f"{target} = {shorten(right)}"
    if not right:
        raise EquationError(f"{label.strip()}: the right side is missing")
    return Statement(target, is_rate, _read_expression(right, label), label)


def _check_target(name: str, is_rate: bool) -> None:
    """Refuse a left side that is taken, reserved or no name."""
    if is_rate:
        if name not in ("x", "y"):
            raise EquationError(f"{name}': the state is x and y only; rename {name}, or define it without the '")
        return
    if name in ("x", "y"):
        raise EquationError(f"{name} = ...: {name} belongs to the state; write {name}' = ... for its rate of change")
    if name == "t":
        raise EquationError("t = ...: t is the time; choose another name")
    if name in CONSTANTS:
        raise EquationError(f"{name} = ...: {name} is the constant {CONSTANTS[name]:.6g}; choose another name")
    if name in FUNCTIONS:
        raise EquationError(f"{name} = ...: {name} is a function; choose another name")
    _check_name(name)


def _check_name(name: str) -> None:
    if keyword.iskeyword(name):
        raise EquationError(f"{name}: a reserved word of Python cannot be a name; write {name}_ instead")
    if not name.isidentifier() or name.startswith("_"):
        raise EquationError(f"{shorten(name)}: not a name; names begin with a letter")
    if len(name) > MAX_NAME:
        raise EquationError(f"{shorten(name)}: a name of {len(name)} characters; use {MAX_NAME} at most")


def _read_expression(right: str, label: str) -> ast.expr:
    """Parse one right side and check every node of it."""
    _check_characters(right, label)
    try:
        tree = ast.parse(right, mode="eval").body
    except SyntaxError as error:
        if "too many nested" in str(error):
            raise EquationError(f"{label}: too many brackets inside each other; split it with definitions") from None
        reason = "a bracket is not closed" if "was never closed" in str(error) else "the syntax is wrong"
        near = f" near {right[max(0, (error.offset or 1) - 6) :][:12]!r}" if error.offset else ""
        raise EquationError(f"{label}: {reason}{near}") from None
    except (ValueError, RecursionError, MemoryError):
        raise EquationError(f"{label}: too long or too deep to read; split it with definitions") from None
    _check_size(tree, label)
    for node in ast.walk(tree):
        _check_node(node, label)
    return tree


def _check_characters(right: str, label: str) -> None:
    strange = _STRANGE.search(right)
    if strange:
        reason = _STRANGE_REASONS.get(strange[0], f"the character {strange[0]!r} is not part of the language")
        raise EquationError(f"{label}: {reason}")
    if "=" in right:
        raise EquationError(f"{label}: a second = in one line; separate statements by ; or a new line")
    product = _IMPLICIT_PRODUCT.search(right)
    if product:
        raise EquationError(f"{label}: {product[0]} is not a product yet; write {product[1]}*{product[2]}")
    for word in re.findall(r"[^\W\d]\w*", right):
        _check_name(word)


def _check_size(tree: ast.expr, label: str) -> None:
    """Refuse trees too deep or large, walking level by level, which no depth can overflow."""
    level: list[ast.AST] = [tree]
    depth = n_nodes = 0
    while level:
        depth += 1
        n_nodes += len(level)
        if depth > MAX_DEPTH:
            raise EquationError(
                f"{label}: more than {MAX_DEPTH} operations inside each other; split it with definitions"
            )
        if n_nodes > MAX_NODES:
            raise EquationError(f"{label}: more than {MAX_NODES} operations in one line; split it with definitions")
        level = [
            child for node in level for child in ast.iter_child_nodes(node)
            if not isinstance(child, (ast.operator, ast.unaryop, ast.expr_context))
        ]  # fmt: skip


def _check_node(node: ast.AST, label: str) -> None:
    """Refuse a node that is not on the list."""
    match node:
        case ast.Constant(value=int() | float() as value):
            _check_number(value, label)
        case ast.Constant():
            raise EquationError(f"{label}: {shorten(ast.unparse(node))} is not a real number")
        case ast.BinOp(op=op) if not isinstance(op, _OPERATORS):
            raise EquationError(f"{label}: the operators are + - * / and ^ only")
        case ast.UnaryOp(op=op) if not isinstance(op, (ast.USub, ast.UAdd)):
            raise EquationError(f"{label}: the operators are + - * / and ^ only")
        case ast.Call():
            _check_call(node, label)
        case ast.Attribute(attr=attribute):
            raise EquationError(
                f"{label}: .{shorten(attribute)} is out of reach; a point stands only in numbers, as in 0.5"
            )
        case ast.Tuple():
            raise EquationError(f"{label}: a comma stands only between the arguments of a function; write 0.5, not 0,5")
        case ast.Name() | ast.BinOp() | ast.UnaryOp() | ast.operator() | ast.unaryop() | ast.expr_context():
            pass
        case _:
            raise EquationError(f"{label}: {type(node).__name__} is not part of the language")


def _check_number(value: float, label: str) -> None:
    try:
        finite = abs(float(value)) < float("inf")
    except OverflowError:
        finite = False
    if not finite:
        raise EquationError(f"{label}: a number beyond 1.8e308 cannot be represented; use a smaller one")


def _check_call(node: ast.Call, label: str) -> None:
    """Refuse a call of anything but a known function with the right number of arguments."""
    if not isinstance(node.func, ast.Name):
        raise EquationError(f"{label}: a bracket after a bracket or a number; write * between factors")
    name, n_args = node.func.id, len(node.args)
    if name in ("x", "y", "t", *CONSTANTS):
        raise EquationError(f"{label}: {name}(...) is not a product yet; write {name}*(...)")
    if name not in FUNCTIONS:
        hint = nearest(name, FUNCTIONS) or f"; for a product write {shorten(name)}*(...)"
        raise EquationError(f"{label}: there is no function {shorten(name)}{hint}")
    wanted = OPERATIONS[FUNCTIONS[name]].n_args
    many = name in ("min", "max")
    if (
        node.keywords
        or any(isinstance(arg, ast.Starred) for arg in node.args)
        or not (n_args >= wanted if many else n_args == wanted)
    ):
        count = f"{wanted} or more" if many else str(wanted)
        raise EquationError(f"{label}: {name} takes {count} argument{'s' if wanted > 1 else ''}, here it has {n_args}")
