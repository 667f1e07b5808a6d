"""The mail step: headers, text, a harmless body, attachments; a mailbox as a list of
its messages.
"""

from __future__ import annotations

import email
import re
from collections import Counter
from collections.abc import Callable, Iterator
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from itertools import groupby, islice
from operator import itemgetter
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from uploads.processors import hypertext, outlook, protection
from uploads.processors.bounds import clip, within
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.registry import LONG, processor

WHOLE = 96 * 1024 * 1024  # bytes of a message that are held
HEADER = 256 * 1024  # bytes of a message's header
TEXT = 8 * 1024 * 1024  # characters of the text artifact
HEAD = 6000  # characters of it in the result
WORDS = 500  # characters of a header
FIELD = 16 * 1024  # characters of it that are decoded; of those with parameters, at most
PARTS = 20_000
BOUNDARIES = 1000  # the parser takes quadratic time for nested ones
DELIMITERS = 200_000  # lines that may begin a part: each makes an object in memory
ATTACHMENTS = 100
SIGNATURES = {
    "application/pgp-signature",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
}
ATTACHED = {"message/rfc822", "message/global"}  # a message within a message
MESSAGES = 500  # of a mailbox that are shown
# a field that the library looks for parameters in, with its further lines
_PARAMETERS = re.compile(
    rb"(?:^|\r|\n)content-(?:type|disposition):[^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*",
    re.IGNORECASE,
)
_MANY = 100_000  # different senders that are counted


@processor(
    name="mail",
    accepts=["message/rfc822", "application/mbox", "application/vnd.ms-outlook"],
    version=2,
    after=["identify", "checksum"],
    seconds=LONG,  # a mailbox is streamed
)
def mail(ctx: Context) -> dict[str, Any]:
    """{format, subject, from, to, cc [{name, address}], date, message_id, references, received,
    authentication {spf, dkim, dmarc}, list, head, html, links [hosts], blocked (remote contents
    left out), protection {signed, encrypted, signers}, attachments [{name, media_type, size,
    artifact}]}, text.txt, body.html and attachment-N…

    A mailbox: {format, messages, first, last, senders [{address, count}], shown [{from, subject,
    date, size}]}. Raises BadFile.
    """
    if ctx.size == 0:
        return {"empty": True}
    found = _READERS[ctx.media_type](ctx)
    ctx.progress(ctx.size, ctx.size, "bytes")
    return found


def _message(ctx: Context) -> dict[str, Any]:
    if ctx.size > WHOLE:
        raise BadFile(f"The message is larger than {WHOLE // 1024**2} MiB.")
    content = ctx.path.read_bytes()
    if any(len(field.group()) > FIELD for field in _PARAMETERS.finditer(content)):
        raise BadFile(f"A header of the message has more than {FIELD // 1024} KiB of parameters.")
    if content.count(b"boundary=") > BOUNDARIES:
        raise BadFile(f"The message has more than {BOUNDARIES:,} boundaries between its parts.")
    if b"boundary=" in content and content.count(b"\n--") > DELIMITERS:
        raise BadFile(f"The message has more than {DELIMITERS:,} lines that look like boundaries.")
    try:
        message = email.message_from_bytes(content)
        parts = list(islice(_parts(message), PARTS))
    except RecursionError as error:
        raise BadFile("The message is nested without end.") from error
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise BadFile("The message can't be read: its structure is broken.") from error
    ctx.progress(ctx.size / 2, ctx.size, "bytes")
    plain, html, attachments = _sorted(ctx, parts)
    return {
        "format": "eml",
        **headers(message),
        **bodies(ctx, plain, html),
        "protection": protection.found(parts, plain, _content),
        "attachments": attachments,
    }


def _parts(message: Message) -> Iterator[Message]:
    """Its parts in their order; a message that is attached is one part, whatever is inside."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        if part is message or not _is_message(part):
            inner = part.get_payload()
            if isinstance(inner, list):
                waiting += [one for one in reversed(inner) if isinstance(one, Message)]
                continue
        yield part


def _is_message(part: Message) -> bool:
    return part.get_content_type() in ATTACHED


def headers(message: Message) -> dict[str, Any]:
    """What a message's header says; fields that are broken are shown as they are."""
    authentication = " ".join(map(str, message.get_all("Authentication-Results", [])))[:4000]
    verdicts = re.findall(r"\b(spf|dkim|dmarc)=(\w{1,20})", authentication, re.IGNORECASE)
    return {
        "subject": header(message, "Subject"),
        "from": addresses(message, "From"),
        "to": addresses(message, "To"),
        "cc": addresses(message, "Cc"),
        "reply_to": addresses(message, "Reply-To"),
        "date": date(message),
        "message_id": header(message, "Message-ID"),
        "references": len(str(message.get("References", "")).split()),
        "received": len(message.get_all("Received", [])),
        "authentication": {name.lower(): verdict.lower() for name, verdict in reversed(verdicts)},
        "list": header(message, "List-Id"),
        "mailer": header(message, "X-Mailer") or header(message, "User-Agent"),
    }


def header(message: Message, name: str) -> str | None:
    value = _field(message, name)
    if value is None:
        return None
    try:
        words = str(make_header(decode_header(value)))
    except (ValueError, LookupError, TypeError, AttributeError, MessageError):
        words = value
    return clip(re.sub(r"\s+", " ", words.strip() or value).strip(), WORDS)


def _field(message: Message, name: str) -> str | None:
    """A field's beginning: what decodes them takes quadratic time for long ones."""
    value = message.get(name)
    return None if value is None else str(value)[:FIELD]


def addresses(message: Message, name: str) -> list[dict[str, str]]:
    words = [header(message, name) or ""] if message.get(name) else []
    try:
        pairs = getaddresses(words)[:100]
    except (ValueError, TypeError, AttributeError, IndexError):
        pairs = [(words[0], "")]
    return within(({"name": name, "address": address} for name, address in pairs), 8192)


def date(message: Message) -> str | None:
    try:
        return parsedate_to_datetime(str(message["Date"])).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _sorted(ctx: Context, parts: list[Message]) -> tuple[str, str, list[dict[str, Any]]]:
    """(plain text, HTML, attachments) of all parts."""
    plain: list[str] = []
    html: list[str] = []
    attachments: list[dict[str, Any]] = []
    for part in parts:
        kind = part.get_content_type()
        name = _file_name(part)
        if name is None and kind in ("text/plain", "text/html"):
            (plain if kind == "text/plain" else html).append(_text(part))
        elif len(attachments) < ATTACHMENTS:
            if kind in ATTACHED:
                name, content = _message_name(part, name), _message_content(part)
            else:
                content = _content(part)
            number, apart = len(attachments) + 1, _stands_alone(part, kind)
            attachments.append(attachment(ctx, number, name, kind, content, sent_on=apart))
        elif ctx.sends_on("mail"):
            ctx.children.leave_out(name or "part", "number")
    return "\n\n".join(plain), "\n".join(html), attachments


def _stands_alone(part: Message, kind: str) -> bool:
    """Whether it is a file of its own, rather than a picture in the text or a signature."""
    if kind in SIGNATURES:
        return False
    return part.get("Content-ID") is None or part.get_content_disposition() == "attachment"


def attachment(
    ctx: Context,
    number: int,
    name: str | None,
    kind: str,
    content: bytes,
    *,
    sent_on: bool = True,
) -> dict[str, Any]:
    """Save an attachment as an artifact under a name of ours, and describe it."""
    suffix = PurePosixPath((name or "").replace("\\", "/")).suffix.lower()
    suffix = suffix if re.fullmatch(r"\.[a-z0-9]{1,10}", suffix) else ".bin"
    saved = f"attachment-{number}{suffix}"
    # Its declared type is a stranger's word: it is downloaded as bytes.
    ctx.save(saved, "application/octet-stream").write_bytes(content)
    if sent_on and ctx.sends_on("mail"):
        ctx.child(name or saved, artifact=saved)
    return {
        "name": clip(name or f"part {number}", 200),
        "media_type": clip(kind, 100),
        "size": len(content),
        "artifact": saved,
    }


def _file_name(part: Message) -> str | None:
    try:
        name = part.get_filename()
        if name is None:
            return "part" if part.get_content_disposition() == "attachment" else None
        return str(make_header(decode_header(name)))
    except (ValueError, LookupError, TypeError, AttributeError, MessageError):
        return "unnamed"


def _message_name(part: Message, name: str | None) -> str:
    """An attached message goes by its own name, or by its subject."""
    if name is None or name == "part":
        inner = part.get_payload(0) if part.is_multipart() else None
        subject = header(inner, "Subject") if isinstance(inner, Message) else None
        name = _plain(subject or "message")
    return _eml_name(name)


def _plain(subject: str) -> str:
    return re.sub(r"[/\\]", "-", subject)


def _eml_name(name: str) -> str:
    return name if name.lower().endswith(".eml") else f"{clip(name, 150)}.eml"


def _message_content(part: Message) -> bytes:
    """An attached message as a file. Some senders encode it, though none may (RFC 2046, 5.2.1)."""
    inner = part.get_payload(0) if part.is_multipart() else part
    if not isinstance(inner, Message):
        return b""
    coding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if coding in ("base64", "quoted-printable") and not inner.keys():
        inner["Content-Transfer-Encoding"] = coding
        return _content(inner)
    try:
        return inner.as_bytes()
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return str(inner.get_payload()).encode("utf-8", "replace")


def _content(part: Message) -> bytes:
    try:
        content = part.get_payload(decode=True)
    except (ValueError, LookupError, AttributeError, TypeError):
        content = None
    return (
        content
        if isinstance(content, bytes)
        else str(part.get_payload()).encode("utf-8", "replace")
    )


def _text(part: Message) -> str:
    content = _content(part)
    charset = str(part.get_param("charset") or "utf-8").strip("\"' ")
    try:
        return content.decode(charset, "replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")


def bodies(ctx: Context, plain: str, html: str) -> dict[str, Any]:
    """The text as an artifact, and the HTML without anything that acts or calls home."""
    safe = hypertext.harmless(html) if html.strip() else None
    text = plain if plain.strip() or safe is None else hypertext.text_of(html)
    text = text.replace("\r\n", "\n")
    ctx.save("text.txt", "text/plain").write_text(text[:TEXT], encoding="utf-8", errors="replace")
    if safe is not None:
        page = ctx.save("body.html", "text/html")
        page.write_text(safe.html, encoding="utf-8", errors="replace")
    return {
        "head": clip(text.strip(), HEAD),
        "words": len(text.split()),
        "html": safe is not None,
        "links": safe.links if safe else [],
        "blocked": safe.blocked if safe else 0,
    }


def _mailbox(ctx: Context) -> dict[str, Any]:
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


def _outlook(ctx: Context) -> dict[str, Any]:
    from oxmsg import Message as Outlook

    try:
        message = Outlook.load(str(ctx.path))
        kept = email.message_from_string(
            "".join(f"{name}: {value}\n" for name, value in message.message_headers.items())
        )
        attachments = [
            _outlook_attachment(ctx, number, item)
            for number, item in enumerate(message.attachments[:ATTACHMENTS], 1)
        ]
        found = headers(kept) | {
            "subject": clip(message.subject or "", WORDS) or None,
            "from": [{"name": "", "address": clip((message.sender or "").strip("<>"), 200)}],
            "to": [
                {"name": clip(person.name, 200), "address": clip(person.email_address, 200)}
                for person in message.recipients[:100]
            ],
            "date": message.sent_date.isoformat() if message.sent_date else None,
        }
        plain, html = message.body or "", message.html_body or ""
        of_a_class = bool(message.message_class)
    except Exception as error:  # the reader raises whatever broken streams lead to
        raise BadFile("The Outlook message can't be read: its streams are damaged.") from error
    if not of_a_class and not found["subject"] and not plain and not html:
        raise BadFile("The Outlook message has nothing inside that can be read: it is damaged.")
    return {"format": "msg", **found, **bodies(ctx, plain, html), "attachments": attachments}


def _outlook_attachment(ctx: Context, number: int, item: Any) -> dict[str, Any]:
    """A message is saved as the mail that it is. An attachment of which there are no bytes (an
    object of a program, a mere link) is named, and not made up.
    """
    kind = item.mime_type or ""
    if item.file_bytes is not None:
        return attachment(ctx, number, item.file_name, kind, item.file_bytes)
    try:
        message = outlook.attached_message(item)
    except Exception:  # noqa: BLE001 - as above; what is around it can be read all the same
        message = None
    if message is not None:
        subject, content = message
        name = _eml_name(item.file_name or _plain(subject or "message"))
        return attachment(ctx, number, name, "message/rfc822", content)
    name = clip(item.file_name or f"part {number}", 200)
    if ctx.sends_on("mail"):
        ctx.children.leave_out(name, "broken")
    return {"name": name, "media_type": clip(kind, 100), "size": 0, "artifact": None}


_READERS: dict[str, Callable[[Context], dict[str, Any]]] = {
    "message/rfc822": _message,
    "application/mbox": _mailbox,
    "application/vnd.ms-outlook": _outlook,
}
