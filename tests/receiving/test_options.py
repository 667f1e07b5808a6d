"""OPTIONS: what the server says of itself, to anybody."""

import httpx
import pytest

from tests.receiving.client import Tus

EXTENSIONS = {
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "expiration",
    "checksum",
    "termination",
    "concatenation",
    "concatenation-unfinished",
}


@pytest.mark.parametrize("version", [{}, {"Tus-Resumable": "0.1.0"}])
def test_it_tells_what_is_spoken_whatever_the_client_speaks(tus: Tus, version: dict) -> None:
    answer = tus.http.options("/uploads/", headers=version)
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == EXTENSIONS
    assert int(answer.headers["Tus-Max-Size"]) == 20 * 2**30
    assert {"sha1", "sha256", "md5"} <= set(answer.headers["Tus-Checksum-Algorithm"].split(","))


def test_it_needs_no_token(tus: Tus) -> None:
    assert httpx.options(f"{tus.server.url}/uploads/").status_code == 204


def test_an_uploads_own_address_answers_alike(tus: Tus) -> None:
    answer = tus.http.options(tus.create(1))
    assert answer.headers["Tus-Version"] == "1.0.0"


def test_doors_answer_with_and_without_their_last_slash(tus: Tus) -> None:
    assert tus.http.options("/uploads").status_code == 204
    assert tus.head(tus.create(1) + "/").status_code == 200
