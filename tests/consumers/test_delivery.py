"""While the layer is away all are told so, still hear everything, and are told when it is back."""

from __future__ import annotations

from typing import Any

import pytest

from consumers import hub as hubs
from consumers.hub import Hub
from tests.consumers.peers import Peer, Person, arrives
from uploads.publishing import doorbell

LATE = {"type": "delivery", "degraded": True}
WELL = {"type": "delivery", "degraded": False}


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(doorbell, "SETTLE_SECONDS", 0.2)
    monkeypatch.setattr(doorbell, "PULSE_SECONDS", 0.05)


async def away(*_: Any) -> None:
    """What a layer does that can't be reached."""
    raise ConnectionError("refused")


async def test_subscribers_are_told_that_delivery_is_late_and_when_it_has_healed(
    hub: Hub, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    line: Any = doorbell._line
    async with Peer(alice.headers) as early:
        await early.join()
        assert "delivery" not in early.held.types
        with monkeypatch.context() as trouble:
            trouble.setattr(line.layer, "group_send", away)
            await early.until(lambda: LATE in early.held.frames)
            file = await arrives(alice.space)
            await early.until(lambda: str(file.pk) in early.held.files)
            async with Peer(alice.headers) as late:
                await late.join()
                await late.until(lambda: late.held.frames[-1] == LATE)
        await early.until(lambda: early.held.frames[-1] == WELL)
        assert early.held.types.count("delivery") == 2
    async with Peer(alice.headers) as after:
        await after.join()
        assert "delivery" not in after.held.types
