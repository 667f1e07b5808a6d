"""A mailbox (mbox) as a list of its messages, each of which can be sent on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from email.parser import BytesHeaderParser
from itertools import groupby
from operator import itemgetter
from typing import Any, BinaryIO

from uploads.processors.bounds import clip, within
from uploads.processors.context import Context
from uploads.processors.mail_fields import addresses, date, header

HEADER = 256 * 1024  # bytes of a message's header
MESSAGES = 500  # that are shown
_MANY = 100_000  # different senders that are counted


def mailbox(ctx: Context) -> dict[str, Any]:
    """{format, messages, first, last, senders [{address, count}], shown [{from, subject, date,
    size}]}; see `mail`.
    """
    senders: Counter[str] = Counter()
    shown: list[dict[str, Any]] = []
    first: str | None = None
    last: str | None = None
    count = 0
    for head, size in _messages(ctx):
        count += 1
        message = BytesHeaderParser().parsebytes(head)
        sender = (addresses(message, "From") or [{"address": ""}])[0]["address"]
        if len(senders) < _MANY or sender in senders:
            senders[sender] += 1
        moment = date(message)
        if moment:
            first, last = min(first or moment, moment), max(last or moment, moment)
        if len(shown) < MESSAGES:
            subject = header(message, "Subject")
            shown.append({"from": sender, "subject": subject, "date": moment, "size": size})
    if ctx.sends_on("mailbox"):
        _send_messages_on(ctx)
    return {
        "format": "mbox",
        "messages": count,
        "first": first,
        "last": last,
        "senders": [
            {"address": clip(name, 200), "count": n} for name, n in senders.most_common(20)
        ],
        "shown": within(shown, 128 * 1024),
    }


def _messages(ctx: Context) -> Iterator[tuple[bytes, int]]:
    """(the beginning, the size) of each message, cut at lines that begin with "From "."""
    head = bytearray()
    size = done = 0
    blank = True
    with ctx.path.open("rb") as file:
        while line := file.readline(HEADER):
            done += len(line)
            if blank and line.startswith(b"From "):
                if size:
                    yield bytes(head), size
                    ctx.progress(done, max(done, ctx.size), "bytes")
                head.clear()
                size = 0
            else:
                if len(head) < HEADER:
                    head += line
                size += len(line)
            blank = line in (b"\n", b"\r\n")
    if size:
        yield bytes(head), size


def _send_messages_on(ctx: Context) -> None:
    """Each message as a file of its own, without the line that begins it in the mailbox."""
    with ctx.path.open("rb") as file:
        for number, lines in groupby(_numbered(file), itemgetter(0)):
            ctx.child(f"message-{number:05}.eml", (line for _, line in lines))


def _numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each line with the number of its message; ">From " inside of one was "From " (mboxrd)."""
    number = 0
    blank = True
    while line := file.readline(HEADER):
        if blank and line.startswith(b"From "):
            number += 1
        elif number:
            yield number, line[1:] if re.match(rb">+From ", line) else line
        blank = line in (b"\n", b"\r\n")
