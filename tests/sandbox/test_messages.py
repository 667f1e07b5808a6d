"""What a child sends is judged as an enemy's: wrong in form or out of turn, it ends the child."""

from collections.abc import Callable

import pytest

from tests.sandbox.conftest import Attack, take
from uploads.processing.sandbox import Sandbox, StepStarted, Task

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEND = """
import os
pipe = next(n for n in range(3, 4096) if tried(lambda: os.fstat(n)) != "OSError")
def send(line): os.write(pipe, line + b"\\n")
"""


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"[]",
        b"1",
        b"null",
        b"{}",
        b'{"is": []}',
        b'{"is": "nothing"}',
        b"\xff\xfe",
        b"[" * 100_000,
        *(
            b'{"is": "done", "step": "run-python", "artifacts": [], "ms": 1, "result": %s}' % result
            for result in (
                b'{"x": NaN}',
                b'{"x": 1e999}',
                b'{"x": "\\ud800"}',
                b'{"x": "\\u0000"}',
                b"[1]",
            )
        ),
        b'{"is": "done", "step": "run-python", "result": {}, "artifacts": {}, "ms": 1}',
        b'{"is": "done", "step": "run-python", "result": {}, "artifacts": [["a"]], "ms": 1}',
        b'{"is": "done", "step": "run-python", "result": {}, "artifacts": [], "ms": -1}',
        b'{"is": "done", "step": "run-python", "result": {}, "artifacts": []}',
        b'{"is": "done", "step": "other", "result": {}, "artifacts": [], "ms": 1}',
        *(
            b'{"is":"failed","step":"run-python","message":"","detail":"","ms":1,"code":%s}' % code
            for code in (b'"cancelled"', b'["x"]', b"1", b'"time_cap"')
        ),
        b'{"is": "started", "step": "run-python", "version": 1}',
        b'{"is": "started", "step": "checksum", "version": 1}',
        b'{"is": "answer", "value": {}}',
        b'{"is": "progress", "done": -1, "total": 1, "unit": "x"}',
        b'{"is": "progress", "done": true, "total": 1, "unit": "x"}',
        b'{"is": "progress", "done": 1, "total": 1, "unit": 5}',
    ],
)
async def test_a_wrong_line_ends_the_child(attack: Attack, line: bytes) -> None:
    outcome = await attack(f"{SEND}send({line!r})\nimport time; time.sleep(30)")
    assert outcome.exit.reason == "protocol"
    assert outcome.failed.code == "invalid_result"


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/b", ".", "..", ".hidden", "", "x" * 101]
)
async def test_a_name_that_is_no_artifacts_ends_the_child(attack: Attack, name: str) -> None:
    line = (
        b'{"is": "done", "step": "run-python", "result": {}, "ms": 1, "artifacts": [["%s", "a/b"]]}'
        % name.encode()
    )
    assert (await attack(f"{SEND}send({line!r})")).exit.reason == "protocol"


async def test_a_child_speaks_for_its_own_step_only_once(attack: Attack) -> None:
    line = b'{"is": "done", "step": "run-python", "result": {"value": 1}, "artifacts": [], "ms": 1}'
    outcome = await attack(f"{SEND}send({line!r}); send({line!r})\nimport time; time.sleep(30)")
    assert outcome.done.result == {"value": 1}
    assert outcome.exit.reason == "protocol"


async def test_garbage_into_every_descriptor_hurts_only_itself(attack: Attack) -> None:
    outcome = await attack(
        """
        import os
        for number in range(4096):
            try: os.write(number, b"garbage\\n" * 10)
            except OSError: pass
        import time; time.sleep(30)
        """
    )
    assert outcome.exit.reason == "protocol"
    assert (await attack("value = 1")).value == 1


async def test_another_childs_pipe_is_out_of_reach(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    async with sandbox.run(task("import time; time.sleep(60)")) as other:
        messages = aiter(other)
        while not isinstance(await anext(messages), StepStarted):
            pass
        ways = [
            f"open('/proc/{other.pid}/fd/{{}}', 'wb', buffering=0).write(b'garbage')",
            f"os.readlink('/proc/{other.pid}/fd/{{}}')",
            f"call(438, call(434, {other.pid}, 0), {{}}, 0)",  # pidfd_getfd of pidfd_open
            f"call(311, {other.pid}, 0, 1, 0, {{}}, 0)",  # process_vm_writev
        ]
        program = f"""
            import ctypes, os
            libc = ctypes.CDLL(None, use_errno=True)
            def call(*numbers):
                if libc.syscall(*map(ctypes.c_long, numbers)) != -1: return "done"
                raise OSError(ctypes.get_errno(), "refused")
            found = {{tried(lambda: eval(way.format(n))) for way in {ways!r} for n in range(16)}}
            value = sorted(found - {{"FileNotFoundError"}})  # it has no such descriptor
        """
        outcome = await take(sandbox.run(task(program)))
        assert outcome.value == ["PermissionError"]
        other.cancel()
        assert [message async for message in messages] == []
        assert other.exit.reason == "cancelled"


async def test_a_line_in_pieces_is_one_line(attack: Attack) -> None:
    line = b'{"is": "progress", "done": 7, "total": 9, "unit": "pieces"}\n'
    outcome = await attack(
        f"{SEND}import time\nfor byte in {line!r}: os.write(pipe, bytes([byte])); time.sleep(0.001)"
    )
    assert [(one.done, one.total, one.unit) for one in outcome.progress] == [(7, 9, "pieces")]


async def test_progress_never_goes_back(attack: Attack) -> None:
    lines = "".join(
        f"""send(b'{{"is":"progress","done":{done},"total":9,"unit":"x"}}'); time.sleep(0.02);"""
        for done in (1, 5, 3, 6)
    )
    outcome = await attack(f"{SEND}import time\n{lines}")
    assert [one.done for one in outcome.progress] == sorted(one.done for one in outcome.progress)
    assert outcome.progress[-1].done == 6


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ("float('nan')", None),
        ("10 ** 30", str(10**30)),
        ("'a\\0b\\ud800'", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"),
        ("{1: 2}", {"1": 2}),
        ("'\\\\u0000'", "\\u0000"),
    ],
)
async def test_what_an_honest_result_holds_is_made_fit(
    attack: Attack, value: str, becomes: object
) -> None:
    assert (await attack(f"value = {value}")).value == becomes


@pytest.mark.parametrize("value", ["object()", "b'bytes'", "'x' * 10 ** 6", "{1, 2}"])
async def test_what_cannot_be_made_fit_is_an_invalid_result(attack: Attack, value: str) -> None:
    outcome = await attack(f"value = {value}")
    assert outcome.failed.code == "invalid_result"
    assert outcome.exit.reason == "ok"
