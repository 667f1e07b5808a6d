"""DELETE: an upload ends, whatever state it is in."""

import time

from tests.receiving.client import SOON, VERSION, Tus, answer_of, until


def test_an_upload_is_gone_with_its_bytes(tus: Tus) -> None:
    url = tus.create(10)
    tus.patch(url, 0, b"1234")
    answer = tus.delete(url)
    assert (answer.status_code, answer.headers["Tus-Resumable"]) == (204, "1.0.0")
    assert tus.head(url).status_code == 404
    assert tus.patch(url, 4, b"5").status_code == 404
    assert tus.delete(url).status_code == 404
    until(lambda: tus.content(url) == b"")


def test_a_received_file_can_be_ended_alike(tus: Tus) -> None:
    url = tus.create(4)
    tus.patch(url, 0, b"1234")
    assert tus.delete(url).status_code == 204
    assert tus.head(url).status_code == 404


def test_a_request_that_still_sends_is_ended_within_a_second(tus: Tus) -> None:
    url = tus.create(100)
    with tus.begin_patch(url, 0, 100) as connection:
        connection.sendall(b"12345")
        until(lambda: tus.content(url) == b"12345")
        before = time.monotonic()
        assert tus.delete(url).status_code == 204
        assert time.monotonic() - before < SOON
        assert answer_of(connection)[0] == 409
    assert tus.head(url).status_code == 404
    until(lambda: tus.content(url) == b"")


def test_another_version_is_refused(tus: Tus) -> None:
    url = tus.create(1)
    assert tus.http.delete(url, headers={"Tus-Resumable": "2"}).status_code == 412
    assert tus.head(url).status_code == 200


def test_the_method_may_come_in_a_header(tus: Tus) -> None:
    url = tus.create(1)
    headers = VERSION | {"X-HTTP-Method-Override": "DELETE"}
    assert tus.http.post(url, headers=headers).status_code == 204
    assert tus.head(url).status_code == 404


def test_an_unknown_method_is_refused_with_those_that_are_known(tus: Tus) -> None:
    answer = tus.http.put(tus.create(1))
    assert answer.status_code == 405
    assert {"HEAD", "PATCH", "DELETE", "OPTIONS"} <= set(answer.headers["Allow"].split(", "))
