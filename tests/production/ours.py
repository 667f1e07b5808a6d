"""Processors of somebody's own: a slow one, a narrow one, one that crashes until a moment."""

import os
import time
from typing import Any

from uploads.processors import Context, processor


@processor(name="slow", accepts=["text/*"], version=1)
def slow(ctx: Context) -> dict[str, Any]:
    """Takes as many seconds as the name says: «slow-3.txt»."""
    seconds = float(_words(ctx)[1]) if ctx.name.startswith("slow-") else 0.0
    for tenth in range(round(seconds * 10)):
        ctx.progress(tenth, seconds * 10, "tenths")
        time.sleep(0.1)
    return {"slept": seconds}


@processor(name="narrow", accepts=["text/*"], version=1, after=["slow"])
def narrow(ctx: Context) -> dict[str, Any]:
    """Does not get on with others of its kind."""
    time.sleep(0.5 if ctx.name.startswith("narrow-") else 0)
    return {}


@processor(name="shaky", accepts=["text/*"], version=1)
def shaky(ctx: Context) -> dict[str, Any]:
    """Crashes until a moment: «until-1795355170-well.txt»."""
    if ctx.name.startswith("until-") and time.time() < float(_words(ctx)[1]):
        os.abort()
    return {}


def _words(ctx: Context) -> list[str]:
    return ctx.name.removesuffix(".txt").split("-")
