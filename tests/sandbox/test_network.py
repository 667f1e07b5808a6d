"""No processor reaches the network unless it declares it, and then no more than it needs."""

import asyncio
import socket

import pytest

from tests.sandbox.conftest import Attack

pytestmark = pytest.mark.asyncio(loop_scope="session")

REFUSED = "PermissionError"


SOCKETS = [
    "socket.socket(socket.AF_INET, socket.SOCK_STREAM)",
    "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
    "socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)",
    "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "socket.socket(40, socket.SOCK_STREAM)",  # vsock
    "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)",
    "socket.create_connection(('127.0.0.1', 80))",
    "socket.socketpair()[0].sendto(b'x', '/run/systemd/journal/socket')",
    "socket.socketpair()[0].sendmsg([b'x'])",
    "socket.socketpair()[0].connect('/run/docker.sock')",
    "socket.socketpair()[0].listen()",
]


async def test_there_is_no_socket(attack: Attack) -> None:
    program = f"""
        import socket, urllib.request
        value = {{what: tried(lambda: eval(what)) for what in {SOCKETS!r}}}
        value["urlopen"] = tried(lambda: urllib.request.urlopen("http://127.0.0.1/"))
    """
    expected = dict.fromkeys(SOCKETS, REFUSED) | {"urlopen": "URLError"}
    assert (await attack(program)).value == expected


PROGRAM = """
    import socket
    def fetch():
        with socket.create_connection(("127.0.0.1", {port}), 60) as connection:
            connection.sendall(b"hello")
            return connection.recv(5)
    value = [
        tried(fetch),
        tried(lambda: socket.getaddrinfo("localhost", 80)[0][4][1]),
        tried(lambda: socket.socket(socket.AF_UNIX)),
        tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
        tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW)),
        tried(lambda: socket.socket(socket.AF_INET).listen()),
    ]
"""


async def test_a_processor_that_declares_the_network_reaches_it_and_serves_nobody(
    attack: Attack,
) -> None:
    async def echo(reader, writer):
        writer.write(await reader.read(5))
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        outcome = await attack(PROGRAM.format(port=port), "with-network", network=True)
    assert outcome.value == ["done: b'hello'", "done: 80", *[REFUSED] * 4]


async def test_it_reaches_nothing_where_the_task_does_not_allow_it(attack: Attack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        outcome = await attack(PROGRAM.format(port=port), "with-network")
        declared = await attack(PROGRAM.format(port=port), "run-python", network=True)
    assert outcome.value[0] == outcome.value[5] == REFUSED
    assert declared.value[0] == declared.value[5] == REFUSED
