"""Fixtures of receiving: users of the shared server, each with a client of their own."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest

from tests.receiving.client import Tus
from tests.support.server import Server

AT_ONCE = 25  # users made by one command, since each command takes a second to start
MAKE = f"""
from uploads import people
for number in range({AT_ONCE}):
    print("token:" + people.make_token(people.person(f"user%s-{{number}}"))[1])
"""

_numbers = itertools.count()
_tokens: dict[str, list[str]] = defaultdict(list)


def new_token(server: Server) -> str:
    """The token of a user of this server who has nothing yet."""
    tokens = _tokens[server.url]
    if not tokens:
        said = server.manage("shell", "-c", MAKE % next(_numbers))
        tokens += [line.removeprefix("token:") for line in said.split() if "token:" in line]
    return tokens.pop()


@pytest.fixture(scope="session")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose limits are soon reached: 1 MB a file, 1.5 MB a space, and so on."""
    server = Server(
        tmp_path_factory.mktemp("strict"),
        UPLOAD_MAX_BYTES="1M",
        SPACE_QUOTA_BYTES="1500k",
        SPACE_OPEN_UPLOADS="3",
        BATCH_MAX_FILES="2",
        UPLOAD_IDLE_SECONDS="3",
    ).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def module_tus(server: Server) -> Iterator[Tus]:
    """A user for all tests of a module."""
    user = Tus(server, new_token(server))
    yield user
    user.http.close()


@pytest.fixture
def tus(module_tus: Tus) -> Tus:
    """A user of the shared server."""
    return module_tus


@pytest.fixture
def user() -> Iterator[Callable[..., Tus]]:
    """Makes users who have nothing yet: `user(server)`, or with a token of theirs."""
    made: list[Tus] = []

    def make(server: Server, token: str = "") -> Tus:
        made.append(Tus(server, token or new_token(server)))
        return made[-1]

    yield make
    for one in made:
        one.http.close()


@pytest.fixture
def strict(strict_server: Server, user: Callable[..., Tus]) -> Tus:
    """A user of the strict server who has nothing yet."""
    return user(strict_server)
