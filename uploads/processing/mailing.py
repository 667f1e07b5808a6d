"""The only module that sends mail: word of a drop that has ended, to those of its senders who asked
for it.

Each drop is told of once, whatever number of workers there is: who marks it first tells it. When
the mail server refuses, the mark is taken back and another try follows, for a day.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from project import database
from uploads.models import Batch, Status, UploadedFile, User

log = structlog.get_logger(__name__)

SETTLE = timedelta(seconds=5)  # a drop whose files come one by one may go on
LATEST = timedelta(days=1)  # what ended longer ago is old news
AT_ONCE = 50  # drops told of in one go
SENDERS = 20  # of one drop


@dataclass(frozen=True)
class Letter:
    """What is told of one drop in one language, and to whom."""

    batch_id: int
    to: tuple[str, ...]
    subject: str
    text: str


async def tell() -> int:
    """Send what is to be told now; returns how many mails went out."""
    letters = await database.write(_take)
    sent = 0
    for letter in letters:
        try:
            await asyncio.to_thread(_send, letter)
        except OSError as error:  # smtplib's errors are of this kind, too
            log.warning("mail refused", batch=letter.batch_id, error=repr(error))
            await database.write(_take_back, letter.batch_id)
        else:
            sent += len(letter.to)
    return sent


def _take() -> list[Letter]:
    """Mark the drops that ended, so that nobody else tells of them; what to send."""
    now = timezone.now()
    ended = Batch.objects.filter(
        told_at=None, ended_at__lte=now - SETTLE, ended_at__gt=now - LATEST
    ).select_related("space")
    return [
        letter
        for batch in ended.order_by("ended_at")[:AT_ONCE]
        if Batch.objects.filter(pk=batch.pk, told_at=None).update(told_at=now)
        for letter in _letters(batch)
    ]


def _take_back(batch_id: int) -> None:
    Batch.objects.filter(pk=batch_id).update(told_at=None)


def _letters(batch: Batch) -> list[Letter]:
    """One in each language that those who asked read."""
    files = UploadedFile.objects.filter(space=batch.space_id, batch=batch.key)
    senders = files.order_by().values("uploader").distinct()[:SENDERS]
    asked = User.objects.filter(pk__in=senders, wants_mail=True, is_active=True).exclude(email="")
    members = asked.filter(membership__space=batch.space_id)
    readers: dict[str, list[str]] = {}
    for language, address in members.values_list("mail_language", "email"):
        readers.setdefault(language or settings.LANGUAGE_CODE, []).append(address)
    letters = []
    for language, addresses in readers.items():
        with override(language):
            letters.append(Letter(batch.pk, tuple(addresses), _subject(batch), _text(batch)))
    return letters


def _subject(batch: Batch) -> str:
    return _("Millrace: %(files)s ended in %(space)s") % {
        "files": _files(batch),
        "space": " ".join(batch.space.name.split()),
    }


def _text(batch: Batch) -> str:
    outcomes = [
        f"{count} {Status(status).label.lower()}" for status, count in batch.counts.items() if count
    ]
    words = _("A drop of %(files)s in the space %(space)s has ended: %(outcome)s.") % {
        "files": _files(batch),
        "space": batch.space.name,
        "outcome": ", ".join(outcomes),
    }
    where = f"{settings.ORIGINS[0]}/files/?space={batch.space.slug}&batch={batch.key}"
    return f"{words}\n\n{where}\n"


def _files(batch: Batch) -> str:
    total = sum(batch.counts.values())
    return ngettext("%(count)s file", "%(count)s files", total) % {"count": total}


def _send(letter: Letter) -> None:
    with get_connection() as line:
        for address in letter.to:
            EmailMessage(letter.subject, letter.text, to=[address], connection=line).send()
