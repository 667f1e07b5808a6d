"""The only module that says filters and orders of the list in SQL, for SQLite and Postgres alike.

Column names are ours; every value is a parameter.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from uploads.models import UploadedFile
from uploads.publishing.search import Sql
from uploads.reading.cursors import Place


@dataclass(frozen=True)
class Filters:
    """Which files: all of what is given must be so. Sizes in bytes; `until` and `below` exclude."""

    status: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    media_type: tuple[str, ...] = ()  # "image/png", "image/*"
    sha256: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    batch: str | None = None
    parent: UUID | None = None
    error: str | None = None  # its code
    step: str | None = None  # the one that failed
    q: str = ""
    since: datetime | None = None
    until: datetime | None = None
    at_least: int | None = None
    below: int | None = None


@dataclass(frozen=True)
class Order:
    """How a list is sorted: `expression` is in its index, `attribute` is where a row has it."""

    name: str
    expression: str
    attribute: str
    nullable: bool = False

    @property
    def descending(self) -> bool:
        """Newest, last, largest first."""
        return self.name.startswith("-")

    @property
    def by_creation(self) -> bool:
        """Whether it is the order that search entries and most indexes have."""
        return self.expression == "created_at"

    @property
    def sql(self) -> str:
        """For ORDER BY."""
        direction = "DESC" if self.descending else "ASC"
        nulls = " NULLS LAST" if self.nullable else ""
        return f"{self.expression} {direction}{nulls}, id {direction}"

    @property
    def beyond(self) -> str:
        """What compares a later row with an earlier one."""
        return "<" if self.descending else ">"

    def place(self, file: UploadedFile) -> Place:
        """Where a row stands."""
        value = getattr(file, self.attribute)
        value = value.isoformat() if isinstance(value, datetime) else value
        return Place(self.name, value, file.pk)

    def after(self, place: Place) -> Sql:
        """A test of rows with a value: behind this place."""
        value = place.value
        if self.expression.endswith("_at"):
            value = db(datetime.fromisoformat(value))
        return Sql(f"({self.expression}, id) {self.beyond} (%s, %s)", (value, db(place.id)))

    def after_null(self, place: Place) -> Sql:
        """A test of rows without a value: behind this place, which has none either."""
        return Sql(f"id {self.beyond} %s", (db(place.id),))


_COLUMNS = (
    ("created_at", "created_at", "created_at", False),
    ("name", 'LOWER("name")', "sort_value", False),
    ("size", "size", "size", True),
    ("finished_at", "finished_at", "finished_at", True),
)
ORDERS = {
    sign + name: Order(sign + name, expression, attribute, nullable)
    for name, expression, attribute, nullable in _COLUMNS
    for sign in ("-", "")
}


def tests_of(filters: Filters) -> dict[str, Sql]:
    """Each filter as a test of one row, by name; the search apart."""
    found: dict[str, Sql] = {}
    among = (("status", "status"), ("kind", "kind"), ("sha256", "sha256"), ("sizes", "size"))
    for name, column in among:
        if values := getattr(filters, name):
            found[name] = one_of(column, values)
    for name, column in (("batch", "batch"), ("parent", "parent_id")):
        if (value := getattr(filters, name)) is not None:
            found[name] = Sql(f"{column} = %s", (db(value),))
    if filters.media_type:
        found["media_type"] = _media_type(filters.media_type)
    return found | _ranges(filters) | _failures(filters)


def _ranges(filters: Filters) -> dict[str, Sql]:
    ranges = {
        "created": list(_range("created_at", filters.since, filters.until)),
        "size": list(_range("size", filters.at_least, filters.below)),
    }
    return {name: all_of(tests) for name, tests in ranges.items() if tests}


def _failures(filters: Filters) -> dict[str, Sql]:
    """No index has these: they are tests of rows that another filter has found."""
    wanted = {"code": filters.error, "step": filters.step}
    said = "json_extract(error, '$.{}')" if connection.vendor == "sqlite" else "error ->> '{}'"
    return {
        f"error_{name}": Sql(f"{said.format(name)} = %s", (value,))
        for name, value in wanted.items()
        if value is not None
    }


def _range(column: str, least: Any, end: Any) -> Iterator[Sql]:
    if least is not None:
        yield Sql(f"{column} >= %s", (db(least),))
    if end is not None:
        yield Sql(f"{column} < %s", (db(end),))


def _media_type(values: Iterable[str]) -> Sql:
    whole = [value for value in values if not value.endswith("/*")]
    families = [value.removesuffix("*") for value in values if value.endswith("/*")]
    tests = [one_of("media_type", whole)] if whole else []
    tests += [Sql("substr(media_type, 1, %s) = %s", (len(name), name)) for name in families]
    return either(*tests)


def one_of(column: str, values: Iterable[Any]) -> Sql:
    """The column holds one of these; of none, nothing does."""
    params = tuple(db(value) for value in values)
    return Sql(f"{column} IN ({', '.join(['%s'] * len(params))})" if params else "1 = 0", params)


def all_of(tests: Iterable[Sql]) -> Sql:
    """Every test passes; of none, all do."""
    tests = list(tests)
    text = " AND ".join(test.text for test in tests) or "1 = 1"
    return Sql(text, tuple(param for test in tests for param in test.params))


def either(*tests: Sql) -> Sql:
    """One of the tests passes."""
    text = " OR ".join(f"({test.text})" for test in tests)
    return Sql(f"({text})", tuple(param for test in tests for param in test.params))


def limited(sql: Sql, count: int, offset: int = 0) -> Sql:
    """At most so many rows, after so many others."""
    more = f" OFFSET {offset:d}" if offset else ""
    return Sql(f"{sql.text} LIMIT {count:d}{more}", sql.params)


def db(value: Any) -> Any:
    """A value as this database's driver wants it."""
    if isinstance(value, UUID):
        return value if connection.features.has_native_uuid_field else value.hex
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
