"""The only module that writes down which processors there are, and what is wrong with some.

Workers know it, from children of their sandbox; pages and other machines read it here. Whoever
started last is believed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import F, Min

from uploads.models import ENDED, KnownProcessor, Step
from uploads.processors import Processor
from uploads.statements import insert

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


def old_files(
    space_id: int, processor: str | None = None, after: UUID | None = None, *, limit: int
) -> list[UUID]:
    """The first files of a space that have ended, and whose result is of an older version: of one
    processor, or of any; by their ids, behind `after`.
    """
    newest = _raised()
    if processor is not None:
        newest = {name: version for name, version in newest.items() if name == processor}
    # alone the raised ones are looked for, so that a server without any looks at no step
    found: set[UUID] = set()
    for name, version in newest.items():
        for older in _older(space_id, name, version):
            # one version at a time: so the index has them in the order of the files
            steps = Step.objects.filter(space=space_id, name=name, version=older)
            steps = steps.filter(file__status__in=ENDED, attempt=F("file__attempt"))
            if after is not None:
                steps = steps.filter(file__gt=after)
            found.update(steps.order_by("file").values_list("file", flat=True)[:limit])
    return sorted(found)[:limit]


def _older(space_id: int, name: str, newest: int) -> Iterator[int]:
    """The older versions that there are results of, each found by one look into the index."""
    steps = Step.objects.filter(space=space_id, name=name, version__lt=newest)
    last = 0
    while found := steps.filter(version__gt=last).aggregate(next=Min("version"))["next"]:
        yield found
        last = found


def _raised() -> dict[str, int]:
    """The versions of those that ever had another one."""
    found = KnownProcessor.objects.filter(version__gt=1)
    return {name: version or 0 for name, version in found.values_list("name", "version")}
