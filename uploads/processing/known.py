"""The only module that writes down which processors there are, and what is wrong with some.

Workers know it, from children of their sandbox; pages and other machines read it here. Whoever
started last is believed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet

from uploads.models import ENDED, KnownProcessor, Step
from uploads.processors import Processor
from uploads.statements import insert

Ids = QuerySet[Any, UUID]
PLACE = 500  # characters of where a mistake is


@dataclass(frozen=True)
class Mistake:
    """What is wrong with an own processor, and where: a file's name, or a processor's."""

    where: str
    what: str


def remember(processors: Mapping[str, Processor], problems: Mapping[str, str]) -> None:
    """Write down what a worker found. In a transaction."""
    rows = [
        KnownProcessor(
            name=entry.name,
            version=entry.version,
            accepts=list(entry.accepts),
            builtin=entry.builtin,
        )
        for entry in processors.values()
    ]
    for where, what in problems.items():
        place = f"{where} (own)" if where in processors else where  # it has a built-in one's name
        rows.append(KnownProcessor(name=place[:PLACE], problem=what))
    KnownProcessor.objects.exclude(name__in=[row.name for row in rows]).delete()
    insert(rows, replace_by=("name",))


def own() -> list[KnownProcessor]:
    """Those that are not built in."""
    found = KnownProcessor.objects.filter(builtin=False, version__isnull=False)
    return list(found.order_by("name"))


def mistakes() -> list[Mistake]:
    """What is wrong with own processors."""
    found = KnownProcessor.objects.filter(version__isnull=True).order_by("name")
    return [Mistake(row.name, row.problem) for row in found]


def outdated(steps: Iterable[Step]) -> list[tuple[Step, int]]:
    """Steps whose processor has a newer version now, and that version."""
    newest = _raised()
    return [(step, newest[step.name]) for step in steps if step.version < newest.get(step.name, 0)]


def old_files(space_id: int, processor: str | None = None, after: UUID | None = None) -> Ids:
    """Files of a space that have ended, and whose result is of an older version: of one processor,
    or of any; by their ids, behind `after`.
    """
    newest = _raised()
    if processor is not None:
        newest = {name: version for name, version in newest.items() if name == processor}
    # alone the raised ones are looked for, so that a server without any looks at no step
    old = [Q(name=name, version__lt=version) for name, version in newest.items()]
    steps = Step.objects.filter(
        reduce(or_, old, Q(pk__in=())),
        file__space=space_id,
        file__status__in=ENDED,
        attempt=F("file__attempt"),
    )
    if after is not None:
        steps = steps.filter(file__gt=after)
    return steps.order_by("file").values_list("file", flat=True).distinct()


def _raised() -> dict[str, int]:
    """The versions of those that ever had another one."""
    found = KnownProcessor.objects.filter(version__gt=1)
    return {name: version or 0 for name, version in found.values_list("name", "version")}
