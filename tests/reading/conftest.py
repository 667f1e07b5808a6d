"""People on the shared server: Alice and Bob of one space, Charlie the stranger; each client's
answers are held against the specification as they come.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.reading.specification import Specification
from tests.support.server import Server


@dataclass
class People:
    """Three users with a private space each; Alice manages the space `team`, Bob uploads there."""

    team: str
    alice: httpx.Client
    bob: httpx.Client
    charlie: httpx.Client
    nobody: httpx.Client
    names: dict[str, str]
    specification: Specification


MAKE = """
from uploads import people
team, names = {team!r}, {names!r}
for name in names:
    user = people.person(name)
    if not name.startswith("charlie"):
        people.shared_space(team, user)  # who makes a space manages it
    print(people.make_token(user)[1])
"""


@pytest.fixture(scope="session")
def specification(people: "People") -> Specification:
    return people.specification


@pytest.fixture(scope="session")
def people(server: Server) -> Iterator[People]:
    tail = uuid.uuid4().hex[:8]
    names = {name: f"{name}-{tail}" for name in ("alice", "bob", "charlie")}
    team = f"team-{tail}"
    made = server.manage("shell", "-v0", "-c", MAKE.format(team=team, names=[*names.values()]))
    tokens = made.split()
    with server.client(tokens[0]) as client:
        specification = Specification(client.get("/api/openapi.json").json())
    hooks = {"response": [specification.check]}
    alice, bob, charlie = (
        httpx.Client(
            base_url=server.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            event_hooks=hooks,
        )
        for token in tokens
    )
    nobody = httpx.Client(base_url=server.url, timeout=30, event_hooks=hooks)
    yield People(team, alice, bob, charlie, nobody, names, specification)
    for client in (alice, bob, charlie, nobody):
        client.close()
