"""TheusEngine: what is decided once per engine. Each call of a process stays in the extension.

What only some programs use (recipes, reports, scanning, logging) is loaded where it is used, so
that ``import theus`` stays cheap; test_layers.py names what it must not load.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import FunctionType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Self

from theus import _kernel
from theus._binding import bound
from theus._checks import check_layers, check_root, resolve_mode
from theus._context import LockedContextMixin
from theus._learn import in_force
from theus._process import ProcessContract, checked_contract
from theus._table import default_table, interactive
from theus._typing import Root
from theus.errors import (
    ConfigError,
    ContractViolationError,
    ForkedKernelError,
    KernelPanic,
    UnknownProcessError,
)
from theus.locks import LockManager

if TYPE_CHECKING:
    from theus._all import Call
    from theus._audit import AuditLog
    from theus._flux import Workflow, WorkflowRun
    from theus._matrix import ContractMatrix
    from theus._recipe import AuditRecipe
    from theus._report import HeavyReport
    from theus._schema import ContextSchema
    from theus._tree import ContextTree
    from theus._watch import Watch


def _warn(text: str, *args: object) -> None:
    """Tell the logger TheusEngine, on behalf of the caller."""
    from logging import getLogger  # noqa: PLC0415

    getLogger("TheusEngine").warning(text, *args, stacklevel=2)


class Closing(Protocol):
    """What works in the background for an engine."""

    def close(self, *, cancel: bool, timeout: float | None) -> None:
        """End; raise TimeoutError if something runs on."""


class EngineStats(NamedTuple):
    """What happened to the transactions of an engine.

    Attributes:
        commits: versions of the state that were made.
        conflicts: transactions that lost: something they had read was changed by a commit.
        retries: of these, those that ran again.
        priorities: of the retries, those that came with priority, having lost again and again.
    """

    commits: int
    conflicts: int
    retries: int
    priorities: int


class TheusEngine(_kernel.Engine[Root]):
    """Runs processes on a context, each within its contract.

    Args:
        system_ctx: any object with the attributes ``global_ctx`` and ``domain_ctx``.
        strict_mode: True guards every access, rolls back what fails and locks the context against
            writes from outside. False is for training: the process gets the raw context and
            nothing else happens; there is no guard, no transaction, no rollback and no lock.
            None asks the variables THEUS_STRICT_MODE and POP_STRICT_MODE, else means True.
        audit_recipe: rules that judge what processes take and leave, see ``theus.config``. In
            training mode nothing is judged, and one warning says so.
        max_ops: how many iterations one run of a workflow may make, all its loops together. None
            asks the variable THEUS_MAX_LOOPS, else means 10000.
        schema: of what type the fields are: ``ConfigFactory.load_schema(path)``, a ContextSchema,
            or ``"annotations"`` for those of the classes of the context. Whatever is written is
            compared with it before it is visible; without it nothing is.

    Raises:
        TypeError: system_ctx has not both layers, or in strict mode a field ``local`` or ``log``,
            which the engine provides; strict_mode is no bool, audit_recipe no AuditRecipe,
            max_ops no whole number above 0.
        ConfigError: a variable holds neither of 1/true/yes/on and 0/false/no/off, or no number;
            the recipe or the schema is malformed, and the text lists every mistake.
        SchemaViolationError: system_ctx is not as the schema says.

    To a type checker an engine is generic in its root: ``TheusEngine[System]`` has an ``edit()``
    that gives a ``System``, and so does the engine that ``TheusEngine(System(...))`` makes.

    An engine is a context manager; leaving it closes the engine and unlocks the context. Any
    number of threads may use it, and a process may call its engine.

    >>> from dataclasses import dataclass
    >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
    >>> @dataclass
    ... class Account(BaseDomainContext):
    ...     balance: int = 100
    >>> @process(inputs=[], outputs=["domain.balance"], errors=[ValueError])
    ... def debit(ctx, amount):
    ...     ctx.domain.balance -= amount
    ...     if ctx.domain.balance < 0:
    ...         raise ValueError("not enough")
    >>> with TheusEngine(BaseSystemContext(None, Account()), strict_mode=True) as engine:
    ...     engine.register_process("debit", debit)
    ...     engine.run_process("debit", amount=30)
    ...     try:
    ...         engine.run_process("debit", amount=1000)
    ...     except ValueError as error:
    ...         print(f"{error}, and the balance is {engine.ctx.domain.balance}")
    not enough, and the balance is 70
    """

    lock_manager: LockManager
    """What refuses writes from outside; see ``theus.locks``."""

    def __init__(
        self,
        system_ctx: Root,
        strict_mode: bool | None = None,
        audit_recipe: "AuditRecipe | None" = None,
        *,
        max_ops: int | None = None,
        schema: "ContextSchema | Literal['annotations'] | None" = None,
    ) -> None:
        from theus import _flux  # noqa: PLC0415

        self._elsewhere = in_force()  # where contracts come from while they are learned
        strict = resolve_mode(strict_mode) or self._elsewhere is not None
        max_loops = _flux.max_loops_of(max_ops)
        check_root(system_ctx, strict)
        if audit_recipe is not None:
            from theus import _recipe  # noqa: PLC0415

            if not isinstance(audit_recipe, _recipe.AuditRecipe):
                raise TypeError(
                    f"audit_recipe is {audit_recipe!r}; give ConfigFactory.load_recipe(path),"
                    f" or an AuditRecipe"
                )
        if schema is not None:
            from theus import _schema  # noqa: PLC0415

            if schema == "annotations":
                schema = _schema.ContextSchema.from_context(system_ctx)
            if not isinstance(schema, _schema.ContextSchema):
                raise TypeError(
                    f"schema is {schema!r}; give ConfigFactory.load_schema(path), a ContextSchema,"
                    f' or "annotations"'
                )
        super().__init__(system_ctx, strict)
        self._flux = _flux.Workflows(self, max_loops)
        if self._elsewhere is not None and self._elsewhere.learns:
            self._learn()
        if schema is not None and strict:
            self._schema_load(*schema._wording())
        elif schema is not None:
            _warn("a schema has no effect in training mode: nothing is judged")
        self._recipe = audit_recipe
        self._heard = 0  # serial of the newest event that was told
        if audit_recipe is not None and strict:
            self._audit_load(*audit_recipe._wording())
        elif audit_recipe is not None:
            _warn("an audit recipe has no effect in training mode: nothing is judged")
        self._contracts: dict[str, ProcessContract] = {}
        self._taken: dict[str, Callable[..., Any]] = {}  # what came from the default table
        self._employed: list[Closing] = []  # what works for it in the background
        self.lock_manager = LockManager(strict)
        for part in self._lockable():
            part.set_lock_manager(self.lock_manager if strict else None)

    def register_process(self, name: str, func: Callable[..., Any]) -> None:
        """File a process under a name, for this engine only; the last one of a name wins.

        Raises:
            TypeError: the contract is not made of lists of strings; the text names the entry.
            ContractDefinitionError: there is no contract, or an entry is no path.
            ZoneViolationError: an input lies in a zone that cannot be one.

        In training mode nothing is enforced, so a function needs no contract there.
        """
        if not isinstance(name, str):
            raise TypeError(f"a process is registered as (name, function), not with {name!r} first")
        if not callable(func):
            raise TypeError(f"process {name!r} is {func!r}, which cannot be called")
        run = bound(name, func)
        if self._elsewhere is not None:
            run, contract = self._elsewhere.take(self, name, run)
        elif self.strict_mode or hasattr(func, "_pop_contract"):
            contract = checked_contract(name, func)
            if self.strict_mode:
                check_layers(name, contract, self.ctx)
        else:
            contract = ProcessContract([], [])
        self._register(
            name,
            run,
            contract.inputs,
            contract.outputs,
            len(contract.side_effects),
            contract.errors,
        )
        former = self._contracts.get(name)
        if former is not None and former != contract:
            from theus._matrix import difference  # noqa: PLC0415

            _warn("process %r has another contract now: %s", name, difference(former, contract))
        self._contracts[name] = contract
        self._taken.pop(name, None)
        self._flux.registered += 1
        if interactive(func):  # the cell that defines it may be run again
            self._taken[name] = func
            default_table.follow(self)

    def get_process(self, name: str, /) -> Callable[..., Any]:
        """The registered function. Raises UnknownProcessError, a KeyError, for an unknown name."""
        func = super().get_process(name)
        return getattr(func, "_pop_bound", func)

    def matrix(self) -> "ContractMatrix":
        """Show which process may read or write which path: the contracts as one table.

        It prints as text, and in a notebook as a table; see ``theus.contracts.ContractMatrix``.
        Only what is registered is in it; a process from the default table is from its first run.
        """
        from theus._matrix import contract_matrix  # noqa: PLC0415

        return contract_matrix(self._contracts)

    def tree(self, process: str = "") -> "ContextTree":
        """Show the context: what is in it, in which zone, and which process may do what there.

        Args:
            process: what this one may do, ``r`` read or ``w`` read and write; all, if left out.

        It prints as text, and in a notebook as a table, and is made anew each time it is shown.
        Raises UnknownProcessError for a process that is not registered.

        >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
        >>> @process(inputs=[], outputs=["domain.balance"])
        ... def pay(ctx): ...
        >>> domain = BaseDomainContext()
        >>> domain.from_dict({"balance": 100, "meta_note": "x"})
        >>> engine = TheusEngine(BaseSystemContext(None, domain))
        >>> engine.register_process("pay", pay)
        >>> engine.tree()
                           type               value  zone  processes
        BaseSystemContext  BaseSystemContext
        ├─ global_ctx                         None
        └─ domain_ctx      BaseDomainContext
           ├─ balance      int                100          pay w
           └─ meta_note    str                'x'    META
        """
        for name in (process,) if process else ():
            self.get_process(name)
        from theus._tree import engine_tree  # noqa: PLC0415

        return engine_tree(self, [process] if process else list(self._contracts), process)

    def watch(self, most: int = 100) -> "Watch":
        """Keep the newest commits from now on as text, to look at what the last one changed.

        Args:
            most: how many commits are kept.

        Each commit then costs the text of its values. Raises as on_commit does.

        >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine
        >>> with TheusEngine(BaseSystemContext(None, BaseDomainContext())) as engine:
        ...     watch = engine.watch()
        ...     with engine.edit() as ctx:
        ...         ctx.domain.balance = 100
        >>> watch.last
        commit 1 by edit
        path                operation  was  is
        domain_ctx.balance  SET             100
        """
        from theus._watch import Watch  # noqa: PLC0415

        watch = Watch(most)
        self.on_commit(watch._seen)
        return watch

    def scan_and_register(self, package_path: str | os.PathLike[str]) -> None:
        """Import every ``*.py`` below a folder and register its decorated functions.

        Each is filed under its attribute name. Files whose name starts with ``__`` are left out.
        The modules get private names, so a file ``json.py`` shadows nothing.

        Raises:
            FileNotFoundError, NotADirectoryError: package_path is no folder.
            ScanError: an ExceptionGroup of every import that failed; nothing is registered then.
            TypeError, ContractDefinitionError, ZoneViolationError: as register_process.
        """
        from theus._scan import decorated, import_tree  # noqa: PLC0415

        found: dict[str, FunctionType] = {}
        for module in import_tree(package_path):
            for name, func in decorated(module).items():
                if found.get(name, func) is not func:
                    _warn("process %r stands twice; %s wins", name, module.__file__)
                found[name] = func
        for name, func in found.items():
            self.register_process(name, func)

    async def execute_process_async(
        self, process_name: str, /, *, timeout: float | None = None, **kwargs: Any
    ) -> Any:
        """Run a process and return its value; the process may be ``async def``.

        Works on asyncio and trio, and through anyio on both. While the process is suspended other
        tasks and threads run theirs; if one of them changes what it has read, it runs again, as any
        process does. What it runs in its own task is part of it; what other tasks run is not, also
        those it creates.

        Args:
            process_name: of a registered process.
            timeout: seconds after which the process is cancelled, or None. A process that takes an
                argument of that name gets it from a wrapper of your own.
            **kwargs: the arguments of the process.

        Raises:
            TimeoutError: after ``timeout`` seconds; the process was rolled back.
            asyncio.CancelledError: unchanged, after it was rolled back.
            Exception: as run_process.

        >>> import asyncio
        >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
        >>> class Chat(BaseDomainContext):
        ...     def __init__(self):
        ...         self.said = []
        >>> @process(inputs=[], outputs=["domain.said"])
        ... async def ask(ctx, text):
        ...     await asyncio.sleep(0)  # a model thinks
        ...     ctx.domain.said.append(text)
        ...     return len(ctx.domain.said)
        >>> with TheusEngine(BaseSystemContext(None, Chat()), strict_mode=True) as engine:
        ...     engine.register_process("ask", ask)
        ...     asyncio.run(engine.execute_process_async("ask", text="hello", timeout=5))
        1
        """
        from theus import _async  # noqa: PLC0415

        return await _async.run_process(self, process_name, timeout, kwargs)

    def run_all(self, calls: "Iterable[Call]", /, *, max_workers: int | None = None) -> list[Any]:
        """Run processes side by side, in threads, as far as their contracts allow.

        Two of which one may write what the other may read or write run one after the other, in the
        given order; so the result is that of running all of them in the given order.

        Args:
            calls: names of processes, or pairs of a name and a dict of arguments.
            max_workers: threads at most; None means one for each call, up to 32.

        Returns:
            Their values, in the given order.

        Raises:
            TypeError: a call is neither.
            Exception: what the first of them that failed, in the given order, raised. Those that
                had not begun by then do not run; what others committed stays.

        >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
        >>> class Pair(BaseDomainContext):
        ...     def __init__(self):
        ...         self.a, self.b, self.sum = 1, 2, 0
        >>> @process(inputs=[], outputs=["domain.a"])
        ... def left(ctx):
        ...     ctx.domain.a *= 10
        >>> @process(inputs=[], outputs=["domain.b"])
        ... def right(ctx):
        ...     ctx.domain.b *= 10
        >>> @process(inputs=["domain.a", "domain.b"], outputs=["domain.sum"])
        ... def add(ctx):
        ...     ctx.domain.sum = ctx.domain.a + ctx.domain.b
        ...     return ctx.domain.sum
        >>> with TheusEngine(BaseSystemContext(None, Pair()), strict_mode=True) as engine:
        ...     for func in (left, right, add):
        ...         engine.register_process(func.__name__, func)
        ...     engine.run_all(["left", "right", "add"])
        [None, None, 30]
        """
        from theus import _all  # noqa: PLC0415

        return _all.run_all(self, calls, max_workers)

    def stats(self) -> EngineStats:
        """Count what happened to the transactions of this engine so far.

        >>> from theus import BaseSystemContext, TheusEngine
        >>> TheusEngine(BaseSystemContext(None, None)).stats()
        EngineStats(commits=0, conflicts=0, retries=0, priorities=0)
        """
        return EngineStats(*self._stats())

    def execute_workflow(
        self, workflow: "Workflow", /, *, progress: bool = False, **kwargs: Any
    ) -> Any:
        """Run a workflow to its end and return the context object.

        It is read and checked as a whole first, with all the files it calls. Each process is a
        transaction of its own: what was committed stays, also if a later step fails.

        Args:
            workflow: a file, the text of one, or what stands in one as a dict or a list.
            progress: show which step runs, as a tree that is drawn anew where there is a terminal
                and the package ``rich`` (``theus[cli]``), and as lines on the logger ``theus.flux``
                elsewhere.
            **kwargs: given to every process that takes an argument of that name and to which the
                workflow gives none; conditions see them as ``local.NAME``.

        Raises:
            ConfigError: something is wrong with the workflow; the text lists every problem with
                file:line:column. Nothing has run.
            FileNotFoundError: there is no such file.
            TypeError: a keyword argument that nothing takes. Nothing has run.
            FluxLimitError: its loops made more iterations than ``max_ops``.
            Exception: what a step raised and no ``try`` caught, unchanged; a note has the place.

        >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process
        >>> class Tank(BaseDomainContext):
        ...     def __init__(self):
        ...         self.level = 0
        >>> @process(inputs=[], outputs=["domain.level"])
        ... def fill(ctx, litres):
        ...     ctx.domain.level += litres
        >>> with TheusEngine(BaseSystemContext(None, Tank()), strict_mode=True) as engine:
        ...     engine.register_process("fill", fill)
        ...     engine.execute_workflow(
        ...         '- {flux: while, condition: "domain.level < 10", do: fill}', litres=3
        ...     ).domain.level
        12
        """
        run = self._flux.start(workflow, kwargs)
        if progress:
            from theus._progress import follow  # noqa: PLC0415

            follow(run)
        else:
            run.run()
        return self.ctx

    async def execute_workflow_async(self, workflow: "Workflow", /, **kwargs: Any) -> Any:
        """Run a workflow to its end without blocking the event loop; return the context object.

        Processes may be async or not; parallel branches are awaited together. Args and errors are
        those of execute_workflow. A run that is cancelled ends at its step, which is rolled back,
        and what stands under ``finally`` is still run.
        """
        from theus import _async  # noqa: PLC0415

        await _async.run_workflow(self, self._flux.start(workflow, kwargs)._run)
        return self.ctx

    def start_workflow(self, workflow: "Workflow", /, **kwargs: Any) -> "WorkflowRun":
        """Begin a workflow without running any of it: it is run a step at a time, or cancelled.

        Args and errors are those of execute_workflow, whose steps raise theirs here when they
        are taken.

        >>> from theus import BaseSystemContext, TheusEngine, process
        >>> @process(inputs=[], outputs=[])
        ... def wait(ctx):
        ...     pass
        >>> with TheusEngine(BaseSystemContext(None, None), strict_mode=True) as engine:
        ...     engine.register_process("wait", wait)
        ...     run = engine.start_workflow({"steps": ["wait", {"process": "wait"}]})
        ...     [(step.process, step.place) for step in run]
        [('wait', '<dict>: steps[0]'), ('wait', '<dict>: steps[1]')]
        """
        return self._flux.start(workflow, kwargs)

    def execute_flux_step(self, step: str | Mapping[str, Any], /, **kwargs: Any) -> None:
        """Run one step of a workflow: the name of a process, or a dict.

        Args and errors are those of execute_workflow.
        """
        self._flux.start([step], kwargs).run()

    def evaluate_condition(self, text: str, /) -> bool:
        """Whether a condition holds now. It is one of the language of workflows, see docs/flux.md.

        Raises:
            ConfigError: it is not in the language; the text points at the place.
            Exception: what Python raises for such an expression.

        >>> from theus import BaseDomainContext, BaseSystemContext, TheusEngine
        >>> class Tank(BaseDomainContext):
        ...     def __init__(self):
        ...         self.level = 7
        >>> with TheusEngine(BaseSystemContext(None, Tank()), strict_mode=True) as engine:
        ...     engine.evaluate_condition("0 < domain.level < 10")
        True
        """
        return self._flux.ask(text)

    @property
    def workflow_cache(self) -> dict[str, Any]:
        """The workflows that were loaded from files, by path. Clearing it loads them again."""
        return self._flux.cache

    def heavy_report(self) -> "HeavyReport":
        """List what lies under ``heavy_`` names: path, type, shape, nbytes, owner, exports.

        It prints as a table, also in a notebook, and is a sequence of its lines. It looks at the
        state as it is now, from outside of any transaction, and at no element of an array.
        """
        from theus._report import heavy_report  # noqa: PLC0415

        return heavy_report(self.ctx)

    @property
    def audit_log(self) -> "AuditLog":
        """The newest events of the audit; empty where there is no recipe."""
        from theus._audit import AuditLog  # noqa: PLC0415

        return AuditLog(self)

    def reset_interlock(self) -> None:
        """End the stop that a rule of level S caused; without one nothing happens."""
        self._audit_reset()

    def reload_audit(self, audit_recipe: "AuditRecipe | None" = None) -> None:
        """Put a recipe in force while the engine runs: a new one, or the file of the old one again.

        All of it changes at once. A rule that was there before goes on with its count.

        Raises:
            ConfigError: the recipe is malformed; the old rules stay in force. So it is where the
                engine was given none.
            FileNotFoundError: the file is gone; the old rules stay in force.
        """
        fresh = audit_recipe if audit_recipe is not None else self._recipe
        if fresh is None:
            raise ConfigError("this engine was given no audit recipe; pass one to reload_audit")
        if audit_recipe is None and fresh.source:
            from theus._recipe import ConfigFactory  # noqa: PLC0415

            fresh = ConfigFactory.load_recipe(fresh.source)
        if self.strict_mode:
            self._audit_load(*fresh._wording())
        self._recipe = fresh

    def close(self) -> None:
        """End the engine and unlock its context. Closing twice is allowed.

        Managers of state machines are closed before: no further step of theirs begins, and what
        runs is waited for, up to 30 seconds. Raises TransactionConflictError if a process runs.
        """
        for worker in self._employed[:]:
            with suppress(TimeoutError):  # a process still runs, which is said below
                worker.close(cancel=True, timeout=30.0)
        if self._elsewhere is not None:
            self._elsewhere.closing(self)
        super().close()
        self._flux.forget()
        self._taken.clear()
        for part in self._lockable():
            if part._lock_manager is self.lock_manager:
                part.set_lock_manager(None)

    def __repr__(self) -> str:
        mode = "strict" if self.strict_mode else "training"
        count = len(self._contracts) if hasattr(self, "_contracts") else 0
        processes = "1 process" if count == 1 else f"{count} processes"
        return f"<TheusEngine, {mode}, {processes}, version {self.version}>"

    def _repr_html_(self) -> str:
        from theus._matrix import contracts_grid  # noqa: PLC0415

        return (
            contracts_grid(repr(self).strip("<>"), self._contracts).html()
            + self.tree()._repr_html_()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _employ(self, worker: Closing) -> None:
        """Close a worker when the engine is closed."""
        self._employed.append(worker)

    def _dismiss(self, worker: Closing) -> None:
        if worker in self._employed:
            self._employed.remove(worker)

    def _resolve(self, name: str, /) -> bool:
        """Take a name that is not registered from the default table. Called by the extension."""
        func = default_table.find(name)
        if func is None:
            return False
        self.register_process(name, func)
        self._taken[name] = func
        default_table.follow(self)
        return True

    def _replaced(self, name: str, former: Callable[..., Any], now: Callable[..., Any]) -> None:
        """A function of the default table was defined again. Called by the table."""
        if self._taken.get(name) is former:
            # An engine that can run nothing any more must not fail the module that defines.
            with suppress(ForkedKernelError, KernelPanic):
                self.register_process(name, now)
                self._taken[name] = now

    def _flux_fork(self, branches: list[_kernel.FluxRun]) -> None:
        """Drive the branches of a workflow. Called by the extension."""
        from theus._flux import fork  # noqa: PLC0415

        fork(branches)

    def _tell_audit(self) -> None:
        """Log the events that are new. Called by the extension, after the run they belong to."""
        from theus._audit import tell  # noqa: PLC0415

        for event in self.audit_log.query(after=self._heard):
            if event.serial > self._heard:  # or a handler ran a process, which told it
                self._heard = event.serial
                tell(event)

    def _check_recipe(self) -> None:
        """Warn of rules for processes that do not exist. Called before the first run under them."""
        recipe = self._recipe
        for name in recipe.definitions if recipe is not None else ():
            if not name.startswith("_") and not self._knows(name):
                _warn("the audit recipe has rules for process %r, which does not exist", name)

    def _knows(self, name: str) -> bool:
        try:
            self.get_process(name)
        except UnknownProcessError:
            return False
        except ContractViolationError:  # it is there, and something else is wrong with it
            return True
        return True

    def _lockable(self) -> list[LockedContextMixin]:
        """The root and its layers, as far as they can carry a lock."""
        root: Any = self.ctx
        parts = (root, root.global_ctx, root.domain_ctx)
        return [part for part in parts if isinstance(part, LockedContextMixin)]
