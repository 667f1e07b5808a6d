"""Whatever is sent ends in a sensible state, under the name that it was sent with."""

import pytest

from tests.support import tus
from tests.support.server import Server

ODD_NAMES = {
    "a" * 251 + ".txt": "a" * 251 + ".txt",
    "../../etc/passwd": "passwd",
    "quotes\"and'<b>&.txt": "quotes\"and'<b>&.txt",
    "bidi\u202egpj.exe": "bidi\ufffdgpj.exe",
    "line\nbreak.txt": None,
    "nul\0byte.txt": None,
}


@pytest.fixture(scope="module")
def client(server: Server):
    with server.client(server.token("odd")) as client:
        yield client


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_name_is_kept_or_refused_but_never_a_path(server: Server, client, name: str) -> None:
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": "2",
        "Upload-Metadata": tus.metadata(filename=name),
        "Content-Type": tus.OFFSET,
    }
    answer = client.post("/uploads/", headers=headers, content=b"x\n")
    if answer.status_code == 400:
        assert answer.json()["error"]["code"] == "bad_name"
        assert ODD_NAMES[name] is None
        return
    file = server.wait_for(client, tus.file_id(answer.headers["Location"]))
    assert file["status"] == "processed"
    assert "\0" not in file["name"]
    assert "/" not in file["name"]
    if ODD_NAMES[name] is not None:
        assert file["name"] == ODD_NAMES[name]
    shown = client.get(f"/api/files/{file['id']}/content/")
    assert shown.content == b"x\n"
    assert "attachment" in shown.headers["Content-Disposition"]


def test_a_name_of_256_bytes_is_refused_with_its_limit(client) -> None:
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": "0",
        "Upload-Metadata": tus.metadata(filename="é" * 128),
    }
    answer = client.post("/uploads/", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_name")
    assert "255" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("empty", b"", "other"),
        ("empty.csv", b"", None),
        ("photo.jpg", b"not a photograph, just words\n", "text"),
        ("one-line.txt", b"x" * (50 << 20), "text"),
        ("random.bin", bytes(range(256)) * 400, "other"),
    ],
    ids=["empty file", "0-byte CSV", "wrong extension", "one 50 MB line", "unknown binary"],
)
def test_odd_content_ends_processed(server: Server, client, name, content, kind) -> None:
    file = server.wait_for(client, tus.upload(client, name, content), seconds=50)
    assert (file["status"], file["error"], file["size"]) == ("processed", None, len(content))
    if kind is not None:
        assert file["kind"] == kind
    if name == "photo.jpg":
        assert file["results"]["identify"]["extension_matches"] is False
