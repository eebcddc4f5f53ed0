"""A web service on one engine: FastAPI's threads call it at once, and no order is lost."""

import asyncio
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException

from theus import BaseDomainContext, BaseSystemContext, TheusEngine, process


class SoldOut(Exception):
    """There is not enough of an item."""


@dataclass
class Shop(BaseDomainContext):
    """What the service keeps."""

    stock: dict[str, int] = field(default_factory=lambda: {"tea": 60, "cake": 5})
    orders: list[str] = field(default_factory=list)


@process(inputs=[], outputs=["domain.stock", "domain.orders"], errors=[SoldOut, KeyError])
def order(ctx: Any, item: str) -> int:
    """Take one of an item."""
    ctx.domain.orders.append(item)
    ctx.domain.stock[item] -= 1
    if ctx.domain.stock[item] < 0:
        raise SoldOut(item)  # the order above is taken back
    return int(ctx.domain.stock[item])


engine = TheusEngine(BaseSystemContext(None, Shop()))
engine.register_process("order", order)
app = FastAPI()


@app.post("/order/{item}")
def post_order(item: str) -> dict[str, int]:
    """One request is one process; FastAPI runs each in a thread of its pool."""
    try:
        return {"left": engine.run_process("order", item=item)}
    except SoldOut:
        raise HTTPException(409, f"no {item} left") from None
    except KeyError:
        raise HTTPException(404, f"no such item: {item}") from None


async def customers(address: str) -> dict[int, int]:
    """A hundred requests at once; how many got which answer."""
    items = ["tea"] * 50 + ["cake"] * 45 + ["soup"] * 5
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        answers = await asyncio.gather(*(client.post(f"/order/{item}") for item in items))
    codes = [answer.status_code for answer in answers]
    return {code: codes.count(code) for code in sorted(set(codes))}


def main() -> None:
    """Serve on a free port of this machine, order, and look at the books."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    print(asyncio.run(customers(f"http://127.0.0.1:{listener.getsockname()[1]}")))
    server.should_exit = True
    thread.join()
    shop = engine.ctx.domain
    print(f"{shop.stock}, {len(shop.orders)} orders, {engine.version} commits")
    engine.close()


if __name__ == "__main__":
    main()

# Output:
# {200: 55, 404: 5, 409: 40}
# {'tea': 10, 'cake': 0}, 55 orders, 55 commits
