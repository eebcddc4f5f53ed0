"""Writes a table of conditions and of what CPython makes of them: python3 conditions.py [COUNT [SEED]] > conditions.tsv

With --page FILE it holds the tables of a page to CPython instead.

A line is a condition, a tab, and the repr of its value, or "!" and the name of the exception.
"""

import json
import pathlib
import random
import sys
import types
import warnings

warnings.simplefilter("ignore")


def build(node):
    """The state of conditions.json, with its objects and sets."""
    if isinstance(node, list):
        return [build(item) for item in node]
    if isinstance(node, dict):
        if "$object" in node:
            return types.SimpleNamespace(
                **{key: build(value) for key, value in node["$object"].items()}
            )
        if "$set" in node:
            return set(node["$set"])
        return {key: build(value) for key, value in node.items()}
    return node


STATE = build(json.loads(pathlib.Path(__file__).with_name("conditions.json").read_text()))
NAMES = {
    "domain": STATE.domain_ctx,
    "domain_ctx": STATE.domain_ctx,
    "global_ctx": STATE.global_ctx,
    "ctx": STATE,
}

INTS = [
    "0",
    "1",
    "2",
    "3",
    "-1",
    "7",
    "10",
    "1_000",
    "0x1F",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "domain.counter",
    "domain.zero",
    "domain.neg",
    "domain.big",
    "global_ctx.limit",
    "domain.nested.a.b",
    "domain.items[0]",
    "domain.items[-1]",
    "domain.matrix[1][0]",
    "domain.d['k']",
    "True",
    "domain.flag",
    "domain.rows[0].id",
    "len(domain.items)",
    "len(domain.uni)",
]
FLOATS = [
    "0.5",
    "1.5",
    "-2.5",
    "1e3",
    "1e16",
    "1e-5",
    "2.0",
    "-0.0",
    ".1",
    "domain.score",
    "domain.tiny",
    "domain.large",
    "global_ctx.ratio",
    "domain.floats[1]",
    "float('inf')",
]
TEXTS = [
    "''",
    "'a'",
    "'abc'",
    "'x'",
    "'Alice'",
    "'é'",
    '"it\'s"',
    "'a,b'",
    "r'\\d'",
    "domain.name",
    "domain.empty",
    "domain.uni",
    "domain.csv",
    "domain.padded",
    "domain.tags[0]",
    "global_ctx.mode",
    "domain.rows[1].name",
]
LISTS = [
    "[]",
    "[1]",
    "[1,2,3]",
    "['x']",
    "domain.items",
    "domain.nothing",
    "domain.mixed",
    "domain.tags",
    "domain.matrix",
    "domain.floats",
    "domain.nested.items",
    "(1,2)",
    "()",
    "('x',)",
    "domain.deep['list']",
    "list(range(4))",
    "[[1,2],[3,4]]",
]
DICTS = ["{}", "{'k':1}", "{'a':[1]}", "domain.d", "domain.deep", "domain.deep['d']", "{1:2,1.5:3}"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = []

    def pick(self, *choices):
        return self.random.choice(choices)

    def any(self, depth):
        return self.pick(
            self.int, self.float, self.text, self.list, self.bool, self.bool, self.dict, self.none
        )(depth)

    def none(self, depth):
        return self.pick("None", "domain.none")

    def number(self, depth):
        return self.pick(self.int, self.int, self.float)(depth)

    def leaf(self, choices):
        if self.names and self.random.random() < 0.4:
            return self.random.choice(self.names)
        return self.random.choice(choices)

    def int(self, depth):
        if depth <= 0:
            return self.leaf(INTS)
        a, b = depth - 1, self.random.randrange(depth)
        return self.pick(
            lambda: f"({self.number(a)} {self.pick('+', '-', '*', '//', '%')} {self.number(b)})",
            lambda: (
                f"{self.int(a)} {self.pick('+', '-', '*', '//', '%', '&', '|', '^')} {self.int(b)}"
            ),
            lambda: f"-{self.int(a)}",
            lambda: f"~{self.int(a)}",
            lambda: f"({self.int(a)}) ** {self.pick('0', '1', '2', '3', '10')}",
            lambda: f"({self.int(a)}) {self.pick('<<', '>>')} {self.pick('0', '1', '3', '70')}",
            lambda: f"len({self.pick(self.text, self.list, self.dict)(a)})",
            lambda: f"{self.pick('int', 'abs', 'round')}({self.number(a)})",
            lambda: f"int({self.text(a)})",
            lambda: f"int('{self.pick('12', ' -5 ', '1_0', '', 'x', '1.5', '+3')}')",
            lambda: f"{self.pick('max', 'min', 'sum')}({self.list(a)})",
            lambda: f"{self.pick('max', 'min')}({self.number(a)}, {self.number(b)})",
            lambda: f"sum({self.number(a)} for {self.loop(a)})",
            lambda: (
                f"({self.text(a)}).{self.pick('count', 'find', 'rfind', 'index')}({self.text(0)})"
            ),
            lambda: f"({self.list(a)}).{self.pick('count', 'index')}({self.any(0)})",
            lambda: f"({self.list(a)})[{self.index()}]",
            lambda: f"({self.dict(a)}).get({self.any(0)}, {self.int(0)})",
            lambda: f"({self.int(a)} if {self.bool(b)} else {self.int(b)})",
        )()

    def float(self, depth):
        if depth <= 0:
            return self.leaf(FLOATS)
        a, b = depth - 1, self.random.randrange(depth)
        return self.pick(
            lambda: (
                f"({self.number(a)} {self.pick('+', '-', '*', '/', '//', '%')} {self.number(b)})"
            ),
            lambda: f"({self.number(a)}) / ({self.number(b)})",
            lambda: f"round({self.float(a)}, {self.pick('0', '1', '2', '3', '-1', '-2', '17')})",
            lambda: f"round({self.number(a)})",
            lambda: f"float({self.number(a)})",
            lambda: (
                f"float('{self.pick('1.5', ' 2 ', '1e5', '-.5', 'x', '', '1_0.5', 'inf', '0x1p3')}')"
            ),
            lambda: f"abs({self.float(a)})",
            lambda: f"-{self.float(a)}",
            lambda: f"sum({self.list(a)}, {self.float(0)})",
        )()

    def text(self, depth):
        if depth <= 0:
            return self.leaf(TEXTS)
        a, b = depth - 1, self.random.randrange(depth)
        return self.pick(
            lambda: f"({self.text(a)} + {self.text(b)})",
            lambda: f"({self.text(a)}) * {self.pick('0', '1', '3', '-1', 'True')}",
            lambda: f"str({self.pick(self.int, self.float, self.text, self.bool, self.none)(a)})",
            lambda: f"({self.text(a)})[{self.index()}]",
            lambda: f"({self.text(a)})[{self.slice()}]",
            lambda: (
                f"({self.text(a)}).{self.pick('lower', 'upper', 'strip', 'lstrip', 'rstrip')}()"
            ),
            lambda: (
                f"({self.text(a)}).{self.pick('strip', 'lstrip', 'rstrip', 'removeprefix', 'removesuffix')}({self.text(0)})"
            ),
            lambda: f"({self.text(a)}).replace({self.text(0)}, {self.text(0)})",
            lambda: f"({self.text(a)}).join({self.list(b)})",
            lambda: f"({self.text(a)} or {self.text(b)})",
            lambda: "'a' \"b\" 'c'",
            lambda: f"'-'.join(str({self.number(b)}) for {self.loop(a)})",
            lambda: f"max({self.text(a)}, {self.text(b)})",
        )()

    def index(self):
        return self.pick("0", "1", "-1", "2", "-3", "5", "True", "domain.counter", "'k'", "0.0")

    def slice(self):
        part = lambda: self.pick("", "", "0", "1", "-1", "2", "-2", "9", "-9", "None")  # noqa: E731
        step = self.pick("", "", ":", ":1", ":2", ":-1", ":-2", ":0")
        return f"{part()}:{part()}{step}"

    def loop(self, depth):
        name = self.pick("a", "b", "c")
        where = self.pick(
            self.list,
            self.list,
            self.text,
            self.dict,
            lambda d: f"range(({self.int(0)}) % 20) if {self.bool(0)} else []",
        )(depth)
        text = f"{name} in ({where})"
        if self.random.random() < 0.15:
            text = (
                f"{name}, z in {self.pick('enumerate', 'zip')}({where})"
                if self.random.random() < 0.5
                else f"{name}, z in ({self.dict(depth)}).items()"
            )
        if self.random.random() < 0.3:
            self.names.append(name)
            text += f" if {self.bool(max(0, depth - 1))}"
            self.names.pop()
        return text

    def comprehend(self, form, depth):
        loop = self.loop(depth)
        name = loop.split(",")[0].split()[0]
        self.names += [name] * 3
        try:
            return form(loop)
        finally:
            del self.names[-3:]

    def list(self, depth):
        if depth <= 0:
            return self.random.choice(LISTS)
        a, b = depth - 1, self.random.randrange(depth)
        return self.pick(
            lambda: f"[{self.any(a)}, {self.any(b)}]",
            lambda: f"({self.any(a)}, {self.any(b)})",
            lambda: f"({self.list(a)} + {self.list(b)})",
            lambda: f"({self.list(a)}) * {self.pick('0', '1', '2', '-1')}",
            lambda: f"({self.list(a)})[{self.slice()}]",
            lambda: f"sorted({self.list(a)})",
            lambda: f"sorted({self.list(a)}, reverse={self.bool(0)})",
            lambda: f"list({self.pick(self.text, self.list, self.dict)(a)})",
            lambda: f"tuple({self.list(a)})",
            lambda: f"({self.text(a)}).{self.pick('split', 'splitlines')}()",
            lambda: f"({self.text(a)}).split({self.text(0)})",
            lambda: f"({self.text(a)}).partition({self.text(0)})",
            lambda: (
                f"list(range(({self.int(0)}) % 7, ({self.int(0)}) % 9, {self.pick('1', '2', '-1', '0')}))"
            ),
            lambda: f"list({self.pick('zip', 'enumerate')}({self.list(a)}))",
            lambda: f"list(zip({self.list(a)}, {self.list(b)}))",
            lambda: f"list(({self.dict(a)}).{self.pick('keys', 'values', 'items')}())",
            lambda: self.comprehend(lambda loop: f"[{self.any(b)} for {loop}]", a),
            lambda: f"sorted({{{self.int(a)}, {self.int(b)}}})",
            lambda: f"sorted(set({self.list(a)}))",
        )()

    def dict(self, depth):
        if depth <= 0:
            return self.random.choice(DICTS)
        a, b = depth - 1, self.random.randrange(depth)
        return self.pick(
            lambda: f"{{{self.pick(self.text, self.int)(b)}: {self.any(a)}}}",
            lambda: f"({self.dict(a)} | {self.dict(b)})",
            lambda: self.comprehend(
                lambda loop: f"{{{self.pick(self.text, self.int)(0)}: {self.any(b)} for {loop}}}", a
            ),
        )()

    def bool(self, depth):
        if depth <= 0:
            return self.leaf(["True", "False", "domain.flag", "domain.off", "domain.rows[1].ok"])
        a, b = depth - 1, self.random.randrange(depth)
        compare = lambda: self.pick("<", "<=", ">", ">=", "==", "!=")  # noqa: E731
        return self.pick(
            lambda: f"{self.number(a)} {compare()} {self.number(b)}",
            lambda: f"{self.number(a)} {compare()} {self.number(b)} {compare()} {self.number(b)}",
            lambda: f"{self.text(a)} {compare()} {self.text(b)}",
            lambda: f"{self.list(a)} {compare()} {self.list(b)}",
            lambda: f"({self.any(a)}) {self.pick('==', '!=')} ({self.any(b)})",
            lambda: (
                f"({self.any(a)}) {compare()} ({self.any(b)}) {self.pick('==', '!=')} ({self.any(b)})"
            ),
            lambda: f"({self.any(a)}) {self.pick('is', 'is not')} None",
            lambda: f"({self.any(a)}) {self.pick('in', 'not in')} ({self.list(b)})",
            lambda: f"{self.text(a)} {self.pick('in', 'not in')} {self.text(b)}",
            lambda: f"{self.any(a)} {self.pick('in', 'not in')} {self.dict(b)}",
            lambda: (
                f"{self.int(a)} in {self.pick('domain.seen', '{1, 2, 3}', 'range(5)', 'set(domain.items)')}"
            ),
            lambda: f"not {self.any(a)}",
            lambda: f"({self.bool(a)} {self.pick('and', 'or')} {self.bool(b)})",
            lambda: f"{self.any(a)} {self.pick('and', 'or')} {self.any(b)}",
            lambda: f"bool({self.any(a)})",
            lambda: f"{self.pick('any', 'all')}({self.list(a)})",
            lambda: self.comprehend(
                lambda loop: f"{self.pick('any', 'all')}({self.bool(b)} for {loop})", a
            ),
            lambda: f"({self.text(a)}).{self.pick('startswith', 'endswith')}({self.text(0)})",
            lambda: (
                f"({self.text(a)}).{self.pick('isdigit', 'isalpha', 'isalnum', 'isspace', 'islower', 'isupper')}()"
            ),
            lambda: f"({self.bool(a)} if {self.bool(b)} else {self.bool(b)})",
            lambda: (
                f"domain.none {self.pick('is not', '!=')} None and domain.none.x > {self.int(0)}"
            ),
            lambda: f"domain.{self.pick('missing', 'd.k', 'name.x', 'nested.zz')} == {self.any(0)}",
        )()


def judge(text):
    try:
        value = (
            eval(text, {"__builtins__": __builtins__}, dict(NAMES))
            if " for " not in text
            else eval(text, dict(NAMES))
        )
        shown = repr(value)
    except Exception as error:
        return "!" + type(error).__name__
    if "namespace(" in shown or ("<" in shown and " at 0x" in shown) or "dict_" in shown:
        return None
    return shown if len(shown) < 150 else None


def stable(text):
    """Whether the value does not depend on the order of a set, which Python leaves open."""
    return (
        "set(" not in text.replace("sorted(set(", "").replace("in set(", "") and "nan" not in text
    )


def page(name):
    """Holds the tables of a page, lines | `condition` | `value` |, to CPython."""
    for line in pathlib.Path(name).read_text().splitlines():
        cells = [cell.strip().strip("`") for cell in line.replace("\\|", "\0").split("|")]
        if line.startswith("| `") and line.endswith("` |") and len(cells) == 4:
            text, want = (cell.replace("\0", "|") for cell in cells[1:3])
            if judge(text) != want:
                sys.exit(f"{text} is {judge(text)}, not {want}")


def main():
    if sys.argv[1:2] == ["--page"]:
        return page(sys.argv[2])
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    generator = Generator(seed)
    print("# made by conditions.py", count, seed)
    seen = set()
    while len(seen) < count:
        text = generator.any(generator.random.choice((1, 1, 2, 2, 3, 4)))
        if text in seen or len(text) > 300 or "\n" in text or not stable(text):
            continue
        want = judge(text)
        if want is None or "set(" in want or ("{" in want and want[0] == "{" and ":" not in want):
            continue
        if want.startswith("!") and generator.random.random() < 0.7:
            continue
        seen.add(text)
        print(text, want, sep="\t")


main()
