"""A world of one engine, and one way to run code in it as a process of a given contract."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from model import Plain, fingerprint, numbered

from theus import ContractViolationError, TheusEngine, process

_numbers = itertools.count()


class Declared(Exception):
    """The error that contracts of the tests name."""


class Undeclared(Exception):
    """An error that they do not name."""


class World:
    """A context with the given domain fields, its engine, and a picture of all of it."""

    def __init__(self, *, strict: bool = True, given: Any = None, **fields: Any) -> None:
        self.domain = Plain(**fields)
        self.ctx = Plain(domain_ctx=self.domain, global_ctx=Plain(given=given))
        self.engine = TheusEngine(self.ctx, strict_mode=strict)
        self._known = numbered(self.domain, given)
        self._keep = [self.domain, given]  # a number belongs to a living object

    def run(
        self,
        body: Callable[..., Any],
        inputs: Iterable[str] = (),
        outputs: Iterable[str] = ("domain",),
        errors: Iterable[Any] = (Declared,),
        side_effects: Iterable[str] = (),
        **arguments: Any,
    ) -> Any:
        """Run body once as a process with this contract."""
        contract = process(
            inputs=list(inputs),
            outputs=list(outputs),
            errors=list(errors),
            side_effects=list(side_effects),
        )
        name = f"{getattr(body, '__name__', 'body').strip('<>')}_{next(_numbers)}"

        @contract
        def start(ctx: Any, **given: Any) -> Any:
            return body(ctx, **given)

        self.engine.register_process(name, start)
        return self.engine.run_process(name, **arguments)

    def picture(self) -> Any:
        """Everything there is to say about the state, identities included."""
        return (
            fingerprint(self.domain, self._known),
            fingerprint(self.ctx.global_ctx.given, self._known),
            self.engine.version,
        )

    def fails_without_a_trace(self, body: Callable[[Any], Any], **contract: Any) -> None:
        """Run body so that it fails in both ways after it ran; the state must be as before."""
        for error in Declared, Undeclared:
            before = self.picture()

            def failing(ctx: Any, error: type[Exception] = error) -> None:
                body(ctx)
                raise error

            expected = Declared if error is Declared else ContractViolationError
            with pytest.raises(expected) as caught:
                self.run(failing, **contract)
            if error is Undeclared:
                assert type(caught.value.__cause__) is Undeclared
            assert before == self.picture()
