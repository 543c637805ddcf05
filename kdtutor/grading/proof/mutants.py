"""Wrong programs made from a right one: each differs from it in one place, as a slip of the pen would.

A check that lets one through has a hole, unless the change means nothing. Source: DeMillo, Lipton, Sayward, "Hints on
Test Data Selection: Help for the Practicing Programmer", 1978.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace

_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
}
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
_NAMES = {
    "sum": "mean",
    "mean": "sum",
    "max": "min",
    "min": "max",
    "amax": "amin",
    "softmax": "log_softmax",
    "log_softmax": "softmax",
    "exp": "log",
    "log": "exp",
    "floor": "ceil",
    "ceil": "floor",
    "train": "eval",
    "eval": "train",
    "zeros_like": "ones_like",
    "ones_like": "zeros_like",
}


@dataclass(frozen=True)
class Mutant:
    """what: the change, in code, which names the mutant in its exercise. source: the whole cell with the change."""

    what: str
    source: str


def mutants(source: str) -> list[Mutant]:
    """Every program that differs from a cell by one change; no two alike.

    Operators and comparisons exchanged, signs and `not` dropped, numbers moved, booleans turned, the first two
    arguments exchanged, keyword arguments and calls of methods dropped, reductions exchanged, statements left out. The
    parameters of functions, with their defaults, are as the exercise gives them.
    """
    tree = ast.parse(source)
    given = {id(part) for node in ast.walk(tree) if isinstance(node, ast.arguments) for part in ast.walk(node)}
    made: dict[str, Mutant] = {}
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in given:
            continue
        for variant in range(len(list(_changes(node)))):
            copy = deepcopy(tree)
            target = next(each for number, each in enumerate(ast.walk(copy)) if number == index)
            before = _shown(target)
            changed = list(_changes(target))[variant]
            new = _Replace(target, changed).visit(copy)
            ast.fix_missing_locations(new)
            text = ast.unparse(new)
            if text != ast.unparse(tree):
                made.setdefault(text, Mutant(f"{before} -> {_shown(changed)}", text))
    return _told_apart(made.values())


def _told_apart(made: Iterable[Mutant]) -> list[Mutant]:
    """The same change in a second place of the program is named `#2`."""
    seen: Counter[str] = Counter()
    named = []
    for mutant in made:
        seen[mutant.what] += 1
        count = seen[mutant.what]
        named.append(mutant if count == 1 else replace(mutant, what=f"{mutant.what} #{count}"))
    return named


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, changed: ast.AST) -> None:
        self.target, self.changed = target, changed

    def visit(self, node: ast.AST) -> ast.AST:
        return self.changed if node is self.target else self.generic_visit(node)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.BinOp(left, operator, right) if type(operator) in _OPERATORS:
            yield ast.BinOp(left, _OPERATORS[type(operator)](), right)
        case ast.UnaryOp(ast.USub() | ast.Not(), operand) if not isinstance(operand, ast.Constant):
            yield operand
        case ast.Compare(left, [comparison], others) if type(comparison) in _COMPARISONS:
            yield ast.Compare(left, [_COMPARISONS[type(comparison)]()], others)
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value)):
            yield ast.Constant(value + 1)
            if value > 1:
                yield ast.Constant(value - 1)
        case ast.Constant(float(value)):
            yield ast.Constant(2 * value if value else 1.0)
        case ast.UnaryOp(ast.USub(), ast.Constant(int(value))):  # an axis counted from the end
            yield ast.Constant(value - 1)
        case ast.Call():
            yield from _calls(node)
        case ast.Expr(ast.Call()) | ast.AugAssign():
            yield ast.Pass()
        case ast.IfExp(_, body, orelse):
            yield body
            yield orelse


def _calls(call: ast.Call) -> Iterator[ast.AST]:
    function, arguments = call.func, call.args
    if len(arguments) >= 2:
        yield ast.Call(function, [arguments[1], arguments[0], *arguments[2:]], call.keywords)
    for number in range(len(call.keywords)):
        yield ast.Call(function, arguments, [k for i, k in enumerate(call.keywords) if i != number])
    if isinstance(function, ast.Attribute):
        if function.attr in _NAMES:
            yield ast.Call(ast.Attribute(function.value, _NAMES[function.attr], ast.Load()), arguments, call.keywords)
        if isinstance(function.value, ast.Name) and function.value.id in ("torch", "F", "math", "nn"):
            if arguments:
                yield arguments[0]
        else:
            yield function.value


def _shown(node: ast.AST) -> str:
    return " ".join(ast.unparse(ast.fix_missing_locations(node)).split())
