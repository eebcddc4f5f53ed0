"""The second binding of the kernel, in a process of its own: a line of JSON in, a line out.

Run: python gopy_oracle.py BINDING, where BINDING is what `make gopy` made. It has its own copy of
the kernel and its own Go runtime, and a process should hold only one; so nobody imports this.

    {"paths": [...]}                        -> how each path is spelled, and its zone
    {"contract": [...], "paths": [...]}     -> the permission bits of each path, and its zone
    {"names": [...], "ask": [...]}          -> what a registry of these names finds
    {"time": name, "n": n, "path": text}    -> nanoseconds for n calls

A refusal is {"error": its first line}.
"""

import json
import sys
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

sys.path.insert(0, sys.argv[1])

from oracle import contract, go, path, registry, zone

READ, WRITE, WALK, PRIVATE = 1, 2, 4, 8


def answered(function: Callable[..., Any], *arguments: Any) -> Any:
    """Give what a function returns, or its refusal."""
    try:
        return function(*arguments)
    except RuntimeError as refusal:  # what gopy makes of every error of Go
        return {"error": str(refusal)}


def spelled(text: str) -> list[Any]:
    """Give the canonical spelling of a path, and its zone."""
    where = path.Parse(text)
    return [where.Canonical().String(), zone.OfPath(where)]


def compiled(name: str, inputs: list[str], outputs: list[str]) -> Any:
    """Compile a contract."""
    declared = contract.Contract(
        Name=name, Inputs=go.Slice_string(inputs), Outputs=go.Slice_string(outputs)
    )
    return contract.Compile(declared)


def permission(policy: Any, text: str) -> list[int]:
    """Give the bits of a path under a policy, from the policy alone, and its zone."""
    where = path.Parse(text)
    cursor = policy.Find(where)
    bits = READ * cursor.Reads() | WRITE * cursor.Writes() | WALK * cursor.Walks()
    private = where[len(where) - 1].IsPrivate()
    return [bits | PRIVATE * private, zone.OfPath(where)]


def permissions(declared: list[Any], paths: list[str]) -> list[Any]:
    """Compile once, then ask for each path."""
    policy = compiled(*declared)
    return [answered(permission, policy, text) for text in paths]


def found(names: list[str], ask: list[str]) -> list[Any]:
    """File processes under these names; the number of each that is asked for."""
    filed = registry.New()
    for name in names:
        filed.Add(compiled(name, [], []))
    return [answered(filed.Find, name) for name in ask]


def timed(what: str, n: int, text: str) -> int:
    """Time n calls of one kind."""
    policy = compiled("timed", ["domain.balance"], ["domain.accounts"])
    ask, argument = {
        "one call": (zone.Of, "a"),
        "canonical": (lambda text: path.Parse(text).String(), text),
        "zone_of": (lambda text: zone.OfPath(path.Parse(text)), text),
        "permission": (lambda text: permission(policy, text), text),
        "refusal": (lambda text: answered(path.Parse, text), "domain..x"),
    }[what]
    start = perf_counter_ns()
    for _ in range(n):
        ask(argument)
    return perf_counter_ns() - start


def answer(question: dict[str, Any]) -> Any:
    """Answer one line."""
    match question:
        case {"contract": declared, "paths": paths}:
            return answered(permissions, declared, paths)
        case {"paths": paths}:
            return [answered(spelled, text) for text in paths]
        case {"names": names, "ask": ask}:
            return found(names, ask)
        case {"time": what, "n": n, "path": text}:
            return timed(what, n, text)


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
