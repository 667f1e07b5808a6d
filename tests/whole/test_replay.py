"""A new version takes old files again, one or all; what the old one found stays, to compare."""

from collections.abc import Callable
from pathlib import Path

from tests.support import tus
from tests.support.server import Server

OWN = """
from uploads.processors import Context, processor

@processor(name="count", accepts=["text/*"], version={version})
def count(ctx: Context) -> dict:
    return {{"words": {words}}}
"""


def test_files_are_processed_again_by_a_new_version_and_keep_the_old_result(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    own = tmp_path / "count.py"
    own.write_text(OWN.format(version=1, words=1))
    server = make_server(PROCESSORS_DIR=str(tmp_path)).start().works()
    token = server.token("ada")
    with server.client(token) as client:
        ids = [tus.upload(client, f"{number}.txt", b"words") for number in range(5)]
        picture = tus.upload(client, "a.bin", bytes(range(256)))
        for file_id in (*ids, picture):
            file = server.wait_for(client, file_id)
            assert file["outdated"] == []
        assert client.post(f"/api/files/{ids[0]}/replay/").status_code == 409
        assert client.post("/api/files/replay/", json={}).json()["changed"] == 0
    server.stop()
    own.write_text(OWN.format(version=2, words=2))
    server.start().works()
    with server.client(token) as client:
        known = {one["name"]: one for one in client.get("/api/processors/").json()["items"]}
        assert (known["count"]["version"], known["count"]["builtin"]) == (2, False)
        assert known["identify"]["builtin"]
        file = client.get(f"/api/files/{ids[0]}/").json()
        assert file["outdated"] == [{"step": "count", "version": 1, "newest": 2}]
        assert client.post(f"/api/files/{ids[0]}/replay/").json()["status"] == "queued"
        file = server.wait_for(client, ids[0])
        assert (file["results"]["count"], file["outdated"]) == ({"words": 2}, [])
        assert [one["attempt"] for one in file["attempts"]] == [1, 2]
        assert [one["versions"]["count"] for one in file["attempts"]] == [1, 2]
        old = client.get(f"/api/files/{ids[0]}/", params={"attempt": 1}).json()
        assert old["results"]["count"] == {"words": 1}
        first = client.post("/api/files/replay/", json={"processor": "count", "limit": 3}).json()
        assert (first["changed"], first["more"], first["refused"]) == (3, True, [])
        rest = {"processor": "count", "limit": 3, "cursor": first["next"]}
        second = client.post("/api/files/replay/", json=rest).json()
        assert (second["changed"], second["more"], second["next"]) == (1, False, None)
        for file_id in ids:
            assert server.wait_for(client, file_id)["results"]["count"] == {"words": 2}
        assert client.get(f"/api/files/{picture}/").json()["attempt"] == 1
        assert client.post("/api/files/replay/", json={}).json()["changed"] == 0
    with server.client(server.token("stranger")) as stranger:
        assert stranger.post(f"/api/files/{ids[0]}/replay/").status_code == 404
