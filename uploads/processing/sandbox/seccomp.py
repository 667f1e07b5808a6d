"""Which system calls a child may make, as BPF programs that are made once, before any child.

The list names what is refused, because libraries that take files apart differ widely in what they
call; a second program refuses every call that is newer than the list.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator

CLONE_THREAD = 0x00010000


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Of programs, other processes, privileges, the machine: never needed to read a file.
_REFUSED = _words("""
    fork vfork execve execveat ptrace process_vm_readv process_vm_writev process_madvise
    process_mrelease kcmp pidfd_open pidfd_getfd pidfd_send_signal kill tkill rt_sigqueueinfo
    rt_tgsigqueueinfo setpriority ioprio_set sched_setaffinity sched_setscheduler sched_setparam
    sched_setattr migrate_pages move_pages mbind set_mempolicy set_mempolicy_home_node
    unshare setns chroot pivot_root mount umount umount2 mount_setattr move_mount open_tree
    open_tree_attr fsopen fsconfig fsmount fspick statmount listmount name_to_handle_at
    open_by_handle_at symlink symlinkat link linkat mknod mknodat
    chown fchown lchown fchownat setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr
    fremovexattr removexattrat file_setattr
    setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset
    personality bpf perf_event_open userfaultfd fanotify_init fanotify_mark lookup_dcookie
    inotify_init inotify_init1 inotify_add_watch sync syncfs
    keyctl add_key request_key lsm_set_self_attr
    shmget shmat shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl
    mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
    memfd_create memfd_secret vmsplice modify_ldt
    syslog acct swapon swapoff reboot kexec_load kexec_file_load init_module finit_module
    delete_module iopl ioperm settimeofday stime clock_settime clock_adjtime adjtimex sethostname
    setdomainname quotactl quotactl_fd nfsservctl vhangup uselib ustat sysfs _sysctl
""")
# Where a library has another way, it takes it when it hears that there is no such call.
_ABSENT = _words("clone3 openat2 io_uring_setup io_uring_enter io_uring_register")
# Copying a file's mode and times must not fail, and must not reach the original: it does nothing.
_PRETENDED = _words("chmod fchmod fchmodat fchmodat2 utime utimes utimensat futimesat")
_WITHOUT_NETWORK = _words("socket connect bind sendmsg sendmmsg recvmsg recvmmsg")
_NEVER_A_SERVER = _words("listen accept accept4")

# Known by number: libseccomp's names may be older than the kernel. The same on every architecture.
_NUMBERS = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426,
    "io_uring_register": 427, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431,
    "fsmount": 432, "fspick": 433, "pidfd_open": 434, "clone3": 435, "openat2": 437,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
    "memfd_secret": 447, "process_mrelease": 448, "set_mempolicy_home_node": 450,
    "fchmodat2": 452, "statmount": 457, "listmount": 458, "lsm_set_self_attr": 460,
    "setxattrat": 463, "removexattrat": 466, "open_tree_attr": 467, "file_setattr": 469,
}  # fmt: skip
_FIRST_UNKNOWN = 470

# libseccomp's comparisons; the arguments are 64 bits wide
_NE, _LT, _EQ, _GT, _MASKED_EQ = 1, 2, 4, 6, 7
_SOCK_TYPE_MASK, _SOCK_PACKET = 0xF, 10
_O_TMPFILE_ALONE = os.O_TMPFILE & ~os.O_DIRECTORY
_FCNTLS = (8, 10, 15, 1024, 1026)  # F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY
# TIOCSTI, FIOSETOWN, SIOCSPGRP; and what changes a file's flags without writing to it:
# FS_IOC_SETFLAGS, _SETVERSION, _FSSETXATTR, _ENABLE_VERITY, _SET_ENCRYPTION_POLICY
_IOCTLS = (0x5412, 0x8901, 0x8902, 0x40086602, 0x40087602, 0x401C5820, 0x40806685, 0x800C6613)
_PRCTLS = (1, 4, 35, 0x59616D61)  # PR_SET_PDEATHSIG, _DUMPABLE, _MM, _PTRACER
_LOW_WORD = 0xFFFFFFFF


def programs(*, truncates: bool) -> dict[bool, bytes]:
    """The program for a child without (False) and with (True) the network.

    `truncates`: a file can be cut short without being opened for writing, since Landlock is older
    than its third version or missing. Raises ImportError or RuntimeError where there is no
    libseccomp.
    """
    return {network: _compiled(network=network, truncates=truncates) for network in (False, True)}


def _compiled(*, network: bool, truncates: bool) -> bytes:
    # Its import looks for libseccomp by running ldconfig, and fails where there is none.
    import pyseccomp  # noqa: PLC0415

    program = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    program.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    for action, name, tests in _rules(network=network, truncates=truncates):
        number = _NUMBERS.get(name)
        if number is None:
            number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
        if number < 0:
            continue  # this architecture has no such call
        arguments = [pyseccomp.Arg(*test) for test in tests]
        program.add_rule(pyseccomp.ERRNO(action), number, *arguments)
    with os.fdopen(os.memfd_create("seccomp"), "rb") as file:
        program.export_bpf(file)
        file.seek(0)
        return file.read()


Test = tuple[int, int, int, int]  # argument's place, comparison, mask or value, value of the masked
Rule = tuple[int, str, tuple[Test, ...]]  # errno, name, tests that must all hold


def _rules(*, network: bool, truncates: bool) -> Iterator[Rule]:
    yield from (_refuse(name) for name in (*_REFUSED, *_NEVER_A_SERVER))
    yield from ((errno.ENOSYS, name, ()) for name in _ABSENT)
    yield from ((0, name, ()) for name in _PRETENDED)
    yield from _rules_of_processes()
    yield from _rules_of_files(truncates=truncates)
    yield from _rules_of_sockets(network=network)


def _rules_of_processes() -> Iterator[Rule]:
    yield _refuse("clone", _masked(0, CLONE_THREAD, 0))
    yield _refuse("prlimit64", (0, _NE, 0, 0))  # one's own limits only
    yield from (_refuse("prctl", _masked(0, _LOW_WORD, option)) for option in _PRCTLS)
    yield from (_refuse("fcntl", _masked(1, _LOW_WORD, command)) for command in _FCNTLS)
    yield from (_refuse("ioctl", _masked(1, _LOW_WORD, command)) for command in _IOCTLS)


def _rules_of_files(*, truncates: bool) -> Iterator[Rule]:
    for name, place in (("open", 1), ("openat", 2)):
        # A file without a name isn't seen by who measures the folder.
        yield errno.EOPNOTSUPP, name, (_masked(place, _O_TMPFILE_ALONE, _O_TMPFILE_ALONE),)
        if truncates:
            mask = os.O_TRUNC | os.O_WRONLY | os.O_RDWR
            yield _refuse(name, _masked(place, mask, os.O_TRUNC))
    if truncates:
        yield _refuse("truncate")


def _rules_of_sockets(*, network: bool) -> Iterator[Rule]:
    """A loop of asyncio wakes itself over a pair of connected sockets: that, and no more."""
    if network:
        inet, inet6 = int(socket.AF_INET), int(socket.AF_INET6)
        yield _refuse("socket", (0, _LT, inet, 0))
        yield from (_refuse("socket", (0, _EQ, other, 0)) for other in range(inet + 1, inet6))
        yield _refuse("socket", (0, _GT, inet6, 0))
        for kind in (socket.SOCK_RAW, _SOCK_PACKET):
            yield _refuse("socket", _masked(1, _SOCK_TYPE_MASK, int(kind)))
    else:
        yield from (_refuse(name) for name in _WITHOUT_NETWORK)
        yield _refuse("sendto", (4, _NE, 0, 0))  # with an address, a datagram would leave its pair
    yield _refuse("socketpair", (0, _NE, int(socket.AF_UNIX), 0))
    for kind in range(_SOCK_TYPE_MASK + 1):
        if kind != int(socket.SOCK_STREAM):
            yield _refuse("socketpair", _masked(1, _SOCK_TYPE_MASK, kind))


def _refuse(name: str, *tests: Test) -> Rule:
    return errno.EPERM, name, tests


def _masked(place: int, mask: int, value: int) -> Test:
    return place, _MASKED_EQ, mask, value


# linux/bpf_common.h, linux/seccomp.h
_LOAD_WORD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_OFFSET_NUMBER, _OFFSET_FIRST_ARGUMENT = 0, 16
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_TGKILL = {"x86_64": 234, "aarch64": 131, "riscv64": 131}


def own_program(pid: int) -> bytes:
    """A child's second program: signals reach itself only, calls newer than our list don't exist.

    Written out by hand, as it is made for each child: compiling it takes as long as the fork.
    """
    tgkill = _TGKILL.get(os.uname().machine)
    if tgkill is None:
        return _bpf((_RETURN, 0, 0, _ALLOW))
    return _bpf(
        (_LOAD_WORD, 0, 0, _OFFSET_NUMBER),
        (_JUMP_AT_LEAST, 5, 0, _FIRST_UNKNOWN),
        (_JUMP_EQUAL, 0, 3, tgkill),
        (_LOAD_WORD, 0, 0, _OFFSET_FIRST_ARGUMENT),  # all three machines are little-endian
        (_JUMP_EQUAL, 1, 0, pid),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
    )


def _bpf(*instructions: tuple[int, int, int, int]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
