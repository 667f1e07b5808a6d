"""A message inside an Outlook message as the mail that it is: text of RFC 5322, which every reader
of mails opens, and which is processed like any other.
"""

from __future__ import annotations

import re
from email.encoders import encode_base64
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from typing import Any

_OBJECT = "__substg1.0_3701000D"  # PidTagAttachDataObject ([MS-OXCMSG] 2.2.2.9)
_PROPERTIES = "__properties_version1.0"
_HEADER = 24  # bytes before the properties of a message in a message ([MS-OXMSG] 2.4.1.2)
DEEP = 8  # messages within messages; deeper ones are left out
ATTACHMENTS = 100  # of each
_WORDS = 2000  # characters of a field
_KIND = re.compile(r"(?!message/|multipart/)[\w.+-]{1,60}/[\w.+-]{1,60}", re.ASCII)
# Fields that are taken over as the last server wrote them; the others are the message's own.
_KEPT = ("Message-ID", "References", "In-Reply-To", "Authentication-Results", "List-Id", "X-Mailer")


def attached_message(item: Any) -> tuple[str, bytes] | None:
    """The subject and the mail of an attachment that is a message; None for any other. Raises
    whatever damaged streams lead to.
    """
    inner = _inside(item)
    return None if inner is None else (str(inner.subject), _mail(inner, 1).as_bytes())


def _inside(item: Any) -> Any:
    """The message that an attachment is, for the library that reads them; None where it is an
    object of a program, whose storage has no properties.
    """
    from oxmsg import Message as Outlook
    from oxmsg.properties import Properties

    for storage in item._storage.storages:
        if storage.name == _OBJECT and any(one.name == _PROPERTIES for one in storage.streams):
            inner = Outlook(storage)
            # the library knows a whole file's header only, which is 8 bytes longer
            vars(inner)["_properties"] = Properties(storage, properties_header_offset=_HEADER)
            return inner
    return None


def _mail(message: Any, deep: int) -> MIMEMultipart:
    mail = MIMEMultipart("mixed")
    for name, value in _fields(message):
        if words := re.sub(r"[\x00-\x1f\x7f\s]+", " ", value).strip()[:_WORDS]:
            mail[name] = words if words.isascii() else Header(words, "utf-8").encode()
    mail.attach(MIMEText(message.body or "", "plain", "utf-8"))
    if html := message.html_body:
        mail.attach(MIMEText(html, "html", "utf-8"))
    for item in message.attachments[:ATTACHMENTS]:
        if (part := _part(item, deep)) is not None:
            mail.attach(part)
    return mail


def _fields(message: Any) -> list[tuple[str, str]]:
    said = {name.lower(): value for name, value in message.message_headers.items()}
    fields = [(name, str(said[name.lower()])) for name in _KEPT if name.lower() in said]
    fields += [("Subject", message.subject or ""), ("From", message.sender or "")]
    people = (f'"{one.name}" <{one.email_address}>' for one in message.recipients[:ATTACHMENTS])
    fields.append(("To", ", ".join(people)))
    if message.sent_date:
        fields.append(("Date", format_datetime(message.sent_date)))
    return fields


def _part(item: Any, deep: int) -> Message | None:
    content = item.file_bytes
    if content is None:
        inner = _inside(item) if deep < DEEP else None
        return None if inner is None else MIMEMessage(_mail(inner, deep + 1))
    kind = item.mime_type if _KIND.fullmatch(item.mime_type or "") else "application/octet-stream"
    part = MIMEBase(*kind.split("/"))
    part.set_payload(content)
    encode_base64(part)
    name = re.sub(r"[\x00-\x1f\x7f]", " ", item.file_name or "part")[:200]
    part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
    return part
