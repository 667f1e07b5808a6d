"""The mail step: headers, text, a harmless body, attachments; a mailbox as a list of
its messages.
"""

from __future__ import annotations

import email
import re
from collections.abc import Callable, Iterator
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from itertools import islice
from typing import Any

from uploads.processors import outlook, protection
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.mail_fields import FIELD, WORDS, header, headers
from uploads.processors.mail_parts import ATTACHMENTS, attachment, bodies, eml_name, plain_name
from uploads.processors.mailbox import mailbox
from uploads.processors.registry import LONG, processor

WHOLE = 96 * 1024 * 1024  # bytes of a message that are held
PARTS = 20_000
BOUNDARIES = 1000  # the parser takes quadratic time for nested ones
DELIMITERS = 200_000  # lines that may begin a part: each makes an object in memory
SIGNATURES = {
    "application/pgp-signature",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
}
ATTACHED = {"message/rfc822", "message/global"}  # a message within a message
# a field that the library looks for parameters in, with its further lines
_PARAMETERS = re.compile(
    rb"(?:^|\r|\n)content-(?:type|disposition):[^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*",
    re.IGNORECASE,
)


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
        name = plain_name(subject or "message")
    return eml_name(name)


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
        name = eml_name(item.file_name or plain_name(subject or "message"))
        return attachment(ctx, number, name, "message/rfc822", content)
    name = clip(item.file_name or f"part {number}", 200)
    if ctx.sends_on("mail"):
        ctx.children.leave_out(name, "broken")
    return {"name": name, "media_type": clip(kind, 100), "size": 0, "artifact": None}


_READERS: dict[str, Callable[[Context], dict[str, Any]]] = {
    "message/rfc822": _message,
    "application/mbox": mailbox,
    "application/vnd.ms-outlook": _outlook,
}
