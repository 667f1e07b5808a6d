"""The worst processor there can be: it does whatever the file says."""

from collections.abc import Callable
from typing import Any

from uploads.processors import Context, processor


def tried(attempt: Callable[[], Any]) -> str:
    """The name of what was raised, or what came of it."""
    try:
        return f"done: {attempt()!r}"[:500]
    except BaseException as error:  # noqa: BLE001 - whatever it is, its name is what is wanted
        return type(error).__name__


def obey(ctx: Context, program: str | None = None) -> dict[str, Any]:
    names = {"ctx": ctx, "tried": tried}
    text = ctx.path.read_text() if program is None else program
    exec(compile(text, "attack", "exec"), names)  # noqa: S102 - that is the point
    return {"value": names.get("value")}


@processor(name="run-python", accepts=["text/x-attack"])
def run_python(ctx: Context) -> dict[str, Any]:
    return obey(ctx)


@processor(name="run-name", accepts=["text/x-attack"])
def run_name(ctx: Context) -> dict[str, Any]:
    return obey(ctx, ctx.name)


@processor(name="with-network", accepts=["text/x-attack"], network=True)
def with_network(ctx: Context) -> dict[str, Any]:
    return obey(ctx)


@processor(name="takes-its-time", accepts=["text/x-attack"], seconds=0.5)
def takes_its_time(ctx: Context) -> dict[str, Any]:
    return obey(ctx)


@processor(name="small", accepts=["text/x-attack"], memory=64 * 1024 * 1024)
def small(ctx: Context) -> dict[str, Any]:
    return obey(ctx)


@processor(name="waits", accepts=["text/x-attack"])
async def waits(ctx: Context) -> dict[str, Any]:
    import asyncio

    await asyncio.sleep(0.01)
    done = await asyncio.gather(asyncio.to_thread(lambda: 1), asyncio.sleep(0, 2))
    return {"value": done}
