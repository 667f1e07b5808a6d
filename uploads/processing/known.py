"""The only module that writes down which processors there are, and what is wrong with some.

Workers know it, from children of their sandbox; pages and other machines read it here. Whoever
started last is believed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from uploads.models import KnownProcessor
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


def versions() -> dict[str, int]:
    """The version of each processor that there is now."""
    found = KnownProcessor.objects.filter(version__isnull=False)
    return {name: version or 0 for name, version in found.values_list("name", "version")}
