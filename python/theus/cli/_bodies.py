"""What the body of a process does to the context, read from the syntax tree.

A small interpreter follows the places of the context through names, calls of functions of the same
file, loops and unpacking. It errs to one side: what it cannot follow *escapes*, and about what
escaped nothing is said. So every finding is about code that says what it does.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from theus.cli._places import Place

CHANGING = {
    "append", "appendleft", "extend", "extendleft", "insert", "pop", "popleft", "popitem", "clear",
    "remove", "discard", "add", "update", "setdefault", "sort", "reverse", "rotate", "move_to_end",
    "difference_update", "intersection_update", "symmetric_difference_update", "subtract", "fill",
}  # fmt: skip
LOOKING = {
    "get", "keys", "values", "items", "copy", "index", "count", "union", "intersection",
    "difference", "symmetric_difference", "issubset", "issuperset", "isdisjoint", "most_common",
    "elements", "total", "startswith", "endswith", "strip", "split", "join", "upper", "lower",
    "format", "replace", "mean", "sum", "min", "max", "std", "any", "all", "tolist", "tobytes",
    "is_integer", "bit_length", "isoformat", "timestamp", "encode", "decode", "model_dump",
}  # fmt: skip
# Functions that look at their arguments and change nothing.
HARMLESS = {
    "abs", "all", "any", "bool", "bytes", "callable", "dict", "divmod", "enumerate", "filter",
    "float", "format", "frozenset", "getattr", "hasattr", "hash", "id", "int", "isinstance", "iter",
    "len", "list", "map", "max", "min", "next", "plain", "pow", "print", "range", "repr",
    "reversed", "round", "set", "sorted", "str", "sum", "tuple", "type", "zip", "deepcopy",
}  # fmt: skip
# Of these the result holds the elements of the first argument.
PASSING = {"reversed", "sorted", "list", "iter", "tuple", "set", "filter"}
_DEPTH = 6
_ROOTS = {"domain": "domain_ctx"}  # global is a keyword, so it has no short spelling here


@dataclass(frozen=True)
class Access:
    """One thing that a body does to a place.

    kind: ``"touch"`` where it names the place, ``"read"`` where it needs the value, ``"write"``,
    and ``"escape"`` where it hands the place to code that is not followed.
    """

    kind: str
    place: Place
    line: int
    column: int


@dataclass
class Body:
    """All accesses of a process, in the order of the source."""

    accesses: list[Access] = field(default_factory=list)

    def of(self, *kinds: str) -> Iterator[Access]:
        """The accesses of some kinds."""
        return (each for each in self.accesses if each.kind in kinds)


@dataclass(frozen=True)
class _Cell:
    """What a Ref parameter holds: its ``value`` is the place."""

    place: Place


def follow(
    func: ast.FunctionDef | ast.AsyncFunctionDef,
    starts: Mapping[str, tuple[str, Place]],
    functions: Mapping[str, ast.FunctionDef | ast.AsyncFunctionDef],
    method: Callable[[Place, str], ast.FunctionDef | ast.AsyncFunctionDef | None],
) -> Body:
    """Follow a process.

    Args:
        func: its definition.
        starts: parameter -> (mark, place); the context has the mark ``"ctx"`` and the place ().
        functions: those of the same file, which are followed too.
        method: the method that a name means at a place, where its class is known.
    """
    body = Body()
    names: dict[str, Any] = {}
    for name, (mark, place) in starts.items():
        names[name] = _Cell(place) if mark == "Ref" else place
    _Follower(body, functions, method, 0).run(func.body, names)
    return body


class _Follower:
    """Walks statements with what is known of each name: a place, a cell, or nothing."""

    def __init__(self, body: Body, functions: Any, method: Any, depth: int) -> None:
        self.body, self.functions, self.method, self.depth = body, functions, method, depth
        self.names: dict[str, Any] = {}

    def run(self, statements: list[ast.stmt], names: dict[str, Any]) -> None:
        """Walk statements that begin with these names."""
        self.names = names
        self.block(statements)

    def note(self, kind: str, place: Place, node: ast.AST) -> None:
        at: Any = node
        self.body.accesses.append(Access(kind, place, at.lineno, at.col_offset + 1))

    # ---- statements ------------------------------------------------------------------------------

    def block(self, statements: list[ast.stmt]) -> None:
        for each in statements:
            self.statement(each)

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign():
                value = self.value(node.value)
                for target in node.targets:
                    self.assign(target, value, node.value)
            case ast.AnnAssign():
                if node.value is not None:
                    self.assign(node.target, self.value(node.value), node.value)
            case ast.AugAssign():
                self.use(node.value)
                place = self.place(node.target)
                if isinstance(place, tuple):
                    self.note("read", place, node.target)
                    if not isinstance(node.target, ast.Name):
                        self.note("write", place, node.target)
            case ast.Delete():
                for target in node.targets:
                    self.target(target)
            case ast.For() | ast.AsyncFor():
                self.bind_elements(node.target, node.iter)
                self.block(node.body)
                self.block(node.orelse)
            case ast.While() | ast.If():
                self.use(node.test)
                self.block(node.body)
                self.block(node.orelse)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self.use(item.context_expr)
                self.block(node.body)
            case ast.Try() | ast.TryStar():
                self.block(node.body)
                for handler in node.handlers:
                    self.block(handler.body)
                self.block(node.orelse)
                self.block(node.finalbody)
            case ast.Match():
                place = self.use(node.subject)
                for case in node.cases:
                    self.pattern(case.pattern, place)
                    if case.guard is not None:
                        self.use(case.guard)
                    self.block(case.body)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.block(node.body)
            case ast.Expr():
                self.use(node.value)
            case ast.Return():
                if node.value is not None:
                    self.use(node.value)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.use(child)

    def pattern(self, pattern: ast.pattern, place: Any) -> None:
        """Names that a pattern captures stand for something at or below the subject."""
        for node in ast.walk(pattern):
            if isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
                self.names[node.name] = (*place, "*") if isinstance(place, tuple) else None

    def assign(self, target: ast.expr, value: Any, source: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = value
            if value is None:
                self.names.pop(target.id, None)
        elif isinstance(target, ast.Tuple | ast.List):
            self.read(value, source)
            parts = source.elts if isinstance(source, ast.Tuple | ast.List) else []
            for i, each in enumerate(target.elts):
                inner = each.value if isinstance(each, ast.Starred) else each
                if len(parts) == len(target.elts):
                    self.assign(inner, self.place(parts[i]), parts[i])
                else:
                    self.assign(inner, (*value, "*") if isinstance(value, tuple) else None, source)
        else:
            self.target(target)
            self.read(value, source)

    def target(self, node: ast.expr) -> None:
        """What is assigned to, or deleted."""
        place = self.place(node)
        if isinstance(place, tuple) and not isinstance(node, ast.Name):
            self.note("write", place, node)

    def bind_elements(self, target: ast.expr, source: ast.expr) -> None:
        """The target of a loop stands for the elements of what is looped over."""
        place = self.use(source)
        pairs = isinstance(source, ast.Call) and (
            (isinstance(source.func, ast.Attribute) and source.func.attr == "items")
            or (isinstance(source.func, ast.Name) and source.func.id == "enumerate")
        )
        only_keys = isinstance(source, ast.Call) and (
            isinstance(source.func, ast.Attribute) and source.func.attr == "keys"
        )
        inside = (*place, "*") if isinstance(place, tuple) and not only_keys else None
        if isinstance(target, ast.Tuple | ast.List) and pairs and len(target.elts) == 2:
            self.assign(target.elts[0], None, source)
            self.assign(target.elts[1], inside, source)
        elif isinstance(target, ast.Name):
            self.assign(target, inside, source)
        else:
            for each in ast.walk(target):
                if isinstance(each, ast.Name):
                    self.assign(each, (*inside, "*") if inside else None, source)

    # ---- expressions -----------------------------------------------------------------------------

    def use(self, node: ast.expr) -> Any:
        """Evaluate an expression whose value is needed; its place, if it is one."""
        place = self.value(node)
        self.read(place, node)
        return place

    def read(self, place: Any, node: ast.expr) -> None:
        if isinstance(place, tuple):
            self.note("read", place, node)
        elif isinstance(place, _Cell):
            self.note("escape", place.place, node)

    def value(self, node: ast.expr) -> Any:
        """Evaluate an expression; touches its place, if it is one."""
        place = self.place(node)
        if isinstance(place, tuple) and not isinstance(node, ast.Name):
            self.note("touch", place, node)
        return place

    def place(self, node: ast.expr) -> Any:
        """The place that an expression stands for, without touching it; None for other values."""
        match node:
            case ast.Name():
                return self.names.get(node.id)
            case ast.Attribute():
                return self.attribute(node)
            case ast.Subscript():
                return self.subscript(node)
            case ast.Call():
                return self.call(node)
            case ast.NamedExpr():
                value = self.value(node.value)
                self.assign(node.target, value, node.value)
                return value
            case ast.IfExp():
                self.use(node.test)
                places = [self.value(node.body), self.value(node.orelse)]
                return next((each for each in places if each is not None), None)
            case ast.BoolOp():
                places = [self.use(each) for each in node.values]
                return next((each for each in places if each is not None), None)
            case ast.Await() | ast.Starred():
                return self.value(node.value)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                self.comprehension(node.generators)
                self.use(node.elt)
            case ast.DictComp():
                self.comprehension(node.generators)
                self.use(node.key)
                self.use(node.value)
            case ast.Lambda():
                self.use(node.body)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.use(child)
        return None

    def comprehension(self, generators: list[ast.comprehension]) -> None:
        for each in generators:
            self.bind_elements(each.target, each.iter)
            for test in each.ifs:
                self.use(test)

    def attribute(self, node: ast.Attribute) -> Any:
        of = self.place(node.value)
        if isinstance(of, _Cell):
            return of.place if node.attr == "value" else None
        if not isinstance(of, tuple) or (not of and node.attr in ("log", "local")):
            return None
        return (*of, node.attr) if of else (_ROOTS.get(node.attr, node.attr),)

    def subscript(self, node: ast.Subscript) -> Any:
        of = self.place(node.value)
        if isinstance(node.slice, ast.Slice):
            for part in (node.slice.lower, node.slice.upper, node.slice.step):
                if part is not None:
                    self.use(part)
            self.read(of, node.value)
            return of
        constant = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if not isinstance(node.slice, ast.Constant):
            self.use(node.slice)
        if not isinstance(of, tuple):
            return None
        step: Any = "*"
        if isinstance(constant, str):
            step = (constant,)
        elif isinstance(constant, int) and not isinstance(constant, bool):
            step = constant
        return (*of, step)

    def call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Attribute):
            of = self.place(node.func.value)
            if isinstance(of, tuple) and of:
                return self.method_call(node, of, node.func.attr)
            harmless = node.func.attr in HARMLESS or node.func.attr in LOOKING | CHANGING
            self.arguments(node, harmless or self.is_log(node.func))
            return None
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in self.functions and self.depth < _DEPTH and name not in self.names:
            self.into(self.functions[name], node)
            return None
        if name in ("getattr", "hasattr", "setattr", "delattr") and node.args:
            return self.by_name(name, node)
        places = self.arguments(node, name in HARMLESS)
        if name in PASSING or name == "enumerate":
            return next((each for each in places if isinstance(each, tuple)), None)
        if not name:
            self.use(node.func)
        return None

    def by_name(self, name: str, node: ast.Call) -> Any:
        """getattr and its like: an attribute whose name is given as a value."""
        of = self.place(node.args[0])
        given = node.args[1] if len(node.args) > 1 else None
        known = isinstance(given, ast.Constant) and isinstance(given.value, str)
        for each in node.args[1:]:
            self.use(each)
        if not isinstance(of, tuple):
            return None
        place = (*of, given.value if known else "*")  # type: ignore[union-attr]
        self.note("write" if name in ("setattr", "delattr") else "touch", place, node)
        return place if name == "getattr" else None

    def is_log(self, func: ast.Attribute) -> bool:
        """Whether a call goes to ctx.log, whose arguments are only looked at."""
        return isinstance(func.value, ast.Attribute) and func.value.attr in ("log", "logger")

    def method_call(self, node: ast.Call, of: Place, name: str) -> Any:
        """A call of a method of something in the context."""
        known = self.method(of, name)
        if known is not None and self.depth < _DEPTH:
            self.note("touch", (*of, name), node)
            self.into(known, node, of)
            return None
        if name == "get" and node.args and isinstance(node.args[0], ast.Constant):
            self.arguments(node, True)
            key = node.args[0].value
            place = (*of, (key,) if isinstance(key, str) else "*")
            self.note("touch", place, node)
            return place
        self.arguments(node, name in CHANGING | LOOKING)
        if name in CHANGING:
            self.note("write", of, node)
            return (*of, "*") if name == "setdefault" else None
        if name in LOOKING:
            self.note("read", of, node)
            return of if name in ("items", "values", "keys") else None
        self.note("escape", of, node)
        return None

    def arguments(self, node: ast.Call, harmless: bool) -> list[Any]:
        """Evaluate what a call is given: looked at, or handed to code that is not followed."""
        places = []
        for each in [*node.args, *(keyword.value for keyword in node.keywords)]:
            place = self.value(each)
            if harmless:
                self.read(place, each)
            elif isinstance(place, tuple | _Cell):
                self.note("escape", place.place if isinstance(place, _Cell) else place, each)
            places.append(place)
        return places

    def into(self, func: Any, node: ast.Call, self_place: Place | None = None) -> None:
        """Follow a call of a function that is known."""
        names: dict[str, Any] = {}
        parameters = [each.arg for each in (*func.args.posonlyargs, *func.args.args)]
        static = any(
            isinstance(d, ast.Name) and d.id == "staticmethod" for d in func.decorator_list
        )
        if self_place is not None and parameters and not static:
            names[parameters.pop(0)] = self_place
        for name, each in zip(parameters, node.args, strict=False):
            names[name] = self.value(each)
        for keyword in node.keywords:
            names[keyword.arg or ""] = self.value(keyword.value)
        names = {name: place for name, place in names.items() if place is not None}
        inside = _Follower(self.body, self.functions, self.method, self.depth + 1)
        inside.run(func.body, names)
