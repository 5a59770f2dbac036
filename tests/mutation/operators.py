"""Mutants by rule: each place of a module's syntax tree, with what may go wrong there.

A rule looks at one node and yields what may stand in its place. Left out is what no number depends
on: docstrings and texts, annotations, imports, decorators, what is raised, and branches that only
type checkers take.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}

SWAPPED = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "clamp_min": "clamp_max",
    "clamp_max": "clamp_min",
    "amin": "amax",
    "amax": "amin",
    "sum": "mean",
    "mean": "sum",
    "ceil": "floor",
    "floor": "ceil",
}

DROPPED = frozenset(
    [
        "sqrt",
        "square",
        "abs",
        "exp",
        "log",
        "log1p",
        "expm1",
        "sign",
        "clamp",
        "clamp_min",
        "clamp_max",
        "relu",
        "tanh",
        "reciprocal",
        "floor",
        "ceil",
        "round",
        "t",
        "conj",
    ]
)
"""Functions of which only the operand is left."""


Node = TypeVar("Node", bound=ast.AST)


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    Attributes:
        module: Path of the module, relative to the repository.
        function: Qualified name of what the change lies in, '' for the module itself.
        rule: Name of the rule that made it.
        lines: First and last line of the changed statement, as of now.
        before: The expression as it stands.
        after: What stands in its place.
        nth: How many like it come before in the function.
        node: Number of the changed node in the order of ``ast.walk``, and of the change there.
    """

    module: str
    function: str
    rule: str
    before: str
    after: str
    nth: int
    lines: tuple[int, int] = field(compare=False)
    node: tuple[int, int] = field(compare=False)

    @property
    def key(self) -> str:
        """A name that stays when other lines of the module change."""
        parts = (self.module, self.function, self.rule, self.before, self.after, str(self.nth))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

    def rank(self, seed: int) -> str:
        """Place in a draw: the draw takes the mutants of the lowest ranks."""
        return hashlib.sha256(f"{seed} {self.key}".encode()).hexdigest()


def mutants(module: str, source: str) -> list[Mutant]:
    """All mutants of a module."""
    found: list[Mutant] = []
    seen: Counter[tuple[str, str, str, str]] = Counter()
    tree = ast.parse(source)
    numbers = {id(node): k for k, node in enumerate(ast.walk(tree))}
    for node, function, lines in _places(tree, (), (0, 0)):
        for j, (rule, after) in enumerate(_changes(node)):
            texts = (ast.unparse(node), ast.unparse(after))
            if texts[0] == texts[1]:
                continue
            like = (function, rule, *texts)
            place = (numbers[id(node)], j)
            found.append(Mutant(module, function, rule, *texts, seen[like], lines, place))
            seen[like] += 1
    return found


def mutated(source: str, mutant: Mutant) -> ast.Module:
    """The module's tree with the change made.

    Raises:
        ValueError: If the mutant is not one of this source.
    """
    tree = ast.parse(source)
    number, change = mutant.node
    node = list(ast.walk(tree))[number]
    if ast.unparse(node) != mutant.before:
        raise ValueError(f"{mutant.module}: {mutant.before} no longer stands there")
    after = list(_changes(node))[change][1]

    class Swap(ast.NodeTransformer):
        def visit(self, each: ast.AST) -> ast.AST:
            return ast.copy_location(after, each) if each is node else self.generic_visit(each)

    return ast.fix_missing_locations(Swap().visit(tree))


def _places(
    node: ast.AST, path: tuple[str, ...], lines: tuple[int, int]
) -> Iterator[tuple[ast.AST, str, tuple[int, int]]]:
    """Nodes that a number may depend on, each with the name of its function and its lines."""
    for each in _children(node):
        if isinstance(each, (ast.Raise, ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr)):
            continue
        if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
            continue
        if isinstance(each, ast.If) and "TYPE_CHECKING" in ast.unparse(each.test):
            continue
        named = isinstance(each, (ast.FunctionDef, ast.ClassDef))
        inner = (*path, each.name) if named else path
        span = _span(each) if isinstance(each, ast.stmt) or _heads(node) else lines
        yield each, ".".join(path), span
        yield from _places(each, inner, span)


def _heads(node: ast.AST) -> bool:
    """Whether a node's own expressions are lines beside those of its body."""
    return isinstance(node, ast.stmt) and hasattr(node, "body")


def _span(node: ast.AST) -> tuple[int, int]:
    """Lines of a statement or expression; of one with a body those of its head."""
    first = getattr(node, "lineno", 0)
    head = getattr(node, "test", getattr(node, "iter", None)) if _heads(node) else node
    return first, getattr(head, "end_lineno", None) or first


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Child nodes but for annotations and decorators; defaults of arguments count."""
    left_out = {"annotation", "returns", "decorator_list", "bases", "keywords", "type_params"}
    if isinstance(node, ast.Call):
        left_out = set()
    for name, value in ast.iter_fields(node):
        if name not in left_out:
            many = value if isinstance(value, list) else [value]
            yield from (each for each in many if isinstance(each, ast.AST))


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What may stand in place of a node, with the rule's name."""
    if isinstance(node, ast.BinOp):
        yield from _of_operation(node)
    elif isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
        yield "other operation", _with(node, op=ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield "sign or not dropped", node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in COMPARISONS[type(node.ops[0])]:
            yield "other comparison", _with(node, ops=[other()])
    elif isinstance(node, ast.BoolOp):
        other_op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and for or", _with(node, op=other_op)
    elif isinstance(node, (ast.If, ast.IfExp)) and not isinstance(node.test, ast.Compare):
        yield "branch turned", _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Constant):
        yield from _of_constant(node)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.BinOp):
        yield "sign flipped", _with(node, value=ast.UnaryOp(ast.USub(), node.value))


def _of_operation(node: ast.BinOp) -> Iterator[tuple[str, ast.AST]]:
    if type(node.op) not in ARITHMETIC or isinstance(node.left, ast.JoinedStr):
        return
    yield "other operation", _with(node, op=ARITHMETIC[type(node.op)]())
    yield "term dropped", node.left
    if isinstance(node.op, (ast.Add, ast.Mult)):
        yield "term dropped", node.right


def _of_constant(node: ast.Constant) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node.value, bool):
        yield "other constant", ast.Constant(not node.value)
    elif isinstance(node.value, int):
        yield "other constant", ast.Constant(node.value + 1)
    elif isinstance(node.value, float):
        yield "other constant", ast.Constant(2.0 * node.value if node.value else 1.0)


def _of_call(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    name = node.func.id if isinstance(node.func, ast.Name) else name
    if name in SWAPPED:
        if isinstance(node.func, ast.Attribute):
            func: ast.expr = _with(node.func, attr=SWAPPED[name])
        elif SWAPPED[name] in {"min", "max", "sum"}:
            func = ast.Name(SWAPPED[name], ast.Load())
        else:
            return
        yield "other function", _with(node, func=func)
    if name in DROPPED:
        yield "function dropped", _operand(node)


def _operand(node: ast.Call) -> ast.expr:
    """x of ``f(x)``, ``module.f(x)`` and ``x.f()``."""
    if isinstance(node.func, ast.Attribute):
        owner = ast.unparse(node.func.value)
        if owner.split(".")[0] not in {"torch", "math", "np", "F", "special"}:
            return node.func.value
    return node.args[0] if node.args else node


def _with(node: Node, **changes: object) -> Node:
    """A shallow copy of a node with some fields changed."""
    other = copy.copy(node)
    for name, value in changes.items():
        setattr(other, name, value)
    return other
