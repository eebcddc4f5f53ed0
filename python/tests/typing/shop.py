"""A user's program: what a person writes who has strict type checkers. Read by them, and run."""

from dataclasses import dataclass, field
from typing import assert_type

import theus
from theus import BaseDomainContext, BaseGlobalContext, BaseSystemContext, TheusEngine, process
from theus.testing import assert_rolled_back, freeze


class SoldOut(Exception):
    """There is not enough of an item."""


@dataclass
class Limits(BaseGlobalContext):
    """Settings."""

    most: int = 10


@dataclass
class Shop(BaseDomainContext):
    """State."""

    stock: dict[str, int] = field(default_factory=dict[str, int])
    orders: list[str] = field(default_factory=list[str])


@dataclass
class System(BaseSystemContext):
    """The root, with the types of its layers."""

    global_ctx: Limits = field(default_factory=Limits)
    domain_ctx: Shop = field(default_factory=Shop)


@process(
    inputs=["global.most"],
    outputs=["domain.stock", "domain.orders"],
    errors=[SoldOut],
)
def order(ctx: System, item: str, count: int = 1) -> int:
    """Take some of an item; how many are left."""
    assert_type(ctx.domain, Shop)
    left = ctx.domain.stock[item] - min(count, ctx.global_ctx.most)
    if left < 0:
        raise SoldOut(item)
    ctx.domain.stock[item] = left
    ctx.domain.orders.append(item)
    return left


def open_shop(stock: dict[str, int]) -> TheusEngine[System]:
    """An engine over a shop: its class says what its context is."""
    engine = TheusEngine[System](System(), strict_mode=True)
    engine.register_process("order", order)
    with engine.edit() as ctx:
        assert_type(ctx, System)
        ctx.domain.stock.update(stock)
    return engine


def untyped(engine: TheusEngine) -> int:
    """An engine of no known context is one of any."""
    return engine.version


def check(engine: TheusEngine[System]) -> SoldOut:
    """What a test of the shop says."""
    before = freeze(engine.ctx)
    with assert_rolled_back(engine, SoldOut) as caught:
        engine.execute_process("order", item="tea", count=5)
    with assert_rolled_back(engine) as unknown:
        engine.execute_process("order", item="coffee")
    assert_type(unknown.value, Exception)
    assert before.changes(engine.ctx) == []
    return caught.value


def main() -> None:
    """Sell, and fail to."""
    with open_shop({"tea": 2}) as engine:
        assert_type(engine, TheusEngine[System])
        assert_type(engine.ctx.domain_ctx.stock, dict[str, int])
        engine.execute_process("order", item="tea")
        try:
            engine.execute_process("order", item="tea", count=5)
        except SoldOut as error:
            print(f"no {error} left")
        except theus.AccessDeniedError as error:
            print(theus.explain(error))
        print(f"{check(engine)} is tested")
        print(engine.ctx.domain.stock, engine.ctx.domain.orders, untyped(engine))


if __name__ == "__main__":
    main()
