"""Takes from a process what a processor must not have, and tells what could be taken.

What the kernel or the machine lacks is found out once, at the start, by trying it in a throw-away
process. From then on a layer that fails ends its child: nothing runs with less around it than was
reported.
"""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from uploads.processing.sandbox import aside, landlock, linux, seccomp
from uploads.processing.sandbox.contract import Caps

LAYERS = ("landlock", "seccomp", "no_new_privs", "rlimits", "capabilities")
# Those that can be left out, to see what the others hold alone.
OPTIONAL = frozenset({"landlock", "seccomp", "rlimits"})

_OPEN_FILES = 256
_NICE = 5
_PROCESSES_TO_SPARE = 4096
_CPU_SPARE_SECONDS, _CPU_MORE_SECONDS = 60, 5
# One byte: nothing fits into it, and it is the value at which the kernel starts no core handler
# either (with 0 it would).
_CORE_BYTES = 1


@dataclass(frozen=True)
class Layers:
    """What was found to work here, and what of it is the same for every child."""

    landlock_abi: int
    seccomp: Mapping[bool, bytes] | None  # by whether the child has the network
    rlimits: bool
    readable: tuple[str, ...]
    held: int = (
        0  # bytes of address space that the fork server has, and so each child from its start
    )
    processes: int = 0  # of this user, when the fork server started


@dataclass(frozen=True)
class Confinement:
    """What one child gets: the only paths, and its limits."""

    work: Path
    read: tuple[Path, ...] = ()
    network: bool = False
    caps: Caps = field(default_factory=Caps)
    mapped: int = 0  # bytes of a file that it may map besides


def give_up_privileges() -> None:
    """For the fork server, before it has any child: all of them inherit it."""
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    linux.drop_capabilities()


def prepare(readable: Iterable[Path], without: Iterable[str] = ()) -> Layers:
    """What works on this machine; for the fork server, while it has one thread and no child."""
    without = frozenset(without)
    if unknown := without - OPTIONAL:
        raise ValueError(f"{', '.join(sorted(unknown))} can't be left out")
    abi = 0 if "landlock" in without else linux.landlock_abi()
    nowhere = Path("/nonexistent")
    if abi and not _works(
        lambda: landlock.enforce(abi, read=(), work=nowhere, network=False),
    ):
        abi = 0
    return Layers(
        landlock_abi=abi,
        seccomp=None if "seccomp" in without else _programs(abi),
        rlimits="rlimits" not in without,
        readable=landlock.readable(readable),
    )


def _programs(abi: int) -> Mapping[bool, bytes] | None:
    try:
        made = orjson.loads(aside.answer(lambda: _programs_as_json(truncates=abi < 3)))
    except OSError:
        return None  # no libseccomp here
    programs = {network == "True": bytes.fromhex(program) for network, program in made.items()}
    working = _works(lambda: linux.seccomp_enforce(programs[False]))
    return programs if working else None


def _programs_as_json(*, truncates: bool) -> bytes:
    programs = seccomp.programs(truncates=truncates)
    return orjson.dumps({str(network): program.hex() for network, program in programs.items()})


def _works(attempt: Callable[[], object]) -> bool:
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    try:
        attempt()
    except BaseException:  # noqa: BLE001 - a fork must never return into its parent's code
        os._exit(1)
    os._exit(0)


def weigh(layers: Layers) -> Layers:
    """The same, with what limits are counted from; called once everything is loaded."""
    held = int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()
    return replace(layers, held=held, processes=_processes_of_this_user())


def _processes_of_this_user() -> int:
    count = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            if folder.stat().st_uid == os.getuid():
                count += sum(1 for _ in (folder / "task").iterdir())
        except OSError:
            continue  # it ended while we looked
    return count


def confine(layers: Layers, wanted: Confinement) -> None:
    """For a child, before it touches the file.

    Raises OSError where a layer fails that worked at the start.
    """
    os.nice(_NICE)  # the server comes first
    _volunteer_to_be_killed()
    if layers.rlimits:
        _limit(layers, wanted)
    if layers.landlock_abi:
        landlock.enforce(
            layers.landlock_abi,
            read=(*layers.readable, *wanted.read),
            work=wanted.work,
            network=wanted.network,
        )
    else:
        # Landlock keeps one child from looking into another. It leaves the fork server able to see
        # how much a child has written, which this hides; so it is for where Landlock is missing.
        linux.prctl(linux.PR_SET_DUMPABLE, 0)
    if layers.seccomp is not None:
        linux.seccomp_enforce(layers.seccomp[wanted.network])
        linux.seccomp_enforce(seccomp.own_program(os.getpid()))


def _volunteer_to_be_killed() -> None:
    """When the machine runs out of memory, the kernel takes a child before it takes the server."""
    try:
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    except OSError:
        return  # a /proc that isn't there or can't be written
    try:
        os.write(descriptor, b"1000")
    except OSError:
        pass  # likewise
    finally:
        os.close(descriptor)


def limits(layers: Layers, wanted: Confinement) -> dict[int, int]:
    caps, cpus = wanted.caps, len(os.sched_getaffinity(0))
    return {
        resource.RLIMIT_AS: layers.held + caps.memory + wanted.mapped,
        resource.RLIMIT_CPU: int(caps.seconds * cpus) + _CPU_SPARE_SECONDS,
        resource.RLIMIT_FSIZE: caps.disk,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: _CORE_BYTES,
        resource.RLIMIT_NPROC: layers.processes + _PROCESSES_TO_SPARE,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }


def _limit(layers: Layers, wanted: Confinement) -> None:
    for what, most in limits(layers, wanted).items():
        hard = resource.getrlimit(what)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # at the soft limit of CPU time comes the signal that tells it from other deaths
        more = _CPU_MORE_SECONDS if what == resource.RLIMIT_CPU else 0
        resource.setrlimit(what, (value, value + more if hard == resource.RLIM_INFINITY else value))


@contextmanager
def with_less_memory(less: int) -> Iterator[None]:
    """For one step of several in a child: so many bytes of address space below the child's own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if less <= 0 or soft == resource.RLIM_INFINITY:
        yield
        return
    resource.setrlimit(resource.RLIMIT_AS, (max(0, soft - less), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def probe(outside: Path) -> dict[str, bool]:
    """What really holds in this process. `outside` is a file of ours that no child may read."""
    return {
        "landlock": _refused(lambda: outside.read_bytes()),
        "seccomp": _seccomp_holds(),
        "no_new_privs": linux.prctl(linux.PR_GET_NO_NEW_PRIVS) == 1,
        "rlimits": resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY,
        "capabilities": not linux.has_capabilities(),
    }


def _seccomp_holds() -> bool:
    return (
        linux.prctl(linux.PR_GET_SECCOMP) == 2  # filtered
        and _refused(lambda: socket.socket(socket.AF_INET).close())
        and _refused(_fork_and_return)
    )


def _fork_and_return() -> None:
    if os.fork() == 0:
        os._exit(0)


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except PermissionError:
        return True
    except OSError:
        return False
    return False
