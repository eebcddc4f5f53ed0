"""Base classes for contexts: plain dataclasses that an engine can lock and a user can export."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from inspect import get_annotations
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, ClassVar

from theus._kernel import Supplied
from theus._typing import HasDomain, Layer_co
from theus.locks import LockManager
from theus.zones import ContextZone, resolve_zone

if TYPE_CHECKING:
    from theus.guards import ContextLoggerAdapter


class LockedContextMixin:
    """A part of a context that can be locked and exported.

    While a lock manager is set, assigning and deleting an attribute asks it first, unless the name
    starts with ``_``. A copy or a pickle is not locked.
    """

    # The default of an object that never had a lock, so that nothing asks for its __dict__:
    # that would make each later access to it slower.
    _lock_manager: ClassVar[LockManager | None] = None

    def set_lock_manager(self, manager: LockManager | None) -> None:
        """Guard this object against writes from outside; None ends that."""
        object.__setattr__(self, "_lock_manager", manager)

    def __setattr__(self, name: str, value: Any) -> None:
        manager = self._lock_manager
        if manager is not None and not name.startswith("_"):
            manager.validate_write(name, self)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        manager = self._lock_manager
        if manager is not None and not name.startswith("_"):
            manager.validate_write(name, self)
        super().__delattr__(name)

    def __getstate__(self) -> object:
        state = super().__getstate__()
        if isinstance(state, dict):
            return _without_lock(state)
        if isinstance(state, tuple) and state and isinstance(state[0], dict):
            return (_without_lock(state[0]), *state[1:])
        return state

    def _repr_html_(self) -> str:
        from theus._tree import ContextTree  # noqa: PLC0415

        return ContextTree(self)._repr_html_()

    def get_zone(self, key: str) -> ContextZone:
        """The zone of a field of this object; see ``theus.zones.resolve_zone``."""
        return resolve_zone(key)

    def to_dict(self, exclude_zones: Collection[ContextZone] | None = None) -> dict[str, Any]:
        """The fields by name, without those of some zones and without ``_names``.

        Left out are SIGNAL, META and HEAVY; an empty list leaves out none. A value that has a
        ``to_dict`` of its own is exported with it. Raises ValueError for an unknown zone.

        >>> from theus import BaseDomainContext
        >>> domain = BaseDomainContext()
        >>> domain.from_dict({"count": 3, "meta_note": "x", "_private": 0})
        >>> domain.to_dict(), domain.to_dict(exclude_zones=[])
        ({'count': 3}, {'count': 3, 'meta_note': 'x'})
        """
        if exclude_zones is None:
            exclude_zones = (ContextZone.SIGNAL, ContextZone.META, ContextZone.HEAVY)
        hidden = {ContextZone(zone) for zone in exclude_zones}
        exported = {}
        for name in _field_names(self):
            if self.get_zone(name) not in hidden:
                value = getattr(self, name)
                nested = not isinstance(value, type) and hasattr(value, "to_dict")
                exported[name] = value.to_dict(exclude_zones) if nested else value
        return exported

    def from_dict(self, data: Mapping[str, Any]) -> None:
        """Assign fields by name, except ``_names``; a new name makes a new field.

        A current value that has a ``from_dict`` of its own takes its part with it. Raises
        LockViolationError like any other assignment.
        """
        for name, value in data.items():
            if name.startswith("_"):
                continue
            current: Any = getattr(self, name, None)
            if not isinstance(current, type) and hasattr(current, "from_dict"):
                current.from_dict(value)
            else:
                setattr(self, name, value)


@dataclass
class BaseSystemContext(LockedContextMixin):
    """The root of a context: two layers. Subclass it to give them types or to add more fields.

    A process has ``local`` and ``log`` besides: a scratch namespace of this one call, and a logger
    that says which process speaks. Anywhere else they raise AttributeError. In strict mode the view
    of the root supplies them, in training mode this class does, unless it has fields of that name.

    >>> from theus import BaseDomainContext, BaseGlobalContext, BaseSystemContext
    >>> root = BaseSystemContext(BaseGlobalContext(), BaseDomainContext())
    >>> root.domain is root.domain_ctx
    True
    """

    global_ctx: Any
    domain_ctx: Any

    local = Supplied("local")
    log = Supplied("log")

    @property
    def domain(self: HasDomain[Layer_co]) -> Layer_co:
        """The short spelling of ``domain_ctx``; ``global`` is a keyword, so it has none."""
        return self.domain_ctx

    @domain.setter
    def domain(self, layer: Any) -> None:
        self.domain_ctx = layer


@dataclass
class BaseGlobalContext(LockedContextMixin):
    """Base of the layer for settings and limits; subclass it as a dataclass."""


@dataclass
class BaseDomainContext(LockedContextMixin):
    """Base of the layer for the state that processes work on; subclass it as a dataclass."""


def process_logger(name: str) -> "ContextLoggerAdapter":
    """What ``ctx.log`` is in a run of the process of that name. Called by the extension."""
    from logging import getLogger  # noqa: PLC0415  dear, and not every process logs

    from theus.guards import ContextLoggerAdapter  # noqa: PLC0415

    return ContextLoggerAdapter(getLogger("POP_PROCESS"), {"process": name})


def _without_lock(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name != "_lock_manager"}


def _field_names(part: object) -> Iterator[str]:
    """The public fields of an object: what it holds, its slots, and defaults of its classes."""
    own = getattr(part, "__dict__", {})
    for name in dict.fromkeys((*own, *dir(part))):
        if not name.startswith("_") and (name in own or _is_field(part, name)):
            yield name


def _is_field(part: object, name: str) -> bool:
    """Whether a name that dir() lists stands for state, not for behaviour or a ClassVar."""
    for cls in part.__class__.__mro__:
        if name in vars(cls):
            found = vars(cls)[name]
            if isinstance(found, MemberDescriptorType):
                return hasattr(part, name)
            constant = "ClassVar" in str(get_annotations(cls).get(name))
            return not (constant or isinstance(found, type) or hasattr(found, "__get__"))
    return True
