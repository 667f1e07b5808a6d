"""Mistakes in processors of one's own are shown where their author looks, and to nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.support import tus
from tests.support.server import Server

GOOD = """
from uploads.processors import Context, processor

@processor(name="halves", accepts=["text/*"])
def halves(ctx: Context) -> dict:
    return half(ctx.size)

def half(size):
    return {"half": size / 0}

@processor(name="lists", accepts=["text/*"])
def lists(ctx: Context) -> dict:
    return [ctx.size]
"""
MEMBERS = """
from uploads import people
from uploads.models import Membership
for name in ("manager", "uploader"):
    user = people.person(name)
    space = people.shared_space("mill", user)
    Membership.objects.filter(space=space, user=user).update(role=name)
    print(people.make_token(user)[1])
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "good.py").write_text(GOOD)
    (folder / "broken.py").write_text("\nimport nothing_like_this\n")
    (folder / "taken.py").write_text(GOOD.replace("halves", "image").replace("lists", "own-two"))
    running = Server(tmp_path_factory.mktemp("data"), PROCESSORS_DIR=str(folder)).start().works()
    yield running
    running.stop()


@contextmanager
def browser(server: Server, link: str) -> Iterator[httpx.Client]:
    """Somebody signed in by a link."""
    headers = {"Accept": "text/html"}
    with httpx.Client(
        base_url=server.url, headers=headers, follow_redirects=True, timeout=60
    ) as client:
        client.get(link[link.index("/sign-in/") :]).raise_for_status()
        yield client


def test_a_failures_lines_are_shown_to_who_manages_the_space_alone(server: Server) -> None:
    tokens = server.manage("shell", "-v0", "-c", MEMBERS).split()
    details = []
    for token in tokens:
        with server.client(token) as client:
            client.params = {"space": "mill"}
            file_id = tus.upload(client, "a.txt", b"words\n")
            steps = server.wait_for(client, file_id)["steps"]
        by_name = {step["name"]: step for step in steps}
        assert by_name["halves"]["error"]["code"] == "processor_error"
        assert by_name["lists"]["error"]["message"] == "lists returned list, not a dict"
        details.append(by_name["halves"]["detail"])
    shown, hidden = details
    assert "line 6, in halves" in shown
    assert "line 9, in half" in shown
    assert "ZeroDivisionError" in shown
    assert "sandbox" not in shown
    assert hidden is None


def test_what_can_not_be_loaded_is_on_the_pages_of_staff(server: Server) -> None:
    with browser(server, server.link) as staff:
        settings = staff.get("/settings/").text
        assert "broken.py" in settings
        assert "ModuleNotFoundError" in settings
        assert "(line 2)" in settings
        assert "taken.py" in settings
        assert "halves" in settings
        assert "2 processors of your own could not be loaded." in staff.get("/").text
    with browser(server, server.manage("link", "dora").strip()) as dora:
        settings = dora.get("/settings/").text
        assert "halves" in settings
        assert "broken.py" not in settings
        assert 'id="mistakes"' not in dora.get("/").text
