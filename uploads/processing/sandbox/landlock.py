"""Which files a child may reach, as a Landlock ruleset."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from uploads.processing.sandbox import linux

# linux/landlock.h: rights to files and folders. EXECUTE (1) is handled and never given.
_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_REMOVE_DIR = 1 << 4
_REMOVE_FILE = 1 << 5
_MAKE_CHAR = 1 << 6
_MAKE_DIR = 1 << 7
_MAKE_REG = 1 << 8
_MAKE_SOCK = 1 << 9
_MAKE_FIFO = 1 << 10
_MAKE_BLOCK = 1 << 11
_MAKE_SYM = 1 << 12
_REFER = 1 << 13  # ABI 2
_TRUNCATE = 1 << 14  # ABI 3
_IOCTL_DEV = 1 << 15  # ABI 5
_BIND_TCP = 1 << 0  # ABI 4
_CONNECT_TCP = 1 << 1
_SCOPE_ABSTRACT_UNIX = 1 << 0  # ABI 6
_SCOPE_SIGNAL = 1 << 1

_READ = _READ_FILE | _READ_DIR
_WORK = (
    _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
)
_OF_FILES = _READ_FILE | _WRITE_FILE | _TRUNCATE

# What shared libraries, fonts, time zones and the counting of processors need; none of it is
# anybody's.
SYSTEM = tuple(
    Path(path)
    for path in (
        "/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib",
        "/usr/share", "/usr/local/share",
        "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ssl/openssl.cnf",
        "/etc/fonts", "/var/cache/fontconfig", "/etc/localtime", "/etc/timezone",
        "/etc/mime.types", "/etc/magic", "/dev/urandom", "/dev/random", "/dev/zero",
        "/proc/cpuinfo", "/proc/meminfo", "/proc/sys/vm/overcommit_memory",
        "/sys/devices/system/cpu",
    )
)  # fmt: skip
# What names of hosts and certificates need besides.
NETWORK = tuple(
    Path(path)
    for path in (
        "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/resolv.conf", "/etc/hosts",
        "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
    )
)  # fmt: skip
_DISCARD = Path("/dev/null")


def rights(abi: int) -> int:
    """Every right to files that Landlock of this version can take away."""
    return (
        (1 << 13) - 1
        | (_REFER if abi >= 2 else 0)
        | (_TRUNCATE if abi >= 3 else 0)
        | (_IOCTL_DEV if abi >= 5 else 0)
    )


def enforce(abi: int, *, read: Iterable[Path | str], work: Path, network: bool) -> None:
    """From here on this thread reads only `read` and writes only in `work`. Raises OSError.

    What is missing or can't be opened is left out: then it can't be read anyway.
    """
    handled = rights(abi)
    ruleset = linux.landlock_ruleset(
        handled,
        _BIND_TCP | _CONNECT_TCP if abi >= 4 and not network else 0,
        _SCOPE_ABSTRACT_UNIX | _SCOPE_SIGNAL if abi >= 6 else 0,
    )
    try:
        for path in (*read, *(NETWORK if network else ())):
            _allow(ruleset, path, _READ & handled)
        _allow(ruleset, _DISCARD, (_READ_FILE | _WRITE_FILE) & handled)
        _allow(ruleset, work, _WORK & handled)
        linux.landlock_enforce(ruleset)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path | str, wanted: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            wanted &= _OF_FILES
        linux.landlock_allow(ruleset, descriptor, wanted)
    finally:
        os.close(descriptor)


def python_folders(root: Path) -> tuple[Path, ...]:
    """Where the interpreter's library and packages are, without what holds `root` or the project.

    The project's folder is where the server's secrets and, by default, all data are: of it a child
    reads the processors' package only.
    """
    package = Path(__file__).resolve().parents[2]  # …/uploads
    prefixes = {Path(sys.prefix), Path(sys.base_prefix)}
    named = [prefix / part for prefix in prefixes for part in ("lib", "lib64", "share")]
    named += [Path(entry) for entry in sys.path if entry]
    folders = {folder.resolve() for folder in named if folder.is_absolute() and folder.is_dir()}
    kept = {
        folder
        for folder in folders
        if not package.is_relative_to(folder) and not root.is_relative_to(folder)
    }
    return (*sorted(kept), package / "processors")


def readable(folders: Iterable[Path]) -> tuple[str, ...]:
    """The system's files and these folders: those that are there, and in no other of them. As text,
    so that no child has to make it of them anew.
    """
    there = {path.resolve() for path in (*SYSTEM, *folders) if path.exists()}
    return tuple(sorted(str(path) for path in there if not there.intersection(path.parents)))
