"""A template of one's own shows a result, and nothing in a stranger's file can act through it."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import tus
from tests.support.server import ROOT, Server

PAGE = (ROOT / "docs" / "processors.md").read_text()
EXAMPLE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
[TEMPLATE] = re.findall(r"```html\n(.*?)```", PAGE, re.DOTALL)
HOSTILE = """
from uploads.processors import Context, processor

@processor(name="echo", accepts=["text/*"])
def echo(ctx: Context) -> dict:
    return {"text": ctx.path.read_text()}

@processor(name="torn", accepts=["text/*"])
def torn(ctx: Context) -> dict:
    return {}

@processor(name="plain", accepts=["text/*"])
def plain(ctx: Context) -> dict:
    return {}
"""
CARELESS = """{{ result.text|safe }}<script>alert(1)</script><p onclick="x()" style="top:0">kept</p>
<img src="https://elsewhere.example/p.png"><img src="/sign-out/"><a href="javascript:x()">a</a>
<form action="/"><input></form><iframe src="/"></iframe>"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "word_count.py").write_text(EXAMPLE)
    (folder / "word-count.html").write_text(TEMPLATE)
    (folder / "hostile.py").write_text(HOSTILE)
    (folder / "echo.html").write_text(CARELESS)
    (folder / "torn.html").write_text("{% if %}")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, own: Path) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("data"), PROCESSORS_DIR=str(own)).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client(server.token("ada")) as client:
        yield client


def view(server: Server, client: httpx.Client, content: bytes, step: str) -> httpx.Response:
    file_id = tus.upload(client, "<i>a</i>.txt".replace("/", ""), content)
    server.wait_for(client, file_id)
    return client.get(f"/api/files/{file_id}/views/{step}/")


def test_the_template_of_the_documentation_shows_its_result(
    server: Server, client: httpx.Client
) -> None:
    shown = view(server, client, b"one <b>two</b> one\n", "word-count")
    assert shown.headers["Content-Type"].startswith("text/html")
    assert "<p>3 words in <b>&lt;i&gt;a&lt;i&gt;.txt</b>, 2 of them different.</p>" in shown.text
    assert "&lt;b&gt;two&lt;/b&gt;" in shown.text
    assert '<meter max="3" value="2"></meter>' in shown.text
    [address] = re.findall(r'<a href="(/api/files/[^"]+)"', shown.text)
    assert b"one" in client.get(address.replace("&amp;", "&")).content


def test_nothing_acts_however_careless_the_template_is(
    server: Server, client: httpx.Client
) -> None:
    evil = b"<script>steal()</script><svg onload=steal()><a href='/x' onmouseover=steal()>b</a>"
    shown = view(server, client, evil, "echo").text
    assert "<p>kept</p>" in shown
    for word in ("script", "steal", "onclick", "style", "elsewhere", "/sign-out", "javascript"):
        assert word not in shown
    for tag in ("<form", "<input", "<iframe", "<svg"):
        assert tag not in shown


def test_a_mistake_in_a_template_is_said_and_breaks_nothing_else(
    server: Server, client: httpx.Client
) -> None:
    shown = view(server, client, b"words", "torn")
    assert shown.status_code == 200
    assert "torn.html" in shown.text
    assert "TemplateSyntaxError" in shown.text


def test_a_step_without_a_template_has_no_view(server: Server, client: httpx.Client) -> None:
    assert view(server, client, b"words", "plain").status_code == 404
    assert view(server, client, b"words", "nothing").status_code == 404


def test_a_template_leads_to_no_file_beside_it(
    server: Server, client: httpx.Client, own: Path
) -> None:
    (own / "plain.html").write_text("{% include '../../etc/passwd' %}")
    assert "TemplateSyntaxError" in view(server, client, b"words", "plain").text
    (own / "plain.html").write_text("{% load static %}{% static 'x' %}")
    assert "TemplateSyntaxError" in view(server, client, b"words", "plain").text
    (own / "plain.html").unlink()
