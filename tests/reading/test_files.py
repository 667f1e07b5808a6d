"""`/api/files/` on a real server: what Alice, Bob and Charlie see and may do."""

import uuid

import httpx
import pytest

from tests.reading.conftest import People
from tests.support.server import Server
from tests.support.tus import create, patch, upload

TEXT = b"The miller's quarterly harvest.\n"


def send(server: Server, client: httpx.Client, name: str = "a.txt", **more: str) -> str:
    """A file that has been processed."""
    file_id = upload(client, name, TEXT, **more)
    server.wait_for(client, file_id)
    return file_id


def into(client: httpx.Client, space: str) -> httpx.Client:
    """The same person, whose requests name a space."""
    return httpx.Client(
        base_url=client.base_url,
        headers=client.headers,
        params={"space": space},
        timeout=30,
        event_hooks=client.event_hooks,
    )


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def test_a_file_shows_its_steps_results_and_artifacts(server: Server, people: People) -> None:
    file_id = send(server, people.alice, "harvest.txt")
    file = people.alice.get(f"/api/files/{file_id}").json()
    assert file["status"] == "processed"
    assert file["size"] == file["received"] == len(TEXT)
    assert (file["media_type"], file["kind"]) == ("text/plain", "text")
    assert [step["name"] for step in file["steps"]] == ["identify", "checksum", "text"]
    assert all(step["status"] == "done" and step["attempt"] == 1 for step in file["steps"])
    assert file["results"]["checksum"]["sha256"] == file["sha256"]
    assert file["artifacts"] == []


def test_lists_are_of_ones_own_space_unless_another_is_named(
    server: Server, people: People
) -> None:
    mine = send(server, people.alice)
    with into(people.alice, people.team) as alice, into(people.bob, people.team) as bob:
        shared = send(server, alice)
        assert mine in ids(people.alice.get("/api/files/"))
        assert shared not in ids(people.alice.get("/api/files/"))
        assert shared in ids(bob.get("/api/files/"))
        assert mine not in ids(bob.get("/api/files/"))
    assert shared not in ids(people.charlie.get("/api/files/"))


def test_what_is_not_yours_is_not_there(server: Server, people: People) -> None:
    with into(people.alice, people.team) as alice:
        file_id = send(server, alice, batch="secret")
    doors = [
        ("GET", f"/api/files/{file_id}/"),
        ("GET", f"/api/files/{file_id}/content/"),
        ("GET", f"/api/files/{file_id}/artifacts/text/x.txt/"),
        ("POST", f"/api/files/{file_id}/retry/"),
        ("POST", f"/api/files/{file_id}/cancel/"),
        ("DELETE", f"/api/files/{file_id}/"),
        ("GET", "/api/batches/secret/"),
        ("POST", "/api/batches/secret/total/"),
        ("GET", f"/api/batches/secret/?space={people.team}"),
        ("GET", f"/api/files/?space={people.team}"),
        ("GET", f"/api/counts/?space={people.team}"),
        ("GET", f"/api/events/?space={people.team}"),
        ("POST", f"/api/tickets/?space={people.team}"),
        ("GET", f"/api/files/{file_id}/?space={people.team}"),
    ]
    for method, path in doors:
        said = {"total": 1} if path.endswith("/total/") else None
        answer = people.charlie.request(method, path, json=said)
        assert answer.status_code == 404, (method, path)
        assert answer.json()["error"]["code"] == "not_found"
    changed = people.charlie.post("/api/files/delete/", json={"ids": [file_id]}).json()
    assert changed["changed"] == 0
    assert changed["refused"][0]["error"]["code"] == "not_found"
    assert people.bob.get(f"/api/files/{file_id}").status_code == 200


def test_a_file_is_found_by_its_id_in_any_space_of_mine_but_only_in_the_one_named(
    server: Server, people: People
) -> None:
    with into(people.alice, people.team) as alice:
        file_id = send(server, alice)
    assert people.bob.get(f"/api/files/{file_id}/").status_code == 200
    own = people.names["bob"]
    assert people.bob.get(f"/api/files/{file_id}/", params={"space": own}).status_code == 404


def test_filters_search_and_pages_work_together(server: Server, people: People) -> None:
    batch = uuid.uuid4().hex
    sent = [send(server, people.alice, f"{name}.txt", batch=batch) for name in "dacb"]
    get = people.alice.get
    assert ids(get("/api/files/", params={"batch": batch})) == sent[::-1]
    by_name = [sent[1], sent[3], sent[2], sent[0]]
    assert ids(get("/api/files/", params={"batch": batch, "sort": "name"})) == by_name
    seen, cursor = [], None
    while True:
        params = {"batch": batch, "sort": "-name", "limit": "3"}
        page = get("/api/files/", params=params | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == by_name[::-1]
    found = {"q": "quarterly HARV", "batch": batch, "status": "processed,failed", "kind": "text"}
    assert set(ids(get("/api/files/", params=found))) == set(sent)
    assert ids(get("/api/files/", params={"q": "quarterly nowhere"})) == []
    assert ids(get("/api/files/", params={"batch": batch, "kind": "image"})) == []
    digest = get(f"/api/files/{sent[0]}").json()["sha256"]
    assert set(sent) <= set(ids(get("/api/files/", params={"sha256": digest.upper()})))
    several = {"sha256": f"{'0' * 64},{digest}", "size": f"1,{len(TEXT)}", "batch": batch}
    assert set(ids(get("/api/files/", params=several))) == set(sent)
    assert ids(get("/api/files/", params=several | {"size": "1"})) == []
    assert ids(get("/api/files/", params={"batch": batch, "max_size": len(TEXT) - 1})) == []
    assert set(ids(get("/api/files/", params={"batch": batch, "min_size": len(TEXT)}))) == set(sent)
    assert ids(get("/api/files/", params={"batch": batch, "until": "2020-01-01"})) == []


def test_an_empty_parameter_is_as_none(server: Server, people: People) -> None:
    send(server, people.alice)
    names = ("status", "kind", "q", "batch", "sha256", "parent", "since", "sort", "cursor", "limit")
    empty = people.alice.get("/api/files/", params=dict.fromkeys(names, ""))
    assert ids(empty) == ids(people.alice.get("/api/files/"))


def test_a_file_that_is_being_received_shows_its_stored_length(people: People) -> None:
    location = create(people.alice, 10, "slow.bin")
    assert patch(people.alice, location, 0, b"1234").status_code == 204
    file_id = str(uuid.UUID(location.rpartition("/")[2] or location.split("/")[-2]))
    file = people.alice.get(f"/api/files/{file_id}/").json()
    assert (file["status"], file["received"], file["size"]) == ("receiving", 4, 10)
    listed = people.alice.get("/api/files/", params={"status": "receiving"}).json()["items"]
    assert [item["received"] for item in listed if item["id"] == file_id] == [4]
    answer = people.alice.get(f"/api/files/{file_id}/content/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "wrong_state")
    assert people.alice.post(f"/api/files/{file_id}/cancel/").status_code == 204
    assert people.alice.get(f"/api/files/{file_id}/").status_code == 404


def test_retry_answers_the_file_and_refuses_what_runs_or_waits(
    server: Server, people: People
) -> None:
    file_id = send(server, people.alice)
    again = people.alice.post(f"/api/files/{file_id}/retry")
    assert again.status_code == 200
    assert (again.json()["id"], again.json()["status"]) == (file_id, "queued")
    server.wait_for(people.alice, file_id)
    file = people.alice.get(f"/api/files/{file_id}/").json()
    assert file["attempt"] == 2
    assert {step["attempt"] for step in file["steps"]} == {2}
    before = people.alice.get(f"/api/files/{file_id}/", params={"attempt": 1}).json()
    assert {step["attempt"] for step in before["steps"]} == {1}
    refused = people.alice.post(f"/api/files/{file_id}/cancel/")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "wrong_state")


def test_a_deleted_file_is_gone_from_everywhere(server: Server, people: People) -> None:
    file_id = send(server, people.alice, "gone-forever.txt")
    assert people.alice.delete(f"/api/files/{file_id}").status_code == 204
    for path in ("", "content/"):
        assert people.alice.get(f"/api/files/{file_id}/{path}").status_code == 404
    assert people.alice.delete(f"/api/files/{file_id}").status_code == 404
    assert ids(people.alice.get("/api/files/", params={"q": "gone forever"})) == []
    last = people.alice.get("/api/events/", params={"file": file_id}).json()["events"][-1]
    assert last["type"] == "file.deleted"


def test_only_who_sent_a_file_or_a_manager_may_delete_it(server: Server, people: People) -> None:
    with into(people.alice, people.team) as alice, into(people.bob, people.team) as bob:
        from_alice, from_bob, another = send(server, alice), send(server, bob), send(server, bob)
    assert people.bob.delete(f"/api/files/{from_alice}/").status_code == 403
    body = {"ids": [from_alice, another]}
    changed = people.bob.post("/api/files/delete/", params={"space": people.team}, json=body).json()
    assert changed["changed"] == 1
    assert [(each["id"], each["error"]["code"]) for each in changed["refused"]] == [
        (from_alice, "forbidden")
    ]
    assert people.alice.delete(f"/api/files/{from_bob}/").status_code == 204
    assert people.bob.post(f"/api/files/{from_alice}/retry/").status_code == 200


def test_a_token_may_no_more_than_its_scopes_say(server: Server, people: People) -> None:
    file_id = send(server, people.alice)
    made = people.alice.post("/api/tokens/", json={"name": "reader", "scopes": ["read"]}).json()
    with server.client(made["secret"]) as reader:
        assert reader.get(f"/api/files/{file_id}/").status_code == 200
        for method, path in (
            ("POST", f"/api/files/{file_id}/retry/"),
            ("DELETE", f"/api/files/{file_id}/"),
            ("POST", "/api/files/retry/"),
            ("POST", "/api/batches/drop/total/"),
            ("GET", "/api/tokens/"),
        ):
            body = {"total": 1} if path.endswith("/total/") else {"status": "failed"}
            answer = reader.request(method, path, json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), path


def test_many_files_are_retried_and_deleted_by_status_and_batch(
    server: Server, people: People
) -> None:
    batch = uuid.uuid4().hex
    sent = [send(server, people.alice, batch=batch) for _ in range(3)]
    other = send(server, people.alice)
    body = {"status": "processed", "batch": batch}
    changed = people.alice.post("/api/files/retry/", json=body).json()
    assert changed == {"changed": 3, "refused": [], "more": False, "next": None}
    for file_id in sent:
        assert server.wait_for(people.alice, file_id)["attempt"] == 2
    changed = people.alice.post("/api/files/delete/", json=body).json()
    assert changed["changed"] == 3
    assert ids(people.alice.get("/api/files/", params={"batch": batch})) == []
    assert people.alice.get(f"/api/files/{other}/").json()["attempt"] == 1
    assert people.alice.get(f"/api/batches/{batch}/").json()["counts"]["processed"] == 0
    assert (
        people.alice.post("/api/files/cancel/", json={"status": "queued"}).json()["more"] is False
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"ids": ["x"]},
        {"status": "lost"},
        {"ids": [str(uuid.uuid4())], "status": "failed"},
        {"ids": [str(uuid.uuid4())], "batch": "b"},
        {"status": "failed", "more": 1},
        [],
        "text",
        None,
    ],
)
def test_a_selection_that_says_nothing_or_too_much_is_refused(people: People, body: object) -> None:
    answer = people.alice.post("/api/files/retry/", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("total", "status", "code"),
    [
        (0, 400, "bad_request"),
        ("many", 400, "bad_request"),
        (None, 400, "bad_request"),
        (100_001, 413, "too_many_files"),
    ],
)
def test_a_batch_of_impossibly_many_files_is_refused(
    people: People, total: object, status: int, code: str
) -> None:
    answer = people.alice.post("/api/batches/drop/total/", json={"total": total})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_counts_and_batches_agree_with_the_files(server: Server, people: People) -> None:
    batch = f"drop.{uuid.uuid4().hex}"
    send(server, people.charlie, batch=batch, batch_total="2")
    found = people.charlie.get(f"/api/batches/{batch}/").json()
    assert (found["id"], found["total"], found["ended"]) == (batch, 2, False)
    send(server, people.charlie, batch=batch, batch_total="2")
    assert people.charlie.get(f"/api/batches/{batch}").json()["ended"] is True
    announced = people.charlie.post(f"/api/batches/{batch}/total/", json={"total": 3}).json()
    assert (announced["total"], announced["ended"]) == (3, False)
    send(server, people.charlie, batch=batch, batch_total="2")  # it was overtaken by the others
    assert people.charlie.get(f"/api/batches/{batch}").json()["total"] == 3
    counts = people.charlie.get("/api/counts").json()
    assert counts["processed"] == len(ids(people.charlie.get("/api/files/?status=processed")))
    (space,) = people.charlie.get("/api/spaces/").json()["items"]
    assert (space["slug"], space["role"], space["own"]) == (
        people.names["charlie"],
        "manager",
        True,
    )
    assert space["counts"] == counts
    spaces = people.bob.get("/api/spaces/").json()["items"]
    assert [(each["slug"], each["role"]) for each in spaces] == [
        (people.names["bob"], "manager"),
        (people.team, "uploader"),
    ]
