"""Word by mail of a drop that has ended: to whom asked for it, once, and again where it failed."""

import socketserver
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from project import database
from tests.support.server import Server
from tests.support.tus import upload
from uploads import people
from uploads.models import Batch, Membership, User
from uploads.processing import mailing
from uploads.processing.jobs import arrivals, wishes


class Session(socketserver.StreamRequestHandler):
    """One client, as RFC 5321 speaks; the first message of a server is refused."""

    server: "Post"

    def handle(self) -> None:
        """Until it quits."""
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(":")[0].upper()
            if verb == "RCPT TO" and (refusal := self.server.refusals.get(line[9:-1])):
                self._say(refusal)
            elif verb == "DATA":
                self._say("354 go on")
                self._receive()
            else:
                self._say("221 bye" if verb == "QUIT" else "250 fine")
                if verb == "QUIT":
                    return

    def _receive(self) -> None:
        text = b""
        while not text.endswith(b"\r\n.\r\n"):
            text += self.rfile.readline()
        self.server.tried += 1
        if self.server.tried == 1:
            self._say("451 come again later")
            return
        self.server.letters.append(text.decode())
        self._say("250 taken")

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


class Post(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it gets."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.letters: list[str] = []
        self.tried = 0
        self.refusals: dict[str, str] = {}  # by address


@pytest.fixture
def post() -> Iterator[Post]:
    with Post() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.timeout(300)
def test_a_drop_is_told_of_once_though_the_first_try_was_refused(
    make_server: Callable[..., Server], post: Post
) -> None:
    server = make_server(EMAIL_URL=f"smtp://127.0.0.1:{post.server_address[1]}").start()
    secret = server.token("ada")
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=60) as browser:
        browser.get(server.manage("link", "ada").strip())
        assert "One mail for each drop" in browser.get("/settings/").text
        token = next(value for name, value in browser.cookies.items() if "csrf" in name)
        form = {"csrfmiddlewaretoken": token, "action": "mail", "wants_mail": "1"}
        assert "valid email" in browser.post("/settings/", data=form | {"email": "nobody"}).text
        browser.headers["accept-language"] = "de"
        noted = browser.post("/settings/", data=form | {"email": "ada@mill.example"})
        assert "Es ist vermerkt" in noted.text
    with server.client(secret) as ada:
        for name in ("a.txt", "b.txt"):
            upload(ada, name, b"hello", batch="drop", batch_total="2")
        deadline = time.monotonic() + 200
        while not post.letters:
            assert time.monotonic() < deadline, post.tried
            time.sleep(0.2)
    (letter,) = post.letters
    assert "To: ada@mill.example" in letter
    assert "Subject: Millrace: 2 Dateien beendet in ada" in letter  # as the page was read
    assert "2 fertig" in letter
    assert f"{server.url.replace('127.0.0.1', 'localhost')}/files/?space=ada&batch=drop" in letter
    counted = "from uploads.models import Batch; print(Batch.objects.filter(told_at=None).count())"
    assert server.manage("shell", "-v0", "-c", counted).strip() == "0"  # so it is not told again


def ended(user: User, key: str) -> Batch:
    """A drop of one file of the user's, that ended a while ago."""
    space = people.private_space(user)
    arrival = arrivals.Arrival(space.pk, user.pk, "a.txt", size=3, batch=key, batch_total=1)
    with transaction.atomic():
        file = arrivals.receive(arrival, sha256="00")
        wishes.cancel(file.pk)
    batch = Batch.objects.get(space=space, key=key)
    batch.ended_at = timezone.now() - timedelta(minutes=1)
    batch.save()
    return batch


@pytest.mark.django_db(transaction=True)
def test_only_who_asked_is_told_and_of_nothing_old() -> None:
    asked, silent = (people.person(f"{name}{uuid.uuid4().hex[:6]}") for name in ("asked", "silent"))
    asked.email, asked.wants_mail = "asked@mill.example", True
    asked.save()
    silent.email = "silent@mill.example"
    silent.save()
    wanted, unwanted, old = ended(asked, "one"), ended(silent, "two"), ended(asked, "old")
    Batch.objects.filter(pk=old.pk).update(ended_at=timezone.now() - timedelta(days=2))
    with transaction.atomic():
        letters = mailing._take()
    assert [(letter.batch_id, letter.to) for letter in letters] == [
        (wanted.pk, {asked.pk: "asked@mill.example"})
    ]
    assert letters[0].subject == f"Millrace: 1 file ended in {wanted.space.name}"
    assert "1 cancelled" in letters[0].text
    unwanted.refresh_from_db()
    assert unwanted.told_at is not None
    with transaction.atomic():
        assert mailing._take() == []  # whoever comes second finds nothing to tell
        mailing._take_back(wanted.pk, [asked.pk])
        assert [letter.batch_id for letter in mailing._take()] == [wanted.pk]


def senders(*names: str) -> Batch:
    """A drop of one file of each, in the first one's space."""
    users = [people.person(f"{name}{uuid.uuid4().hex[:6]}") for name in names]
    batch = ended(users[0], "shared")
    for name, user in zip(names, users, strict=True):
        user.email, user.wants_mail = f"{name}@mill.example", True
        user.save()
        Membership.objects.get_or_create(space=batch.space, user=user)
        arrival = arrivals.Arrival(batch.space_id, user.pk, "b.txt", size=3, batch=batch.key)
        with transaction.atomic():
            wishes.cancel(arrivals.receive(arrival, sha256="00").pk)
    Batch.objects.filter(pk=batch.pk).update(ended_at=timezone.now() - timedelta(minutes=1))
    return batch


@pytest.mark.django_db(transaction=True)
async def test_what_one_address_meets_is_told_to_no_other_twice(
    post: Post, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", post.server_address[1]
    post.tried = 1  # nothing is amiss with the letters themselves
    post.refusals = {"gone@mill.example": "550 nobody", "busy@mill.example": "450 later"}
    await database.write(senders, "well", "gone", "busy")

    def told() -> list[str]:
        return [letter.partition("To: ")[2].split("@")[0] for letter in post.letters]

    assert await mailing.tell() == 1
    assert told() == ["well"]
    assert await mailing.tell() == 0  # still busy
    del post.refusals["busy@mill.example"]
    assert await mailing.tell() == 1
    assert told() == ["well", "busy"]
    assert await mailing.tell() == 0
    assert told() == ["well", "busy"]
