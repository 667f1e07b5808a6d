"""Whoever follows a space is told when its queue is paused, by whom, why, and when it goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from consumers import hub as hubs
from consumers.hub import Hub
from project import database
from tests.consumers.peers import Peer, Person
from uploads.models import Pause
from uploads.processing import queue


def pauses(peer: Peer) -> list[dict[str, Any]] | None:
    """What holds the queue up, as the peer was told it last; None where it was told nothing."""
    told = [frame["pauses"] for frame in peer.held.frames if frame["type"] == "queue"]
    return told[-1] if told else None


async def test_a_pause_and_its_end_are_told_to_all_of_the_space_and_to_nobody_else(
    hub: Hub, alice: Person, bob: Person
) -> None:
    async with Peer(alice.headers) as peer, Peer(bob.headers) as stranger:
        await peer.join()
        await stranger.join()
        assert pauses(peer) is None
        until = timezone.now() + timedelta(hours=1)
        await database.write(
            queue.pause, alice.space.pk, by=alice.user.pk, reason="a new wheel", until=until
        )
        await peer.until(lambda: bool(pauses(peer)))
        [pause] = pauses(peer) or []
        assert (pause["scope"], pause["by"]) == ("space", alice.user.get_username())
        assert pause["reason"] == "a new wheel"
        assert pause["until"].startswith(until.strftime("%Y-%m-%dT%H:%M:%S"))
        async with Peer(alice.headers) as late:
            await late.join()
            await late.until(lambda: pauses(late) == [pause])
        await database.write(queue.pause, None, reason="upgrade")  # of the whole server
        await stranger.until(lambda: len(pauses(stranger) or []) == 1)
        await peer.until(lambda: len(pauses(peer) or []) == 2)
        await database.write(queue.resume, None)
        await database.write(queue.resume, alice.space.pk)
        await peer.until(lambda: pauses(peer) == [])
        await stranger.until(lambda: pauses(stranger) == [])
        async with Peer(alice.headers) as after:
            await after.join()
            assert pauses(after) is None


async def test_what_no_bell_was_rung_for_is_told_a_little_later(
    hub: Hub, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "TICK_SECONDS", 0.02)
    hub.look_at_queues({})  # so that the next look is not ten seconds away
    async with Peer(alice.headers) as peer:
        await peer.join()
        await database.write(Pause.objects.create, space_id=alice.space.pk, since=timezone.now())
        await peer.until(lambda: len(pauses(peer) or []) == 1)
