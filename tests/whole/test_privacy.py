"""Members of the space get the ending; nobody else gets anything."""

import uuid

from tests.support import tus
from tests.support.server import Server
from tests.support.stream import Follower


def people(server: Server) -> tuple[str, str]:
    """Two users who share nothing."""
    mark = uuid.uuid4().hex[:8]
    return server.token(f"alice-{mark}"), server.token(f"bob-{mark}")


async def test_two_users_with_one_file_name_never_see_each_other(server: Server) -> None:
    alice, bob = people(server)
    async with Follower(server, alice) as hers, Follower(server, bob) as his:
        with server.client(alice) as at_alice, server.client(bob) as at_bob:
            first = tus.upload(at_alice, "same.txt", b"hers\n", batch="drop")
            second = tus.upload(at_bob, "same.txt", b"his\n", batch="drop")
            for follower, file_id in ((hers, first), (his, second)):
                await follower.until(
                    lambda follower=follower, file_id=file_id: (
                        follower.files.get(file_id, {}).get("status") == "processed"
                    )
                )
            at_alice.delete(f"/api/files/{first}/").raise_for_status()
            await hers.until(lambda: first not in hers.files)
            assert at_bob.get(f"/api/files/{second}/content/").content == b"his\n"
            for stranger, other in ((at_bob, first), (at_alice, second)):
                for door in ("", "content/", "artifacts/text/text.txt/"):
                    assert stranger.get(f"/api/files/{other}/{door}").status_code == 404
                for method, door in (("DELETE", ""), ("POST", "retry/"), ("POST", "cancel/")):
                    assert stranger.request(method, f"/api/files/{other}/{door}").status_code == 404
                assert (
                    stranger.head(
                        f"/uploads/{other}", headers={"Tus-Resumable": "1.0.0"}
                    ).status_code
                    == 404
                )
            assert at_bob.get("/api/counts/").json()["processed"] == 1
            assert at_alice.get("/api/counts/").json()["processed"] == 0
            assert at_bob.get("/api/batches/drop/").json()["counts"]["processed"] == 1
            assert [f["id"] for f in at_bob.get("/api/files/").json()["items"]] == [second]
    heard = {event["file"]["id"] for event in his.events if "file" in event}
    assert heard == {second}
    assert first not in str(his.frames)
    assert second not in str(hers.frames)


async def test_two_members_of_one_space_see_the_same_live(server: Server) -> None:
    mark = uuid.uuid4().hex[:8]
    team = f"team-{mark}"
    alice, bob = server.token(f"alice-{mark}", team), server.token(f"bob-{mark}", team)
    charlie = server.token(f"charlie-{mark}")
    async with (
        Follower(server, alice) as hers,
        Follower(server, bob) as his,
        Follower(server, charlie) as strange,
    ):
        with server.client(alice) as client:
            file_id = tus.upload(client, "shared.txt", b"for all of us\n")
        for follower in (hers, his):
            await follower.until(
                lambda f=follower: f.files.get(file_id, {}).get("status") == "processed"
            )
        assert hers.events == his.events
        assert hers.counts == his.counts
        with server.client(charlie) as client:
            assert client.get(f"/api/files/?space={team}").status_code == 404
    assert strange.events == []
    assert file_id not in str(strange.frames)
