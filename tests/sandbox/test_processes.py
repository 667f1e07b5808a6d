"""What a processor can do to processes and the kernel: run its own threads, and nothing more."""

import os

import pytest

from tests.sandbox.conftest import Attack

pytestmark = pytest.mark.asyncio(loop_scope="session")


OTHERS = [
    "os.fork()",
    "os.forkpty()",
    "subprocess.run(['/bin/true'])",
    "subprocess.Popen('true', shell=True)",
    "os.execv('/bin/true', ['true'])",
    "os.posix_spawn('/bin/true', ['true'], {})",
    "os.kill(os.getppid(), 9)",
    "os.kill(server, 9)",
    "os.kill(server, 0)",
    "os.kill(-1, 9)",
    "os.killpg(0, 9)",
    "signal.pidfd_send_signal(0, 9)",
    "os.pidfd_open(server)",
    "os.setpriority(os.PRIO_PROCESS, server, 19)",
    "os.sched_setaffinity(server, {0})",
    "resource.prlimit(server, resource.RLIMIT_NOFILE, (0, 0))",
    "os.setuid(1)",
    "fcntl.fcntl(1, fcntl.F_SETOWN, server)",
    "fcntl.fcntl(1, fcntl.F_SETSIG, 9)",
    "os.memfd_create('hidden')",
]


async def test_it_reaches_no_process_and_starts_none(attack: Attack) -> None:
    program = f"""
        import fcntl, os, resource, signal, subprocess
        server = {os.getpid()}
        value = {{what: tried(lambda: eval(what)) for what in {OTHERS!r}}}
        value["system"] = os.system("true") == 0
    """
    assert (await attack(program)).value == dict.fromkeys(OTHERS, "PermissionError") | {
        "system": False
    }


async def test_it_cannot_raise_its_own_limits(attack: Attack) -> None:
    names = ["AS", "CORE", "CPU", "FSIZE", "MEMLOCK", "MSGQUEUE", "NOFILE", "NPROC"]
    program = f"""
        import resource
        value = {{}}
        for name in {names}:
            limit = getattr(resource, f"RLIMIT_{{name}}")
            before = resource.getrlimit(limit)[1]
            tried(lambda: resource.setrlimit(limit, (-1, -1)))
            after = resource.getrlimit(limit)[1]
            value[name] = resource.RLIM_INFINITY != before == after
    """
    assert (await attack(program)).value == dict.fromkeys(names, True)


# Numbers of x86-64, each with arguments that would do harm.
DANGEROUS = {
    "clone without CLONE_THREAD": (56, (17, 0, 0, 0, 0)),
    "vfork": (58, ()),
    "ptrace": (101, (0, 0, 0, 0)),
    "process_vm_readv": (310, (1, 0, 0, 0, 0, 0)),
    "mount": (165, (0, 0, 0, 0, 0)),
    "unshare user namespace": (272, (0x10000000,)),
    "setns": (308, (0, 0)),
    "bpf": (321, (0, 0, 0)),
    "perf_event_open": (298, (0, 0, -1, -1, 0)),
    "userfaultfd": (323, (0,)),
    "keyctl": (250, (0, 0, 0, 0, 0)),
    "shmget, which outlives": (29, (0, 4096, 0o1600)),
    "mq_open": (240, (0, 0, 0, 0)),
    "tkill": (200, (1, 0)),
    "rt_sigqueueinfo": (129, (1, 0, 0)),
    "prctl PR_SET_PDEATHSIG": (157, (1, 0, 0, 0, 0)),
    "prctl PR_SET_DUMPABLE": (157, (4, 0, 0, 0, 0)),
    "ioctl TIOCSTI": (16, (0, 0x5412, 0)),
    "ioctl FS_IOC_SETFLAGS": (16, (0, 0x40086602, 0)),
    "inotify_add_watch": (254, (0, 0, 0)),
    "ioctl TIOCSTI with high bits": (16, (0, 0x100005412, 0)),
    "open_by_handle_at": (304, (0, 0, 0)),
    "socket with high bits": (41, (0x100000002, 1, 0)),
}
ABSENT = {"clone3": 435, "io_uring_setup": 425, "openat2": 437, "one of the future": 480}
CALL = """
    import ctypes, errno
    libc = ctypes.CDLL(None, use_errno=True)
    def call(number, *arguments):
        result = libc.syscall(number, *[ctypes.c_long(one) for one in arguments])
        return errno.errorcode[ctypes.get_errno()] if result == -1 else f"returned {result}"
"""


async def test_a_dangerous_call_is_refused(attack: Attack) -> None:
    program = f"{CALL}\n    value = {{n: call(c, *a) for n, (c, a) in {DANGEROUS!r}.items()}}"
    assert (await attack(program)).value == dict.fromkeys(DANGEROUS, "EPERM")


async def test_a_call_that_has_another_way_is_absent(attack: Attack) -> None:
    program = f"{CALL}\n    value = {{n: call(c, 0, 0, 0, 0) for n, c in {ABSENT!r}.items()}}"
    assert (await attack(program)).value == dict.fromkeys(ABSENT, "ENOSYS")


async def test_a_signal_reaches_only_its_sender(attack: Attack) -> None:
    tgkill = 234
    program = f"{CALL}\n    value = call({tgkill}, {os.getpid()}, {os.getpid()}, 9)"
    assert (await attack(program)).value == "EPERM"
    program = """
        import signal
        heard = []
        signal.signal(signal.SIGUSR1, lambda *_: heard.append(1))
        signal.raise_signal(signal.SIGUSR1)
        value = heard
    """
    assert (await attack(program)).value == [1]


async def test_the_calls_of_another_architecture_end_the_child(attack: Attack) -> None:
    """int 0x80 enters the kernel by the 32-bit table, where the numbers mean other things."""
    program = """
        import ctypes, mmap
        # mov eax, 20 (getpid there); int 0x80; ret
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3]))
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        value = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    """
    outcome = await attack(program)
    assert outcome.failed.code == "crashed"
    assert "SIGSYS" in outcome.exit.detail


async def test_setsid_and_a_double_fork_leave_nothing(attack: Attack) -> None:
    program = """
        import os
        value = [tried(os.setsid), tried(os.fork), tried(lambda: os.setpgid(0, os.getppid()))]
    """
    assert (await attack(program)).value == ["PermissionError"] * 3


async def test_it_has_no_capability_even_as_root(attack: Attack) -> None:
    program = """
        import ctypes
        libc = ctypes.CDLL(None)
        class Words(ctypes.Structure): _fields_ = [(n, ctypes.c_uint32) for n in "epi"]
        header, words = (ctypes.c_uint32 * 2)(0x20080522, 0), (Words * 2)()
        libc.capget(header, words)
        bounding = [n for n in range(41) if libc.prctl(23, n, 0, 0, 0)]
        value = [[w.e, w.p, w.i] for w in words] + [bounding, libc.prctl(39, 0, 0, 0, 0)]
    """
    value = (await attack(program)).value
    assert value[:2] == [[0, 0, 0], [0, 0, 0]]
    assert value[2] == [] or os.geteuid() != 0
    assert value[3] == 1  # no_new_privs


async def test_threads_are_its_own_affair_up_to_the_cap(attack: Attack) -> None:
    program = """
        import concurrent.futures
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            value = sum(pool.map(lambda number: number, range(100)))
    """
    assert (await attack(program)).value == 4950


async def test_a_processor_may_be_async(attack: Attack) -> None:
    assert (await attack("", "waits")).value == [1, 2]
