"""A child from its fork to its end: it leaves its parent, confines itself, does as it was told."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from uploads.processing.sandbox import confinement, held, linux, order, steps
from uploads.processing.sandbox.confinement import Confinement, Layers
from uploads.processing.sandbox.order import Order

_FIRST_OWN_DESCRIPTOR = 3


def become(layers: Layers, descriptors: list[int], parent: int, page: held.Page) -> NoReturn:
    """The fork's other side. `descriptors`: the order, the pipes for messages and for output.
    `page` is shared with the parent.
    """
    status = 1
    try:
        told, messages, output = descriptors
        _leave_parent(parent)
        mine = order.read(told)
        _keep_only(messages, output)
        _settle(Path(mine.folder))
        confinement.confine(layers, _confinement(mine))
        steps.obey(mine, steps.Sender(messages, page))
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may return into the fork server's code
        traceback.print_exc()
    finally:
        os._exit(status)


def _leave_parent(parent: int) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it died before the line above


def _keep_only(messages: int, output: int) -> None:
    """Input is empty, output and errors share a pipe, and nothing else of the parent's is left."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(_FIRST_OWN_DESCRIPTOR, messages)
    os.closerange(messages + 1, os.sysconf("SC_OPEN_MAX"))
    faulthandler.enable(2)  # a crash inside a library says where


def _settle(folder: Path) -> None:
    os.umask(0o077)
    folder.parent.mkdir(exist_ok=True)
    folder.mkdir()
    os.chdir(folder)
    if (temporary := sys.modules.get("tempfile")) is not None:  # it may have looked already
        vars(temporary)["tempdir"] = str(folder)
    os.environ.update({"HOME": str(folder), "TMPDIR": str(folder)})  # noqa: TID251 - set, not read


def _confinement(mine: Order) -> Confinement:
    read = tuple(Path(path) for path in (mine.path, mine.processors) if path)
    return Confinement(Path(mine.folder), read, mine.network, mine.caps, mine.size)
