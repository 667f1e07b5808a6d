"""The only module that finds a page of files by walking an index, or by sorting a few.

Where an index answers all, or no filter leaves only a few files, rows are walked in their order
until the page is full (`_walk`). Otherwise the few are looked at and put in order (`_few`). No page
looks at more than SCAN rows. Rows without the value that they are sorted by come last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from uploads.models import UploadedFile
from uploads.publishing.search import Sql
from uploads.reading import cursors
from uploads.reading.cursors import Place
from uploads.reading.filters import (
    Filters,
    Order,
    all_of,
    db,
    either,
    limited,
    one_of,
    tests_of,
)

FEW = 4000  # files that are looked at and sorted rather than walked to
NARROW = ("sha256", "parent", "batch", "sizes", "size", "created", "kind", "status")
SCAN = 4000  # rows that one page looks at; each may lie elsewhere on the disk
SCAN_BY_CREATION = 20_000  # likewise, but these lie side by side
TABLE = "uploads_uploadedfile"
UNSEEN = {"metadata", "expected_sha256", "expires_at", "received_at", "parts"}  # may be large
COLUMNS = ", ".join(
    f'"{field.column}"'
    for field in UploadedFile._meta.concrete_fields
    if field.attname not in UNSEEN
)


@dataclass(frozen=True)
class Page:
    """Files in order, and the cursor of the next page; None after the last."""

    files: list[UploadedFile]
    next: str | None


@dataclass
class Walk:
    """A page of a space's files, as filters and order say."""

    space_id: int
    filters: Filters
    order: Order
    after: Place | None
    limit: int

    def __post_init__(self) -> None:
        self.tests = tests_of(self.filters)

    def page(self) -> Page:
        """Find it, in one of the two ways."""
        walks = list(self._walks())
        if any(rest for _, rest in walks) and (few := self._candidates(FEW)) is not None:
            return self._few(few, self._behind())
        return self._walk(walks)

    # -- a few -------------------------------------------------------------------------------------

    def _candidates(self, most: int) -> Sql | None:
        """All files that some filter leaves, when there are no more than `most`."""
        for name in NARROW:
            if name in self.tests:
                source = self._where(self.tests[name])
                if has_few(source, most):
                    return limited(source, most)
        return None

    def _where(self, test: Sql, columns: str = COLUMNS) -> Sql:
        text = f"SELECT {columns} FROM {TABLE} WHERE space_id = %s AND {test.text}"  # noqa: S608
        return Sql(text, (self.space_id, *test.params))

    def _few(self, source: Sql, more: Iterable[Sql]) -> Page:
        test = all_of([*self.tests.values(), *more])
        text = (
            f"SELECT id FROM ({source.text}) f WHERE {test.text} "  # noqa: S608
            f"ORDER BY {self.order.sql}"
        )
        ids = values(limited(Sql(text, (*source.params, *test.params)), self.limit + 1))
        wanted = one_of("id", ids)
        found = f"SELECT {self._columns} FROM {TABLE} WHERE {wanted.text}"  # noqa: S608
        rows = {db(row.pk): row for row in rows_of(Sql(found, wanted.params))}
        return self._cut([rows[pk] for pk in ids if pk in rows])

    @property
    def _columns(self) -> str:
        if self.order.attribute == "sort_value":
            return f"{COLUMNS}, {self.order.expression} AS sort_value"
        return COLUMNS

    def _behind(self) -> Iterator[Sql]:
        """Tests of what comes after the cursor; those without a value are last."""
        null = Sql(f"{self.order.expression} IS NULL")
        if self.after is None:
            return
        if self.after.value is None:
            yield null
            yield self.order.after_null(self.after)
        elif self.order.nullable:
            yield either(self.order.after(self.after), null)
        else:
            yield self.order.after(self.after)

    def _cut(self, rows: list[UploadedFile]) -> Page:
        if len(rows) <= self.limit:
            return Page(rows, None)
        shown = rows[: self.limit]
        return Page(shown, cursors.write(self.order.place(shown[-1])))

    # -- along an index ----------------------------------------------------------------------------

    def _walk(self, walks: list[tuple[list[Sql], list[Sql]]]) -> Page:
        scan = SCAN_BY_CREATION if self.order.by_creation else SCAN
        rows: list[UploadedFile] = []
        stops: list[UploadedFile] = []
        for index, rest in walks:
            found, stop = self._along(index, rest, scan // len(walks))
            rows += found
            stops += [stop] if stop is not None else []
        if len(walks) > 1:
            rows.sort(key=_creation, reverse=self.order.descending)
        return self._until(stops, rows)

    def _walks(self) -> Iterator[tuple[list[Sql], list[Sql]]]:
        """For each walk: the tests that its index answers, and those that each row must pass.

        By creation there are indexes of each batch, status and kind; several of them are walked
        side by side.
        """
        bounds = "created" if self.order.by_creation else self.order.expression
        lead = self._lead() if self.order.by_creation else None
        here = [self.tests[bounds]] if bounds in self.tests else []
        rest = [test for name, test in self.tests.items() if name not in {bounds, lead}]
        if lead is None:
            yield here, rest
            return
        values = getattr(self.filters, lead)
        for value in values if isinstance(values, tuple) else (values,):
            yield [Sql(f"{lead} = %s", (value,)), *here], rest

    def _lead(self) -> str | None:
        return next((name for name in ("batch", "status", "kind") if name in self.tests), None)

    def _along(
        self, index: list[Sql], rest: list[Sql], scan: int
    ) -> tuple[list[UploadedFile], UploadedFile | None]:
        """Rows of one walk, and the row where it stopped when it had looked at `scan` of them."""
        rows: list[UploadedFile] = []
        for segment in self._segments():
            where = self._where(all_of([*index, *segment]), self._columns)
            ordered = Sql(f"{where.text} ORDER BY {self.order.sql}", where.params)
            rows += rows_of(limited(_passing(ordered, rest, scan), self.limit + 1 - len(rows)))
            if len(rows) > self.limit:
                break
            if rest and (stop := rows_of(limited(ordered, 1, offset=scan - 1))):
                return rows, stop[0]
        return rows, None

    def _segments(self) -> Iterator[list[Sql]]:
        """Rows with a value, then those without: each in an order that the index has."""
        expression = self.order.expression
        null = [Sql(f"{expression} IS NULL")]
        if self.after is not None and self.after.value is None:
            yield [*null, self.order.after_null(self.after)]
            return
        some = [Sql(f"{expression} IS NOT NULL")] if self.order.nullable else []
        yield [*some, self.order.after(self.after)] if self.after is not None else some
        if self.order.nullable:
            yield null

    def _until(self, stops: list[UploadedFile], rows: list[UploadedFile]) -> Page:
        """The page; nothing on it lies behind the first place where a walk stopped."""
        if not stops:
            return self._cut(rows)
        stop = stops[0]
        if len(stops) > 1:
            stop = (max if self.order.descending else min)(stops, key=_creation)
        if self.order.by_creation:
            rows = [row for row in rows if not self._later(row, stop)]
        if len(rows) > self.limit:
            return self._cut(rows)
        return Page(rows, cursors.write(self.order.place(stop)))

    def _later(self, row: UploadedFile, other: UploadedFile) -> bool:
        if self.order.descending:
            return _creation(row) < _creation(other)
        return _creation(row) > _creation(other)


# -- rows ------------------------------------------------------------------------------------------


def _passing(index: Sql, rest: list[Sql], scan: int) -> Sql:
    """Rows of an index that pass `rest`; both databases keep the order of a limited subquery."""
    if not rest:
        return index
    looked_at, test = limited(index, scan), all_of(rest)
    text = f"SELECT * FROM ({looked_at.text}) f WHERE {test.text}"  # noqa: S608
    return Sql(text, (*looked_at.params, *test.params))


def has_few(source: Sql, most: int) -> bool:
    """Whether a query gives no more than `most` rows; it looks at one more."""
    counted = limited(source, most + 1)
    counting = Sql(f"SELECT COUNT(*) FROM ({counted.text}) few", counted.params)  # noqa: S608
    return bool(values(counting)[0] <= most)


def rows_of(sql: Sql) -> list[UploadedFile]:
    """Files as a query gives them; columns that are not theirs become attributes."""
    return list(UploadedFile.objects.raw(sql.text, sql.params))


def values(sql: Sql) -> list[Any]:
    """The first column, as the database gives it."""
    with connection.cursor() as cursor:
        cursor.execute(sql.text, sql.params)
        return [row[0] for row in cursor.fetchall()]


def _creation(file: UploadedFile) -> tuple[datetime, UUID]:
    return file.created_at, file.pk
