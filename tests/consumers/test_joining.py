"""How a subscriber comes into the stream: first, again, too late, from elsewhere."""

import pytest

from consumers import joining
from consumers.hub import Hub
from project import database
from tests.consumers.peers import Peer, Person, arrive, arrives, fresh, process
from uploads.models import Event, Space
from uploads.processing.jobs import wishes
from uploads.publishing import log


def prune(space: Space, keep: int) -> None:
    """Drop all but the newest events, as time would."""
    seq = Space.objects.get(pk=space.pk).seq - keep
    Event.objects.filter(space=space, seq__lte=seq).delete()
    Space.objects.filter(pk=space.pk).update(pruned_seq=seq)


async def test_a_first_hello_gets_a_snapshot_then_ready_then_what_happens(
    hub: Hub, alice: Person
) -> None:
    file = await arrives(alice.space)
    async with Peer(alice.headers) as peer:
        await peer.join()
        assert peer.held.types == ["snapshot", "ready"]
        snapshot = peer.held.frames[0]
        assert snapshot["reason"] == "first"
        assert snapshot["last"]
        assert [one["id"] for one in snapshot["files"]] == [str(file.pk)]
        await database.write(process, alice.space)
        await peer.until(lambda: peer.held.seq == 3)
        assert peer.held.files[str(file.pk)]["status"] == "processed"
        assert peer.held.counts["processed"] == 1
        assert peer.held.seqs == [2, 3]


async def test_an_empty_space_has_a_snapshot_too(hub: Hub, alice: Person) -> None:
    held = await fresh(alice)
    assert held.frames[0] == {
        "type": "snapshot",
        "cursor": f"{alice.space.epoch}:0",
        "files": [],
        "counts": dict.fromkeys(
            ("receiving", "queued", "processing", "processed", "failed", "cancelled"), 0
        ),
        "reason": "first",
        "last": True,
    }


async def test_who_comes_back_is_told_exactly_what_was_missed(hub: Hub, alice: Person) -> None:
    async with Peer(alice.headers) as peer:
        await peer.join()
        await arrives(alice.space)
        await peer.until(lambda: peer.held.seq == 1)
    for name in ("b", "c", "d"):
        await arrives(alice.space, name)
    async with Peer(alice.headers, held=peer.held) as again:
        await again.join()
        await again.until(lambda: again.held.seq == 4)
        assert again.held.types.count("snapshot") == 1
        assert again.held.seqs == [1, 2, 3, 4]
        assert again.held.files == (await fresh(alice)).files


async def test_who_comes_back_to_another_process_is_told_from_the_log(
    hub: Hub, alice: Person
) -> None:
    for number in range(7):
        await arrives(alice.space, f"{number}")
    async with Peer(alice.headers) as peer:
        await peer.join(after=f"{alice.space.epoch}:2")
        assert peer.held.seqs == [3, 4, 5, 6, 7]
        assert "snapshot" not in peer.held.types


async def test_who_missed_nothing_is_told_so(hub: Hub, alice: Person) -> None:
    await arrives(alice.space)
    async with Peer(alice.headers) as peer:
        await peer.join(after=f"{alice.space.epoch}:1")
        assert peer.held.types == ["events", "ready"]
        assert peer.held.frames[0]["events"] == []
        assert peer.held.cursor == f"{alice.space.epoch}:1"
        assert peer.held.counts["queued"] == 1


async def test_a_cursor_whose_events_were_pruned_gets_a_snapshot_that_says_expired(
    hub: Hub, alice: Person
) -> None:
    for number in range(5):
        await arrives(alice.space, f"{number}")
    await database.write(prune, alice.space, 2)
    async with Peer(alice.headers) as peer:
        await peer.join(after=f"{alice.space.epoch}:2")
        assert peer.held.frames[0]["reason"] == "expired"
        assert len(peer.held.files) == 5


@pytest.mark.parametrize("after", ["deadbeef:1", "nonsense", "", "x" * 5000, "{epoch}:99"])
async def test_a_cursor_of_another_life_gets_a_snapshot_that_says_epoch(
    hub: Hub, alice: Person, after: str
) -> None:
    await arrives(alice.space)
    async with Peer(alice.headers) as peer:
        await peer.join(after=after.format(epoch=alice.space.epoch))
        assert peer.held.frames[0]["reason"] == "epoch"
        assert len(peer.held.files) == 1


async def test_who_missed_too_much_gets_a_snapshot_that_says_behind(
    hub: Hub, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "REPLAY_MOST", 3)
    for number in range(5):
        await arrives(alice.space, f"{number}")
    async with Peer(alice.headers) as peer:
        await peer.join(after=f"{alice.space.epoch}:1")
        assert peer.held.frames[0]["reason"] == "behind"


async def test_when_the_stream_begins_anew_all_are_sent_away_and_get_a_snapshot(
    hub: Hub, alice: Person
) -> None:
    await arrives(alice.space)
    async with Peer(alice.headers) as peer:
        await peer.join()
        await database.write(log.renew, alice.space.pk)
        await arrives(alice.space, "b")
        assert await peer.closed() == 1012
    async with Peer(alice.headers, held=peer.held) as again:
        await again.join()
        assert again.held.frames[-2]["reason"] == "epoch"
        assert len(again.held.files) == 2


async def test_a_large_snapshot_comes_in_frames_with_one_cursor(hub: Hub, alice: Person) -> None:
    def many() -> None:
        for number in range(1_003):
            arrive(alice.space, f"{number}" + "ü" * 100)

    await database.write(many)
    held = await fresh(alice)
    snapshots = [frame for frame in held.frames if frame["type"] == "snapshot"]
    assert [len(frame["files"]) for frame in snapshots] == [500, 500]  # 1,000 in flight at the most
    assert [frame["last"] for frame in snapshots] == [False, True]
    assert len({frame["cursor"] for frame in snapshots}) == 1
    assert held.counts["queued"] == 1_003


async def test_no_frame_is_larger_than_512_kib(hub: Hub, alice: Person) -> None:
    def many() -> None:
        for number in range(400):
            arrive(alice.space, f"{number}" + "x" * 200, path="y" * 4_000)

    await database.write(many)
    for hello in ({}, {"after": f"{alice.space.epoch}:0"}):
        held = await fresh(alice, **hello)
        sizes = [len(str(frame).encode()) for frame in held.frames]
        assert len(sizes) > 3
        assert max(sizes) < 512 * 1024
        assert len(held.files) == 400


async def test_a_filter_by_batch_hears_only_that_batch_and_all_counts(
    hub: Hub, alice: Person
) -> None:
    mine = await arrives(alice.space, "mine", batch="one", batch_total=1)
    await arrives(alice.space, "other", batch="two", batch_total=9)
    async with Peer(alice.headers) as peer:
        await peer.join(batch="one")
        assert list(peer.held.files) == [str(mine.pk)]
        assert peer.held.counts["queued"] == 2
        await arrives(alice.space, "more", batch="two")
        await peer.until(lambda: peer.held.seq == 3)  # the cursor goes on, so that it never expires
        assert peer.held.counts["queued"] == 3
        assert peer.held.seqs == []
        await database.write(wishes.cancel, mine.pk)
        await peer.until(lambda: len(peer.held.seqs) == 2)
        assert peer.held.files[str(mine.pk)]["status"] == "cancelled"
        last = [frame for frame in peer.held.frames if frame["type"] == "events"][-1]
        assert last["events"][-1]["type"] == "batch.ended"
        assert last["events"][-1]["batch"]["id"] == "one"


async def test_a_filter_by_file_hears_only_that_file_also_when_it_comes_back(
    hub: Hub, alice: Person
) -> None:
    mine = await arrives(alice.space, "mine")
    other = await arrives(alice.space, "other")
    async with Peer(alice.headers) as peer:
        await peer.join(file=str(mine.pk))
        assert list(peer.held.files) == [str(mine.pk)]
    await database.write(wishes.cancel, other.pk)
    await database.write(wishes.cancel, mine.pk)
    async with Peer(alice.headers, held=peer.held) as again:
        await again.join(file=str(mine.pk))
        await again.until(lambda: again.held.seqs)
        assert again.held.seqs == [4]
        await database.write(wishes.delete, mine.pk)
        await again.until(lambda: again.held.seq == 5)
        assert again.held.files == {}


async def test_many_who_join_at_once_share_one_reading_of_the_database(
    hub: Hub, alice: Person
) -> None:
    await arrives(alice.space)
    peers = [Peer(alice.headers).connect().hello() for _ in range(50)]
    for peer in peers:
        await peer.until(lambda peer=peer: "ready" in peer.held.types)
    assert len({id(shot) for shot in hub.streams[alice.space.pk]._shots._newest.values()}) == 1
    assert all(peer.held.files == peers[0].held.files for peer in peers)
    for peer in peers:
        await peer.leave()
