"""What one child is told to do: written by the server, read by the child before it is confined."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from uploads.processing.sandbox.contract import Caps, SendOn

UNKNOWN_MEDIA_TYPE, UNKNOWN_KIND = "application/octet-stream", "other"


@dataclass(frozen=True)
class Order:
    """`do` "own" asks which own processors there are; "probe" asks what holds."""

    do: Literal["steps", "own", "probe"]
    folder: str  # the child's own, which it makes
    caps: Caps = field(default_factory=Caps)
    network: bool = False
    light: bool = False  # take no heavy step
    processors: str | None = (
        None  # the folder of own processors, where they are wanted; may be empty
    )
    broken: tuple[str, ...] = ()  # files in it that are known to register nothing
    bait: str = ""  # of a probe: a file that no child may read
    path: str = ""
    name: str = ""
    size: int = 0
    media_type: str = UNKNOWN_MEDIA_TYPE
    kind: str = UNKNOWN_KIND
    memory: Mapping[str, int] = field(default_factory=dict)  # bytes, of steps that may have less
    steps: tuple[str, ...] | None = None  # None: identify, and every built-in that follows from it
    results: Mapping[str, Any] = field(default_factory=dict)
    send_on: SendOn = field(default_factory=SendOn)

    def write(self) -> int:
        """A descriptor for `read`. A file of memory: it may be long, and waits for nobody."""
        descriptor = os.memfd_create("order")
        # not `asdict`, which would copy the results
        values = {**vars(self), "caps": vars(self.caps), "send_on": vars(self.send_on)}
        os.write(descriptor, orjson.dumps(values))
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor


def read(descriptor: int) -> Order:
    with os.fdopen(descriptor, "rb") as file:
        values = orjson.loads(file.read())
    values["caps"] = Caps(**values["caps"])
    values["send_on"] = SendOn(**values["send_on"])
    if values["steps"] is not None:
        values["steps"] = tuple(values["steps"])
    return Order(**values)
