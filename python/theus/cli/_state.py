"""What the state of a program looks like, from its classes and its schema, for paths to be held to.

Three answers about a path: it leads to a field, it leads to nothing, or nobody can tell.
"""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from theus._fields import ClassSource, Field, last_name, unwrapped, with_inherited
from theus.cli._places import Place, nearest

ROOTS = {"global_ctx": "global", "domain_ctx": "domain"}
_MAPPINGS = {"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict"}
_SEQUENCES = {
    "list",
    "List",
    "Sequence",
    "MutableSequence",
    "deque",
    "tuple",
    "Tuple",
    "set",
    "Set",
}
_SCALARS = {"int", "float", "str", "bool", "bytes", "complex", "None"}


@dataclass(frozen=True)
class Missing:
    """A path that leads to nothing: the step that fails, and the name that was probably meant."""

    place: Place
    nearest: str


@dataclass
class State:
    """The layers of a context: classes where the source has them, else the fields of a schema."""

    known: dict[str, ClassSource]
    layers: dict[str, list[ClassSource]]
    schema: Mapping[str, Mapping[str, Any]] | None = None

    def missing(self, place: Place) -> Missing | None:
        """Where a path leads to nothing; None where it leads to something, or nobody can tell."""
        if not place or place[0] not in ROOTS:
            return None
        layer = ROOTS[place[0]]
        if len(place) < 2 or not isinstance(place[1], str) or place[1] == "*":
            return None
        classes = self.layers.get(layer, [])
        names = {name for each in classes for name in (*each.fields, *each.methods)}
        declared = set((self.schema or {}).get(layer, ()))
        if not classes and self.schema is None:
            return None
        if any(each.open for each in classes):
            return None
        if place[1] not in names | declared:
            return Missing(place[:2], nearest(place[1], names | declared))
        owners = [each for each in classes if place[1] in each.fields]
        if len(owners) != 1:
            return None
        return self._below(owners[0].fields[place[1]].annotation, place, 2)

    def names(self, layer: str) -> set[str] | None:
        """The fields that the classes of a layer have; None where nobody can tell."""
        classes = self.layers.get(layer, [])
        if not classes or any(each.open for each in classes):
            return None
        return {name for each in classes for name in each.fields}

    def field(self, place: Place) -> Field | None:
        """The field of a layer that a path begins with."""
        if len(place) < 2 or place[0] not in ROOTS:
            return None
        owners = [each for each in self.layers.get(ROOTS[place[0]], []) if place[1] in each.fields]
        return owners[0].fields[place[1]] if len(owners) == 1 else None

    def method(self, place: Place, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The method that a name means for what stands at a path."""
        owner = self._class_at(place)
        return owner.methods.get(name) if owner is not None else None

    def fields_without_value(self) -> Iterable[tuple[Place, Field]]:
        """Fields of the layers that an annotation promises and nothing gives a value."""
        for root, layer in ROOTS.items():
            for each in self.layers.get(layer, []):
                if "__init__" in each.methods:
                    continue
                for name, found in each.fields.items():
                    if found.default is None and found.annotation is not None:
                        yield (root, name), found

    def _class_at(self, place: Place) -> ClassSource | None:
        if not place or place[0] not in ROOTS:
            return None
        classes = self.layers.get(ROOTS[place[0]], [])
        at = classes[0] if len(classes) == 1 else None
        annotation: ast.expr | None = None
        for step in place[1:]:
            if at is not None:
                if not isinstance(step, str) or step not in at.fields:
                    return None
                annotation = at.fields[step].annotation
            else:
                annotation = _element(annotation)
            inner, _ = unwrapped(annotation)
            at = self._class(inner)
            annotation = inner
        return at

    def _class(self, annotation: ast.expr | None) -> ClassSource | None:
        name = last_name(annotation) if not isinstance(annotation, ast.Subscript) else ""
        return with_inherited(self.known, name) if name in self.known else None

    def _below(self, annotation: ast.expr | None, place: Place, at: int) -> Missing | None:
        """Follow the steps of a path from the annotation of what they start at."""
        if at >= len(place):
            return None
        inner, _ = unwrapped(annotation)
        owner = self._class(inner)
        step = place[at]
        if owner is not None:
            if owner.open or not isinstance(step, str) or step == "*":
                return None
            if step not in owner.fields and step not in owner.methods:
                return Missing(place[: at + 1], nearest(step, {*owner.fields, *owner.methods}))
            found = owner.fields.get(step)
            return self._below(found.annotation, place, at + 1) if found else None
        if inner is not None and last_name(inner) in _SCALARS and isinstance(step, str):
            return Missing(place[: at + 1], "") if step == "*" else None
        return self._below(_element(inner), place, at + 1)


def _element(annotation: ast.expr | None) -> ast.expr | None:
    """The annotation of what a container holds, as far as it says."""
    inner, _ = unwrapped(annotation)
    if not isinstance(inner, ast.Subscript):
        return None
    inside = inner.slice
    parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    if last_name(inner) in _MAPPINGS:
        return parts[1] if len(parts) == 2 else None
    return parts[0] if last_name(inner) in _SEQUENCES and len(parts) == 1 else None
