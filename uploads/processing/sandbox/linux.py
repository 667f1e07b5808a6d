"""The kernel's calls that Python has no name for. Nothing here decides anything."""

from __future__ import annotations

import ctypes
import os
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

# linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_GET_SECCOMP = 21
PR_SET_SECCOMP = 22
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

# linux/capability.h, version 3: two words for each of the sets
_CAPABILITY_VERSION = 0x20080522
_CAPABILITIES = 64

# Numbers that all architectures share, since they were added after the tables were joined.
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_CREATE_RULESET_VERSION = 1
_LANDLOCK_RULE_PATH_BENEATH = 1

_SECCOMP_MODE_FILTER = 2
_BPF_INSTRUCTION = 8  # bytes


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityWords(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def prctl(option: int, *arguments: Any) -> int:
    """Raises OSError."""
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked(_libc.prctl(option, *padded))


def drop_capabilities() -> None:
    """Give up every capability of this process, and the means to get one back. Raises OSError."""
    for number in range(_CAPABILITIES):
        try:
            if prctl(PR_CAPBSET_READ, number):
                prctl(PR_CAPBSET_DROP, number)
        except OSError:
            break  # past the kernel's last one, or not ours to drop: then there is none either
    try:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    except OSError:
        pass  # kernels before 4.3 have no ambient set
    header, words = _CapabilityHeader(_CAPABILITY_VERSION, 0), (_CapabilityWords * 2)()
    _checked(_libc.capset(ctypes.byref(header), words))


def has_capabilities() -> bool:
    header, words = _CapabilityHeader(_CAPABILITY_VERSION, 0), (_CapabilityWords * 2)()
    _checked(_libc.capget(ctypes.byref(header), words))
    return any(word.effective or word.permitted or word.inheritable for word in words)


def landlock_abi() -> int:
    """The version of Landlock that this kernel speaks, 0 for none."""
    version = _libc.syscall(
        _LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_CREATE_RULESET_VERSION
    )
    return max(0, int(version))


def landlock_ruleset(fs: int, net: int, scoped: int) -> int:
    """A descriptor of a new ruleset. Raises OSError. Rights that are 0 aren't told to older
    kernels.
    """
    attributes = _Ruleset(fs, net, scoped)
    size = 24 if scoped else 16 if net else 8
    return _checked(
        _libc.syscall(_LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    )


def landlock_allow(ruleset: int, path: int, rights: int) -> None:
    """Allow rights beneath the path that a descriptor names. Raises OSError."""
    rule = _PathBeneath(rights, path)
    _checked(
        _libc.syscall(
            _LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_RULE_PATH_BENEATH, ctypes.byref(rule), 0
        )
    )


def landlock_enforce(ruleset: int) -> None:
    _checked(_libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0))


def seccomp_enforce(program: bytes) -> None:
    """Add a BPF program to this thread's filters. Raises OSError."""
    attributes = _Program(len(program) // _BPF_INSTRUCTION, program)
    address = ctypes.addressof(attributes)
    prctl(PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, address)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)
