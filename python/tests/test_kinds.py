"""Every kind of value, every operation of it: a process does what plain Python does, or nothing.

The matrix runs each program of a kind four times: on a plain value, in a process that commits, in
one that fails, and in one that stores what it got under a second name first. What the program
returns or raises, what it leaves, and which objects it leaves it in, must be the same.
"""

import array
import copy
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from functools import cached_property
from typing import Any, Self

import numpy
import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from theus import (
    BaseDomainContext,
    BaseSystemContext,
    ContractViolationError,
    FrozenInputError,
    TheusEngine,
    UnsupportedValueError,
    opaque,
    plain,
    process,
    register_type,
)


@dataclass
class Domain(BaseDomainContext):
    """A value, and places to put it."""

    x: Any = None
    y: Any = None
    z: Any = None


class Planned(Exception):
    """The failure that a process raises on purpose."""


class Upper(dict):  # type: ignore[type-arg]
    """Overrides how items are stored, and calls super()."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(str(key).upper(), value)

    def put(self, key: Any, value: Any) -> "Upper":
        """Use the item assignment from a method."""
        self[key] = value
        return self


class Attributes(dict):  # type: ignore[type-arg]
    """Items that look like attributes."""

    __getattr__ = dict.__getitem__

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class Nought(dict):  # type: ignore[type-arg]
    """Has a __missing__ of its own, which stores nothing."""

    def __missing__(self, key: Any) -> int:
        return 0


class Stack(list):  # type: ignore[type-arg]
    """Adds methods, an attribute, a property and an overridden special to list."""

    limit = 100

    def __init__(self, *items: Any) -> None:
        super().__init__(items)
        self.pushed = 0
        self._secret = [0]

    def push(self, item: Any) -> int:
        """Append, and count it in two attributes."""
        if len(self) >= self.limit:
            raise OverflowError("full")
        super().append(item)
        self.pushed += 1
        self._secret[0] += 1
        return len(self)

    def push_and_fail(self, item: Any) -> None:
        """Append, then raise: a real instance keeps the item."""
        self.append(item)
        raise ValueError("after the push")

    def twist(self) -> "Stack":
        """Change the length and the order, and return self."""
        self.reverse()
        self.insert(1, "twist")
        return self

    @property
    def top(self) -> Any:
        """The last item."""
        return self[-1]

    @top.setter
    def top(self, item: Any) -> None:
        self[-1] = item

    def __contains__(self, item: object) -> bool:
        return item == "all" or super().__contains__(item)

    def __iadd__(self, other: Any) -> Self:  # type: ignore[override,misc]
        for item in other:
            self.push(item)
        return self


class Tags(set):  # type: ignore[type-arg]
    """Keeps small letters only."""

    def add(self, item: str) -> None:
        super().add(item.lower())

    def rename(self, old: str, new: str) -> None:
        """Remove one, add one."""
        self.remove(old)
        self.add(new)


class Window(deque):  # type: ignore[type-arg]
    """Has a maxlen, and a mean."""

    def __init__(self, items: Any = (), maxlen: int | None = 4) -> None:
        super().__init__(items, maxlen)

    def mean(self) -> float:
        """Read all items."""
        return sum(self) / len(self)

    def feed(self, *items: Any) -> None:
        """Append several."""
        for item in items:
            self.append(item)


class Tally(Counter):  # type: ignore[type-arg]
    """A Counter with a method."""

    def bump(self, key: Any) -> int:
        """Count one more."""
        self[key] += 1
        return self[key]


class Recent(OrderedDict):  # type: ignore[type-arg]
    """A cache that forgets what was used longest ago."""

    size = 3

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        self.move_to_end(key)
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > self.size:
            self.popitem(last=False)


Program = Callable[[Any], Any]


def setter(key: Any, value: Any) -> Program:
    """x[key] = value."""
    return lambda x: x.__setitem__(key, value)


def deleter(key: Any) -> Program:
    """del x[key]."""

    def program(x: Any) -> None:
        del x[key]

    return program


def statement(text: str) -> Program:
    """Compile statements about x; a last expression's value is the result."""
    head, _, tail = text.rpartition(";")

    def program(x: Any) -> Any:
        names = {**globals(), "x": x}
        exec(head, names)
        try:
            code = compile(tail.strip(), "<program>", "eval")
        except SyntaxError:
            exec(tail.strip(), names)
            return names["x"]
        return eval(code, names)

    program.__name__ = text
    return program


SEQUENCE = """
x[0]; x[-1]; x[len(x)-1]; x[99]; x[-99]; x[1] = 'new'; x[-1] = 'new'; x[99] = 1; del x[0]
del x[-1]
len(x); list(x); bool(x); 2 in x; 'no' in x; x.index(2); x.index('no'); x.count(2); repr(x)
list(reversed(x)); x.append('a'); x.extend(['a', 'b']); x.extend(x); x.insert(1, 'i')
x.insert(99, 'i')
x.insert(-1, 'i'); x.pop(); x.remove(2); x.remove('no'); x.reverse(); x.clear(); x += ['p', 'q']
x += x
x *= 2; x *= 0; x * 2; 2 * x; x == x; x != x; x[3].append('deep'); x[3] is x[3]; x[3] += ['deep']
x.copy(); copy.copy(x); copy.deepcopy(x); pickle.loads(pickle.dumps(x)); x.nothing; hash(x)
x == list(x); x.append(x[3]) or x[3].append(1); [each.__class__.__name__ for each in x]
[x.pop() for _ in range(len(x))]; [x.pop() for _ in range(len(x) + 1)]
[x.append(i) or x.pop() for i in range(9)]; x.extend(i for i in 'abc')
"""
MORE = {
    "list": """
x[1:3]; x[::2]; x[::-1]; x[1:2] = ['s', 't']; x[::2] = list('abc'[:len(x[::2])]); del x[1:3]
del x[::2]
x.sort(key=str); x.sort(key=str, reverse=True); x + ['c']; x.pop(0); x.pop(-2); x.pop(99); x < [9]
sorted(x, key=str); x[1], x[0] = x[0], x[1]; x.append([]) or x[-1].append(7)
x[0] = [] ; x[0].append(1)
""",
    "deque": """
x.appendleft('l'); x.extendleft('abc'); x.popleft(); x.rotate(); x.rotate(2); x.rotate(-1)
x.rotate(99)
x.rotate(0); x.maxlen; x + deque('z'); x == deque(x); x < deque([9]); x[1:2]; x[0:1] = []
[x.popleft() for _ in range(len(x))]; [x.popleft() for _ in range(len(x) + 1)]
[x.appendleft(i) for i in range(5)] and [x.pop() for _ in range(len(x))]
[x.append(i) for i in range(5)] and [x.popleft() for _ in range(len(x))]
x.rotate(1) or x.append('r'); x.popleft() and x.appendleft('l'); x.clear() or x.appendleft(1)
x.popleft() or 1; x[1] = 'mid' ; x.popleft() or x.popleft()
x.rotate(2) or x.insert(2, 'i') or x.remove('i') or x.reverse() or list(x)
[x.append(each) for each in x]
""",
    "dict": """
x['a']; x['no']; x.get('no'); x.get('a'); x.get('no', 3); x['a'] = 'new'; x['new'] = 1
del x['a']; del x['no']
len(x); list(x); list(x.items()); list(x.values()); list(x.keys()); 'a' in x; 'no' in x
x.pop('a')
x.pop('no'); x.pop('no', 4); x.popitem(); x.setdefault('a', 5); x.setdefault('new', []).append(1)
x.update({'a': 1, 'z': 2}); x.update(z=3); x.update([('q', 1)]); x.clear()
x |= {'a': 9, 'n': 8}; x | {'n': 1}
{'n': 1} | x; x == dict(x); x != dict(x); list(reversed(x)); repr(x); x.copy(); copy.copy(x)
hash(x)
copy.deepcopy(x); pickle.loads(pickle.dumps(x)); x['c'].append('deep'); x['c'] += ['deep']
x.nothing
[x.popitem() for _ in range(len(x))]; [x.popitem() for _ in range(len(x) + 1)]
x.pop('a') or x.__setitem__('a', 'again'); x.clear() or x.update(b=1) or x.update(a=2); bool(x)
x['d'] = x['c'] ; x['d'].append(1); x[1] = 'int' ; x['1'] = 'text' ; x[None] = 0
[x.__delitem__(each) for each in list(x)]; {**x}; dict(x); x['a'] = x ; x['a']['b'] = 7 ; None
{k: v for k, v in x.items() if k != 'a'}; x['a'], x['b'] = x['b'], x['a']; sorted(x, key=str)
""",
    "ordered": """
x.move_to_end('a'); x.move_to_end('a', last=False); x.move_to_end('c', last=False)
x.move_to_end('no')
x.popitem(last=False); x.popitem(last=True); [x.popitem(last=False) for _ in range(len(x))]
[x.popitem(False) for _ in range(len(x) + 1)]; x == OrderedDict(x)
x == OrderedDict(reversed(list(x.items())))
x == OrderedDict([(k, x[k]) for k in reversed(list(x))]); OrderedDict(x) == x; {'a': 0} == x
x | OrderedDict(q=1)
x.move_to_end('a') or x.move_to_end('b', last=False) or x.pop('c') or list(x)
x.__setitem__('n', 1) or x.move_to_end('n', last=False) or x.popitem(last=False)
x.clear() or x.update(b=1, a=2) or x.move_to_end('b'); list(reversed(x))
""",
    "defaultdict": """
x['no'].append(1); x['no'] += [1]; x.default_factory; x.default_factory = dict ; x['q']['r'] = 1
x.default_factory = None ; x['no']; x.get('no'); 'no' in x; x | {'a': 1}; x.__missing__('m')
""",
    "counter": """
x['no']; x['no'] += 1; x['a'] += 2; del x['no']; x.most_common(); x.most_common(1)
sorted(x.elements())
x.update('aab'); x.update({'a': 3}); x.update(a=1, q=2); x.subtract('aab'); x.subtract({'a': 9})
x.total()
x + Counter('aq'); x - Counter('aq'); x & Counter('aq'); x | Counter('aq'); +x; -x
x += Counter('aq')
x -= Counter('aq'); x &= Counter('aq'); x |= Counter('aq'); x == Counter(x); x <= Counter(x)
x > Counter()
Counter(x); x.copy(); Counter('a') + x; x.clear() or x.update('ab')
x.clear() or x.update({'a': 1}); repr(x)
x.get('no'); x.pop('a'); x['a'] = 9 ; dict(x); list(x); x.setdefault('n', 2); copy.deepcopy(x)
x.popitem()
pickle.loads(pickle.dumps(x)); 'a' in x; len(x); x.nothing; x == {'a': 2, 'b': 1}
""",
    "set": """
x.add('n'); x.add('a'); x.discard('a'); x.discard('no'); x.remove('a'); x.remove('no')
x.clear(); len(x)
x.update('xy', 'z'); x |= {'n'}; x &= {'a'}; x -= {'a'}; x ^= {'a', 'n'}; x | {'n'}; x & {'a'}
x - {'a'}
x ^ {'a', 'n'}; x == {'a', 'b', 'c'}; x <= {'a', 'b', 'c', 'd'}; x.isdisjoint('q'); x.union('q')
hash(x)
x.intersection_update('ab'); x.difference_update('ab'); x.symmetric_difference_update('aq')
'a' in x
sorted(x); copy.copy(x); copy.deepcopy(x); pickle.loads(pickle.dumps(x)); bool(x); x.nothing
[x.pop() for _ in range(len(x) + 1)] and 0; sorted(x.pop() for _ in range(len(x))); x < {'a'}
x.remove('a') or x.add('a') or sorted(x); x.copy() == x; x.issubset('abcd')
""",
    "stack": """
x.push('p'); x.push('p') + x.push('q'); x.pushed; x.pushed = 7 ; x.top
x.top = 'new' ; x.twist() is x
x.twist() == x; 'all' in x; x += ['s']; x.limit; x.limit = 2 ; x.push(1)
x.new = [] ; x.new.append(1)
del x.pushed; del x.nothing; x.push_and_fail(1); push = x.push; push(1) and push(2)
x.append(1) or x.pushed
x.pushed += 1 ; x.push(0); x.limit = 0 ; x.push(1); isinstance(x, Stack) and isinstance(x, list)
x.twist() ; x.push(1)
""",
    "upper": """
x['k'] = 1 ; list(x.items()); x.put('k', 2) is x; x.put('a', 2)['A']; x.update(k=1); x.pop('A')
x.put('c', []) ; x['C'].append(1); x.setdefault('z', 1); x.note = 1 ; x.note
""",
    "attributes": """
x.a; x.new = 1 ; x['new']; x.c.append(1); x.no; x.a = 5 ; x['a']; x.update(q=1) or x.q
""",
    "nought": "x['no']; x['no'] += 1 ; x['no']; x.get('no')",
    "tags": "x.add('NEW'); x.rename('a', 'Z'); x.rename('no', 'Z'); x.add('A'); x |= {'Q'}",
    "window": """
x.mean(); x.feed(1); x.feed(1, 2, 3, 4, 5); x.append(9); x.feed(1) or x.rotate(1); x.maxlen
""",
    "bytes": """
x[0]; x[-1]; x[99]; x[1:3]; x[::2]; x[1] = 7; x[99] = 1; x[0] = 'text'; x[0] = 999999999999
x[0] = -1.5
del x[0]; del x[1:3]; x.append(5); x.append('no'); x.extend([1, 2]); x.insert(1, 9); x.pop()
x.pop(0)
x.pop(99); x.remove(2); x.remove(77); x.reverse(); len(x); list(x); bool(x); 2 in x; x.index(2)
x.count(2)
repr(x); hash(x); x * 2; x *= 2; x *= 0; x == x; x != x; copy.copy(x); copy.deepcopy(x); x.nothing
pickle.loads(pickle.dumps(x)); list(reversed(x)); bytes(x); memoryview(x)[0]; memoryview(x).nbytes
memoryview(x)[0] = 3 ; x[0]; x.append(1) or x.append(2) or x.pop(0); sum(x); x.__class__.__name__
x[0] = 9 ; x[-1] = 8 ; x.append(5) ; x[2:9]; x[0] = 9 ; x.pop() ; x.append(7) ; x.append(6) ; x[-3:]
x.append(6) ; x.append(7) ; x[5] = 1 ; x.pop() ; x[4:]; x[2] = 9 ; x.index(9); x[2] = 9 ; list(x)
x[-1] = 4 ; x.pop() ; x.pop() ; x[-1]; del x[-1] ; x[-1] = 6 ; len(x); x[1] = 2 ; x.pop(2) ; x[1]
x[1] = 7 ; x == x[:]; x[1] = 7 ; x * 2; x[1] = 7 ; repr(x); x[1] = 7 ; x[::2]; x[1] = 7 ; 7 in x
x[1] = 7 ; x.append('no'); x[1] = 7 ; x[99] = 'no'; x[1] = 7 ; x[1] = 'no'; x[1] = 7 ; x[99]
x[1] = 7 ; bytes(x); x[1] = 7 ; copy.deepcopy(x); del x[99]; del x[2**70]
x[1] = 7 ; x.append(8) ; x.extend(x); x.extend(x); x[1:3] = x; x[0:2] = x[1:3]; x[True]; x[True] = 4
""",
    "bytearray": """
x[1:2] = b'abc'; x[::2] = bytes(len(x[::2])); x += b'z'; x + b'z'; b'z' + x; x.find(b'\\x02')
x.hex()
x.clear(); x.decode('latin1'); x.startswith(b'\\x01'); x.upper(); x == bytes(x); x < b'zzz'
x.split(b'\\x02')
x.extend(b'abc'); x.append(256); x[1:2] = x; x.join([b'a', b'b']); x += x; x.append(1) ; x += x
x[1:3] = b'ab'; x[1:3] = iter([7, 8]); x[1:3] = iter([7, 8, 9]); x[1:3] = iter([7, 'no']); x[1:3] = 5
x[1] = 7 ; x[0:2] = b'ab' ; x += b'z' ; x.find(b'b'); x.append(1) ; x[4:6] = b'ab' ; x[-2:]
isinstance(x, bytearray)
""",
    "array": """
x[1:2] = array.array('i', [7, 8]); x += array.array('i', [7]); x + array.array('i', [7]); x + x
x += x
x.typecode; x.itemsize; x.tolist(); x.tobytes(); x.frombytes(bytes(4)); x.fromlist([1, 2])
x.byteswap()
x == array.array('i', x); x < array.array('i', [99]); x.fromlist([1, 'no'])
x.extend(array.array('i', [5]))
x[1:3] = array.array('i', [7, 8]); x[1:3] = array.array('b', [7, 8]); x[1:3] = [7, 8]; x += [1]
x[1] = 7 ; x.frombytes(bytes(3)); x[1] = 7 ; x.fromlist([1, 2]) ; x.typecode; x[1] = 7 ; x.tolist()
x.extend([1, 'no']); isinstance(x, array.array); array.array('i', [7]) + x; x.append(2**40)
""",
    "tally": "x.bump('a'); x.bump('new'); x['new']; x.update('ab'); x += Counter('a')",
    "recent": "x['a']; x['n'] = 1 ; x['a'] = 1 ; x['n'] = 2 ; list(x); x.get('a'); x.pop('a')",
}


def programs(*parts: str) -> list[str]:
    """Every program of some parts, one per line or per semicolon with nothing after ' ;'."""
    found = []
    for part in parts:
        for line in part.strip().splitlines():
            rest = line.replace(" ; ", "\0")
            found += [each.strip().replace("\0", "; ") for each in rest.split(";") if each.strip()]
    return found


def deep() -> list[Any]:
    """An element that can change."""
    return ["deep"]


KINDS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "list": (lambda: [1, 2, 2, deep(), "end"], programs(SEQUENCE, MORE["list"])),
    "deque": (lambda: deque([1, 2, 2, deep(), "end"]), programs(SEQUENCE, MORE["deque"])),
    "deque-maxlen": (
        lambda: deque([1, 2, 2, deep(), "end"], maxlen=6),
        programs(SEQUENCE, MORE["deque"]),
    ),
    "deque-full": (
        lambda: deque([1, 2, 2, deep(), "end"], maxlen=5),
        programs(SEQUENCE, MORE["deque"]),
    ),
    "dict": (lambda: {"a": 1, "b": 2, "c": deep(), "d": 0}, programs(MORE["dict"])),
    "OrderedDict": (
        lambda: moved(OrderedDict(a=1, b=2, c=deep(), d=0)),
        programs(MORE["dict"], MORE["ordered"]),
    ),
    "defaultdict": (
        lambda: defaultdict(list, a=1, b=2, c=deep(), d=0),
        programs(MORE["dict"], MORE["defaultdict"]),
    ),
    "Counter": (lambda: Counter("aab"), programs(MORE["counter"])),
    "set": (lambda: set("abc"), programs(MORE["set"])),
    "bytearray": (
        lambda: bytearray([1, 2, 2, 3, 200]),
        programs(MORE["bytes"], MORE["bytearray"]),
    ),
    "array": (
        lambda: array.array("i", [1, 2, 2, 3, -5]),
        programs(MORE["bytes"], MORE["array"]),
    ),
    "list subclass": (
        lambda: Stack(1, 2, 2, deep(), "end"),
        programs(SEQUENCE, MORE["list"], MORE["stack"]),
    ),
    "dict subclass, overriding": (lambda: Upper(A=1, B=2, C=deep()), programs(MORE["upper"])),
    "dict subclass, attributes": (
        lambda: Attributes(a=1, b=2, c=deep(), d=0),
        programs(MORE["attributes"]),
    ),
    "dict subclass, missing": (
        lambda: Nought(a=1, b=2, c=deep(), d=0),
        programs(MORE["dict"], MORE["nought"]),
    ),
    "set subclass": (lambda: Tags("abc"), programs(MORE["set"], MORE["tags"])),
    "deque subclass": (lambda: Window([1, 2, 3]), programs(MORE["window"])),
    "Counter subclass": (lambda: Tally("aab"), programs(MORE["counter"], MORE["tally"])),
    "OrderedDict subclass": (lambda: Recent(a=1, b=2, c=deep()), programs(MORE["recent"])),
}


def moved(value: "OrderedDict[str, Any]") -> "OrderedDict[str, Any]":
    """Give an OrderedDict an order that differs from that of the dict it is."""
    value.move_to_end("d", last=False)
    value.move_to_end("a")
    return value


Check = Callable[[Callable[[], Any], Program], None]


def matrix(check: Check) -> Callable[[str], None]:
    """Run a check with each program of each kind; a failure names the program."""

    @pytest.mark.parametrize("kind", KINDS)
    def test(kind: str) -> None:
        make, texts = KINDS[kind]
        for text in texts:
            try:
                check(make, statement(text))
            except BaseException as error:
                error.add_note(f"the program: {text}")
                raise

    test.__doc__ = check.__doc__
    return test


def picture(value: Any, seen: dict[int, int] | None = None) -> Any:
    """All there is to say about a value: types, order, attributes, aliases."""
    seen = {} if seen is None else seen
    if isinstance(value, (str, int, float, bytes, type(None), type)):
        return type(value).__name__, value
    if id(value) in seen:
        return "again", seen[id(value)]
    seen[id(value)] = len(seen)
    name = type(value).__name__
    if isinstance(value, dict):
        rest: Any = [(picture(k), picture(v, seen)) for k, v in dict.items(value)]
        if isinstance(value, OrderedDict):
            rest = [
                (picture(k), picture(dict.get(value, k), seen)) for k in OrderedDict.__iter__(value)
            ]
    elif isinstance(value, (set, frozenset)):
        rest = sorted(map(repr, value))
    elif isinstance(value, (list, tuple, deque)):
        rest = [picture(each, seen) for each in value]
    else:
        rest = repr(value)
    more = [(k, picture(v, seen)) for k, v in sorted(getattr(value, "__dict__", {}).items())]
    extra = (
        value.default_factory if isinstance(value, defaultdict) else None,
        value.maxlen if isinstance(value, deque) else None,
    )
    return name, rest, more, extra


def outcome(program: Program, x: Any) -> Any:
    """What a program returns or raises, as a picture of plain values."""
    try:
        result = program(x)
    except Exception as error:
        return type(error).__name__
    if "iterator" in type(result).__name__ or result is NotImplemented:
        result = list(result)
    return picture(copy.deepcopy(plain(result)))


def run(ctx: Domain, body: Callable[[Any], Any], **contract: Any) -> Any:
    """Run body(domain) as a process with every field as output."""
    outputs = contract.pop("outputs", ["domain_ctx.x", "domain_ctx.y", "domain_ctx.z"])
    engine = TheusEngine(BaseSystemContext(None, ctx))

    @process(inputs=contract.pop("inputs", []), outputs=outputs, errors=[Exception])
    def act(ctx: Any) -> Any:
        return body(ctx.domain_ctx)

    engine.register_process("act", act)
    try:
        return engine.execute_process("act")
    finally:
        engine.close()


@matrix
def test_a_commit_equals_plain_python(make: Callable[[], Any], program: Program) -> None:
    """Law: results, errors, contents, order and identities are those of plain Python."""
    twin, value = make(), make()
    expected = outcome(program, twin)
    ctx = Domain(x=value)
    assert run(ctx, lambda domain: outcome(program, domain.x)) == expected
    assert ctx.x is value
    assert picture(value) == picture(twin)


@matrix
def test_a_failure_leaves_no_trace(make: Callable[[], Any], program: Program) -> None:
    """Law: whatever a process did before it failed, nothing of it reached the value."""

    def body(domain: Any) -> None:
        outcome(program, domain.x)
        raise Planned

    ctx = Domain(x=make())
    with pytest.raises(Planned):
        run(ctx, body)
    assert picture(ctx.x) == picture(make())


@matrix
def test_an_alias_sees_it_too(make: Callable[[], Any], program: Program) -> None:
    """Law: one object under two names is one object, in a process and after it."""
    twin, value = make(), make()
    expected = outcome(program, twin), picture(plain(twin))

    def body(domain: Any) -> Any:
        domain.z = domain.y
        return outcome(program, domain.x), picture(plain(domain.z))

    ctx = Domain(x=value, y=value)
    assert run(ctx, body) == expected
    assert ctx.x is ctx.y is ctx.z is value
    assert picture(value) == picture(twin)


@matrix
def test_a_fresh_value_behaves_the_same(make: Callable[[], Any], program: Program) -> None:
    """Law: a value assigned in this run can be changed in this run."""
    twin, value = make(), make()
    expected = outcome(program, twin)

    def body(domain: Any) -> Any:
        domain.x = value
        return outcome(program, domain.x)

    ctx = Domain()
    assert run(ctx, body) == expected
    assert ctx.x is value
    assert picture(value) == picture(twin)


@matrix
def test_a_savepoint_undoes_exactly_its_own(make: Callable[[], Any], program: Program) -> None:
    """Law: a nested process that fails takes back its writes and leaves the outer ones."""
    twin, value = make(), make()
    outcome(program, twin)
    ctx = Domain(x=value)
    engine = TheusEngine(BaseSystemContext(None, ctx))

    @process(inputs=[], outputs=["domain_ctx.x"], errors=[Planned])
    def inner(ctx: Any) -> None:
        outcome(program, ctx.domain_ctx.x)
        raise Planned

    @process(inputs=[], outputs=["domain_ctx.x"], errors=[])
    def outer(ctx: Any) -> None:
        outcome(program, ctx.domain_ctx.x)
        with pytest.raises(Planned):
            engine.execute_process("inner")

    engine.register_process("inner", inner)
    engine.register_process("outer", outer)
    engine.execute_process("outer")
    engine.close()
    assert picture(value) == picture(twin)


class Grumpy:
    """Refuses one assignment, at commit."""

    def __setattr__(self, name: str, value: Any) -> None:
        if value == "no":
            raise ValueError(value)
        super().__setattr__(name, value)


@matrix
def test_undo_is_exact(make: Callable[[], Any], program: Program) -> None:
    """Law: when a later setter raises while a commit is applied, what was applied is undone."""

    def body(domain: Any) -> None:
        outcome(program, domain.x)
        domain.y.name = "no"

    ctx = Domain(x=make(), y=Grumpy())
    with pytest.raises(ValueError, match="no"):
        run(ctx, body)
    assert picture(ctx.x) == picture(make())


@matrix
def test_an_input_never_changes(make: Callable[[], Any], program: Program) -> None:
    """Law: under an input a program reads what it would, or is refused where it writes."""
    twin, value = make(), make()
    expected = outcome(program, twin)
    seen = run(
        Domain(x=value),
        lambda domain: outcome(program, domain.x),
        inputs=["domain_ctx.x"],
        outputs=["domain_ctx.y"],
    )
    assert picture(value) == picture(make())
    if picture(twin) == picture(make()):
        assert seen in (expected, "FrozenInputError")
    elif "memoryview" in program.__name__:
        assert seen == "TypeError"  # of the memoryview, which knows no contract
    else:
        assert seen == "FrozenInputError"


def test_an_input_of_bytes_is_read_only_memory() -> None:
    """Law: nothing that shows the memory of an input can write it, nor leads to what can."""
    value = bytearray(range(9))

    def body(domain: Any) -> Any:
        memory = memoryview(domain.x)
        assert memory.readonly
        assert memory.obj is not value
        shown = numpy.asarray(domain.x)
        assert not shown.flags.writeable
        with pytest.raises(ValueError, match="WRITEABLE"):
            shown.flags.writeable = True
        assert numpy.shares_memory(shown, numpy.frombuffer(value, dtype="uint8"))
        with pytest.raises(FrozenInputError):
            domain.x.append(1)
        return int(shown.sum())

    assert run(Domain(x=value), body, inputs=["domain_ctx.x"], outputs=["domain_ctx.y"]) == 36
    value.append(1)  # nothing of the run is left that would hold the memory


def array_body(change: Callable[[Any], Any], fail: bool = False) -> Callable[[Any], Any]:
    """Change the array at x, and perhaps fail."""

    def body(domain: Any) -> None:
        change(domain.x)
        if fail:
            raise Planned

    return body


def half(x: Any) -> None:
    """Halve the second half."""
    x[2:] /= 2


def test_an_output_array_is_written_in_place() -> None:
    """Law: a commit writes a numpy array where it is; a failure, or an unchanged one, nothing."""
    value = numpy.arange(4.0)
    ctx = Domain(x=value, y=[value])
    with pytest.raises(Planned):
        run(ctx, array_body(half, fail=True))
    assert value.tolist() == [0, 1, 2, 3]
    run(ctx, array_body(half))
    assert value.tolist() == [0, 1, 1, 1.5]
    assert ctx.x is ctx.y[0] is value
    value.flags.writeable = False
    run(ctx, array_body(lambda x: x.sum()))
    with pytest.raises(ValueError, match="read-only"):
        run(ctx, array_body(half))
    assert value.tolist() == [0, 1, 1, 1.5]


def test_an_input_array_is_the_same_memory_read_only() -> None:
    """Law: an input array is not copied and cannot be written; storing it stores a copy."""
    value = numpy.arange(4.0)

    def body(domain: Any) -> None:
        assert numpy.shares_memory(domain.x, value)
        with pytest.raises(ValueError, match="read-only"):
            domain.x[0] = 1
        domain.y = domain.x

    ctx = Domain(x=value)
    run(ctx, body, inputs=["domain_ctx.x"], outputs=["domain_ctx.y"])
    assert ctx.y.tolist() == value.tolist()
    assert not numpy.shares_memory(ctx.y, value)
    ctx.y[0] = 9


def test_an_alias_of_an_array_stays_one() -> None:
    """Law: an output array stored elsewhere is the same array there."""
    value = numpy.arange(4.0)

    def body(domain: Any) -> None:
        domain.y = domain.x
        domain.y[0] = 7
        assert domain.x[0] == 7

    ctx = Domain(x=value)
    run(ctx, body)
    assert ctx.y is ctx.x is value
    assert value[0] == 7


def test_a_nested_failure_gives_an_array_its_elements_back() -> None:
    """Law: a savepoint that fails takes back its elements, in the array the outer one holds."""
    ctx = Domain(x=numpy.zeros(3), y=bytearray(3))
    engine = TheusEngine(BaseSystemContext(None, ctx))

    @process(inputs=[], outputs=["domain_ctx.x", "domain_ctx.y"], errors=[Planned])
    def inner(ctx: Any) -> None:
        ctx.domain_ctx.x[1] = ctx.domain_ctx.y[1] = 2
        raise Planned

    @process(inputs=[], outputs=["domain_ctx.x", "domain_ctx.y"], errors=[])
    def outer(ctx: Any) -> None:
        x, y = ctx.domain_ctx.x, memoryview(ctx.domain_ctx.y)
        x[0] = y[0] = 1
        with pytest.raises(Planned):
            engine.execute_process("inner")
        assert (x.tolist(), y.tolist()) == ([1, 0, 0], [1, 0, 0])
        x[2] = y[2] = 3

    engine.register_process("inner", inner)
    engine.register_process("outer", outer)
    engine.execute_process("outer")
    engine.close()
    assert ctx.x.tolist() == [1, 0, 3]
    assert list(ctx.y) == [1, 0, 3]


def test_a_large_output_array_is_warned_about() -> None:
    """Law: copying more than 1 MiB says where, and that a heavy_ name would not."""
    ctx = Domain(x=numpy.zeros(200_000))
    with pytest.warns(RuntimeWarning, match="domain_ctx.x is an output of 1600000 bytes.*heavy_"):
        run(ctx, array_body(half))


def test_an_array_of_objects_is_refused() -> None:
    """Law: what cannot be guarded does not get in."""
    with pytest.raises(UnsupportedValueError, match="of objects"):
        run(Domain(x=numpy.array([[], {}], dtype=object)), lambda domain: domain.x)


class Client:
    """A live thing that nobody may copy."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __deepcopy__(self, memo: Any) -> "Client":
        raise AssertionError("copied")


def test_opaque_is_passed_by_reference() -> None:
    """Law: what is marked opaque is the object itself, as input, as output and in what is copied."""
    client = opaque(Client())
    ctx = Domain(x=client, y={"client": client})

    def body(domain: Any) -> Any:
        assert domain.x is domain.y["client"] is client
        domain.x.calls.append(1)
        domain.z = [domain.x]
        return plain(domain.y)["client"]

    assert run(ctx, body, inputs=["domain_ctx.x", "domain_ctx.y"]) is client
    assert ctx.z[0] is client
    assert client.calls == [1]
    other = Client()
    with pytest.raises(FrozenInputError):
        run(
            Domain(x=other),
            lambda domain: domain.x.calls.append(1),
            inputs=["domain_ctx.x"],
            outputs=[],
        )
    with pytest.raises(TypeError, match="weak reference"):
        opaque(3)


class Price:
    """An immutable type of the user's."""

    def __init__(self, cents: int) -> None:
        self.cents = cents


class Grid:
    """A type with a state of its own, written in Python for the test."""

    def __init__(self, cells: list[int]) -> None:
        self.cells = cells

    def apply(self, other: "Grid") -> None:
        """Take over the cells of another; refuse some."""
        if 13 in other.cells:
            raise ValueError("unlucky")
        self.cells[:] = other.cells


def test_registered_types() -> None:
    """Law: immutable ones are handed out, others copied, and a commit applies the copy in place."""
    register_type(Price, immutable=True)
    register_type(Grid, copy=lambda grid: Grid(list(grid.cells)), apply=Grid.apply)
    price, grid = Price(3), Grid([1, 2])
    ctx = Domain(x=grid, y=price)

    def write(domain: Any) -> None:
        assert domain.y is price
        domain.x.cells.append(3)
        assert domain.x.cells == [1, 2, 3]
        assert grid.cells == [1, 2]
        domain.z = domain.x

    run(ctx, write)
    assert ctx.x is ctx.z is grid
    assert grid.cells == [1, 2, 3]

    def fail(domain: Any) -> None:
        domain.x.cells.append(4)
        raise Planned

    with pytest.raises(Planned):
        run(ctx, fail)
    with pytest.raises(ValueError, match="unlucky"):
        run(ctx, lambda domain: domain.x.cells.append(13))
    ctx.y = Grumpy()

    def late(domain: Any) -> None:
        domain.x.cells.append(5)
        domain.y.name = "no"

    with pytest.raises(ValueError, match="no"):
        run(ctx, late)
    assert grid.cells == [1, 2, 3]
    run(ctx, lambda domain: domain.x.cells.append(9), inputs=["domain_ctx.x"], outputs=[])
    assert grid.cells == [1, 2, 3]


@pytest.mark.parametrize("kind", [list, dict, object, bytearray])
def test_supported_types_cannot_be_registered(kind: type) -> None:
    """Law: nobody takes the guard off the built-in containers."""
    with pytest.raises(TypeError, match="of its own"):
        register_type(kind, immutable=True)


class Cached:
    """Computes a list once."""

    def __init__(self) -> None:
        self.n = 2

    @cached_property
    def twice(self) -> list[int]:
        """A list of its own."""
        return [self.n * 2]


def test_cached_property() -> None:
    """Law: an output keeps the cached value with its other writes, an input computes it."""
    value = Cached()
    ctx = Domain(x=value)
    run(ctx, lambda domain: domain.x.twice, inputs=["domain_ctx.x"], outputs=[])
    assert vars(value) == {"n": 2}
    with pytest.raises(Planned):
        run(ctx, array_body(lambda x: x.twice.append(1), fail=True))
    assert vars(value) == {"n": 2}
    run(ctx, lambda domain: domain.x.twice)
    assert vars(value) == {"n": 2, "twice": [4]}
    run(ctx, lambda domain: domain.x.twice.append(1))
    assert value.twice == [4, 1]


class Model(BaseModel):
    """A model whose assignments nobody checks."""

    n: int = 0
    tags: list[str] = []


class Checked(Model):
    """A model that checks its assignments."""

    model_config = ConfigDict(validate_assignment=True)


@pytest.mark.parametrize("kind", [Model, Checked])
def test_pydantic_models_are_validated_at_commit(kind: type[Model]) -> None:
    """Law: the resulting model is valid, whichever part of it was written, or nothing happened."""
    model = kind(n=1, tags=["a"])
    ctx = Domain(x=model)
    bad: list[Callable[[Any], Any]] = [
        lambda x: setattr(x, "n", "text"),
        lambda x: x.tags.append(3),
        lambda x: setattr(x, "tags", None),
    ]
    for change in bad:
        with pytest.raises(ValidationError):
            run(ctx, array_body(change))
        with pytest.raises(ContractViolationError) as caught:
            run_undeclared(ctx, array_body(change))
        assert isinstance(caught.value.__cause__, ValidationError)
        assert model == kind(n=1, tags=["a"])
    with pytest.raises(ValidationError):
        run(ctx, lambda domain: setattr(domain.x, "n", "text"), outputs=["domain_ctx.x.n"])
    run(ctx, lambda domain: (setattr(domain.x, "n", 2), domain.x.tags.append("b")))
    assert model == kind(n=2, tags=["a", "b"])
    assert model.model_fields_set == {"n", "tags"}


def run_undeclared(ctx: Domain, body: Callable[[Any], Any]) -> None:
    """Run body as a process that declares no error."""
    engine = TheusEngine(BaseSystemContext(None, ctx))

    @process(inputs=[], outputs=["domain_ctx.x"], errors=[])
    def act(ctx: Any) -> Any:
        return body(ctx.domain_ctx)

    engine.register_process("act", act)
    try:
        engine.execute_process("act")
    finally:
        engine.close()


@pytest.mark.parametrize("kind", [Model, Checked])
def test_pydantic_methods_see_pending_writes(kind: type[Model]) -> None:
    """Law: a model's view dumps, copies, compares and iterates as the model it will be."""

    def body(domain: Any) -> None:
        x = domain.x
        x.n = 5
        x.tags.append("b")
        twin = kind(n=5, tags=["a", "b"])
        assert x.model_dump() == {"n": 5, "tags": ["a", "b"]}
        assert x.model_dump_json() == '{"n":5,"tags":["a","b"]}'
        assert x.model_copy(deep=True) == twin
        assert type(x.model_copy()) is kind
        assert x == twin
        assert twin == x
        assert list(x) == list(twin)
        assert repr(x) == repr(twin)
        assert kind.model_validate(plain(x)) == twin

    run(Domain(x=kind(n=1, tags=["a"])), body)


@dataclass(frozen=True, slots=True)
class Frozen:
    """A frozen dataclass with mutable contents."""

    items: list[int]


def test_frozen_slotted_dataclass() -> None:
    """Law: what a frozen dataclass holds can change; its fields cannot."""
    value = Frozen([1])
    ctx = Domain(x=value)
    run(ctx, lambda domain: domain.x.items.append(2))
    assert value.items == [1, 2]
    with pytest.raises(FrozenInstanceError):
        run(ctx, lambda domain: setattr(domain.x, "items", []))
