"""The fields of a mail's header, read within bounds."""

from __future__ import annotations

import re
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from uploads.processors.bounds import clip, within

WORDS = 500  # characters of a header
FIELD = 16 * 1024  # characters of it that are decoded; of those with parameters, at most


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
