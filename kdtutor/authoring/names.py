"""Which names a cell binds and which it needs from elsewhere, found without running it."""

import ast
import builtins
import symtable
from collections.abc import Iterator

from IPython.core.inputtransformer2 import TransformerManager

# Names that IPython adds to builtins: there while a notebook runs, not where its tests are graded
BUILTIN = set(dir(builtins)) - {"display", "get_ipython", "_"}


def plain_python(source: str) -> str:
    """The Python that IPython makes of a cell: magics and shell lines become calls, other lines stay where they are."""
    blank = len(source) - len(source.lstrip("\n"))
    return "\n" * blank + TransformerManager().transform_cell(source)


def bound_names(source: str) -> set[str]:
    """Names that the code binds at its top level (assignments, imports, functions, classes, loops)."""
    table = symtable.symtable(source, "<cell>", "exec")
    names = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
    for scope in scopes_below(table):
        names |= {s.get_name() for s in scope.get_symbols() if s.is_declared_global() and s.is_assigned()}
    return names


def free_names(source: str) -> dict[str, int]:
    """Names that the code reads and has not bound by then, builtins aside, each with the first line that reads it.

    A function's body is taken to run after the whole cell, so there any name bound at top level counts as bound.
    """
    tree = ast.parse(source)
    order = _EvaluationOrder()
    order.walk(tree)
    free = dict(order.early)
    bound = bound_names(source)
    deferred = {
        symbol.get_name()
        for scope in scopes_below(symtable.symtable(source, "<cell>", "exec"))
        for symbol in scope.get_symbols()
        if symbol.is_global() and symbol.is_referenced() and symbol.get_name() not in bound
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in deferred:
            free[node.id] = min(node.lineno, free.get(node.id, node.lineno))
    return {name: line for name, line in sorted(free.items(), key=lambda item: item[1]) if name not in BUILTIN}


def star_imports(source: str) -> list[int]:
    """Lines that import everything a module has: names nobody can follow."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]


def scopes_below(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from scopes_below(child)


class _EvaluationOrder:
    """Walks a module as Python evaluates it and keeps the names that are read before anything binds them."""

    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.early: dict[str, int] = {}

    def walk(self, *nodes: ast.AST | None) -> None:
        for node in nodes:
            if node is not None:
                self.step(node)

    def step(self, node: ast.AST) -> None:
        match node:
            case ast.Name(ctx=ast.Store()):
                self.bound.add(node.id)
            case ast.Name(ctx=ast.Del()):
                self.bound.discard(node.id)
            case ast.Name():
                self.read(node)
            case ast.Assign():
                self.walk(node.value, *node.targets)
            case ast.AnnAssign():
                self.walk(node.annotation, node.value, node.target if node.value is not None else None)
            case ast.AugAssign(target=ast.Name() as target):
                self.read(target)
                self.walk(node.value, target)
            case ast.NamedExpr():
                self.walk(node.value, node.target)
            case ast.For() | ast.AsyncFor():
                self.walk(node.iter, node.target, *node.body, *node.orelse)
            case ast.Import() | ast.ImportFrom():
                self.bound |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.walk(*node.decorator_list, *evaluated_at_definition(node.args), node.returns)
                self.bound.add(node.name)
            case ast.Lambda():
                self.walk(*evaluated_at_definition(node.args))
            case ast.ClassDef():
                self.walk(*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords))
                self.bound.add(node.name)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self.comprehension(node)
            case ast.ExceptHandler():
                self.walk(node.type)
                self.capture(node.name)
                self.walk(*node.body)
            case ast.MatchAs() | ast.MatchStar():
                self.walk(*ast.iter_child_nodes(node))
                self.capture(node.name)
            case ast.MatchMapping():
                self.walk(*node.keys, *node.patterns)
                self.capture(node.rest)
            case _:
                self.walk(*ast.iter_child_nodes(node))

    def read(self, node: ast.Name) -> None:
        if node.id not in self.bound:
            self.early.setdefault(node.id, node.lineno)

    def capture(self, name: str | None) -> None:
        self.bound |= {name} if name else set()

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        outside = set(self.bound)
        for generator in node.generators:
            self.walk(generator.iter, generator.target, *generator.ifs)
        self.walk(*((node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)))
        walrus = {inner.target.id for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)}
        self.bound = outside | walrus


def evaluated_at_definition(arguments: ast.arguments) -> list[ast.AST | None]:
    """Defaults and annotations: the part of a signature that is read where the function is defined."""
    parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    annotations = [parameter.annotation for parameter in parameters if parameter is not None]
    return [*arguments.defaults, *arguments.kw_defaults, *annotations]
