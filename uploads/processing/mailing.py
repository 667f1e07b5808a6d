"""The only module that sends mail: word of a drop that has ended, to those of its senders who asked
for it.

Each drop is told of once, whatever number of workers there is: who marks it first tells it. Where
the mail server can't be reached or asks for patience, the mark is taken back and another try
follows for those who have not heard, for a day; an address that it refuses for good is let be.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused

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
PERMANENT = 500  # codes from here on


@dataclass(frozen=True)
class Letter:
    """What is told of one drop in one language, and to whom."""

    batch_id: int
    to: Mapping[int, str]  # addresses by user
    subject: str
    text: str


async def tell() -> int:
    """Send what is to be told now; returns how many mails went out."""
    letters = await database.write(_take)
    late: dict[int, list[int]] = defaultdict(list)
    sent = 0
    for letter in letters:
        outcome = await asyncio.to_thread(_send, letter)
        late[letter.batch_id] += outcome.late
        sent += outcome.sent
    for batch_id, users in late.items():
        if users:
            await database.write(_take_back, batch_id, users)
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


def _take_back(batch_id: int, users: list[int]) -> None:
    """These are to be told again, and nobody else."""
    Batch.objects.filter(pk=batch_id).update(told_at=None, untold=users)


def _letters(batch: Batch) -> list[Letter]:
    """One in each language that those who asked read."""
    files = UploadedFile.objects.filter(space=batch.space_id, batch=batch.key)
    senders = files.order_by().values("uploader").distinct()[:SENDERS]
    asked = User.objects.filter(pk__in=senders, wants_mail=True, is_active=True).exclude(email="")
    members = asked.filter(membership__space=batch.space_id)
    if batch.untold:
        members = members.filter(pk__in=batch.untold)
    readers: dict[str, dict[int, str]] = defaultdict(dict)
    for user, language, address in members.values_list("pk", "mail_language", "email"):
        readers[language or settings.LANGUAGE_CODE][user] = address
    letters = []
    for language, addresses in readers.items():
        with override(language):
            letters.append(Letter(batch.pk, addresses, _subject(batch), _text(batch)))
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


@dataclass
class Outcome:
    """How many mails of a letter went out, and whom it may reach at another try."""

    sent: int
    late: list[int]


def _send(letter: Letter) -> Outcome:
    """To each by itself: what one address meets is no other's affair."""
    outcome = Outcome(0, [])
    line = get_connection()
    for user, address in letter.to.items():
        try:
            EmailMessage(letter.subject, letter.text, to=[address], connection=line).send()
        except OSError as error:  # smtplib's errors are of this kind, too
            log.warning("mail refused", batch=letter.batch_id, user=user, error=repr(error))
            if not _is_final(error):
                outcome.late.append(user)
        else:
            outcome.sent += 1
    return outcome


def _is_final(error: OSError) -> bool:
    """Whether the mail server will never take this mail for this address (RFC 5321, 4.2.1)."""
    if isinstance(error, SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
    else:
        codes = [error.smtp_code] if isinstance(error, SMTPDataError) else []
    return any(code >= PERMANENT for code in codes)
