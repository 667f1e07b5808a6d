"""The only module that finds a page of a search.

By time of creation the matches are walked, newest or oldest first, as the search index has them,
and no page looks at more than SCAN of them. In another order the newest FEW matches are sorted.
What is in flight has no entry in the index yet: there, names are compared.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection

from uploads.models import IN_FLIGHT, SearchEntry, UploadedFile
from uploads.publishing.search import Match, Sql, creation_of, entry_key
from uploads.reading import cursors
from uploads.reading.cursors import Place
from uploads.reading.filters import all_of, either, limited, one_of
from uploads.reading.walking import COLUMNS, TABLE, Page, Walk, has_few, rows_of, values

FEW = 2000  # matches that are sorted rather than walked
FEW_CANDIDATES = 500  # files of which each is looked up in the search index
SCAN = 2000  # matches that one page looks at
FLIGHT = 1000  # newest files of each status in flight that are searched by name: they have no entry
FLIGHT_FOUND = 500
NOBODY = UUID(int=0)


@dataclass
class Search(Walk):
    """A page of the files that match."""

    match: Match

    def page(self) -> Page:
        """Find it, in one of three ways."""
        if (candidates := self._candidates(FEW_CANDIDATES)) is not None:
            matches = either(self.match.covers("f.id"), one_of("id", self._flying))
            return self._few(candidates, [matches, *self._behind()])
        if self.order.by_creation and not has_few(self.match.entries(), FEW):
            return self._matches()
        return self._few(self._matching(), self._behind())

    def _matching(self) -> Sql:
        """The newest matches' files, and those in flight."""
        entries, flying = limited(self.match.entries(), FEW), one_of("id", self._flying)
        text = (
            "SELECT f.* FROM (SELECT e.file_id AS id "  # noqa: S608
            f"FROM ({entries.text}) m CROSS JOIN uploads_searchentry e WHERE e.id = m.id "
            f"UNION SELECT id FROM {TABLE} WHERE {flying.text}) k "
            f"CROSS JOIN {TABLE} f WHERE f.id = k.id AND f.space_id = %s"
        )
        return Sql(text, (*entries.params, *flying.params, self.space_id))

    def _matches(self) -> Page:
        above, below = self._entry_bounds()
        newest_first = self.order.descending
        entries = self.match.entries(newest_first=newest_first, above=above, below=below)
        rows = self._files_of(entries)
        stop = None
        if len(rows) <= self.limit:
            stop = next(iter(values(limited(entries, 1, offset=SCAN - 1))), None)
        if stop is not None:
            above, below = (stop, below) if newest_first else (above, stop)
        rows += self._flying_files(above, below)
        rows.sort(key=_entry, reverse=newest_first)
        if len(rows) > self.limit:
            stop = _entry(rows[self.limit - 1])
        if stop is None:
            return Page(rows, None)
        created_at, file_id = creation_of(stop)
        place = Place(self.order.name, created_at.isoformat(), file_id, stop)
        return Page(rows[: self.limit], cursors.write(place))

    def _entry_bounds(self) -> tuple[int | None, int | None]:
        """What is left of the list has its entries strictly between these."""
        since, until = self.filters.since, self.filters.until
        above = entry_key(since, NOBODY) - 1 if since else None
        below = entry_key(until, NOBODY) if until else None
        if self.after is None:
            return above, below
        entry = self.after.entry
        if entry is None:  # the list was begun without a search, or with fewer matches
            entry = entry_key(datetime.fromisoformat(self.after.value), self.after.id)
        if self.order.descending:
            return above, entry if below is None else min(below, entry)
        return entry if above is None else max(above, entry), below

    def _files_of(self, entries: Sql) -> list[UploadedFile]:
        test = all_of([Sql("f.space_id = %s", (self.space_id,)), *self.tests.values()])
        looked_at = limited(entries, SCAN)
        text = (
            f"SELECT {_OF_F}, m.id AS entry FROM ({looked_at.text}) m "  # noqa: S608
            f"CROSS JOIN uploads_searchentry e CROSS JOIN {TABLE} f "
            f"WHERE e.id = m.id AND f.id = e.file_id AND {test.text}"
        )
        if (
            connection.vendor == "postgresql"
        ):  # SQLite keeps the order of `m`, and would sort it all
            text += f" ORDER BY m.id {'DESC' if self.order.descending else 'ASC'}"
        return rows_of(limited(Sql(text, (*looked_at.params, *test.params)), self.limit + 1))

    def _flying_files(self, above: int | None, below: int | None) -> list[UploadedFile]:
        if not self._flying:
            return []
        # no test of the space: SQLite would rather look through all of it than at these few
        test = all_of([one_of("id", self._flying), *self.tests.values()])
        text = f"SELECT {COLUMNS} FROM {TABLE} WHERE {test.text}"  # noqa: S608
        rows = rows_of(Sql(text, test.params))
        for row in rows:
            row.entry = entry_key(row.created_at, row.pk)  # type: ignore[attr-defined]
        return [
            row
            for row in rows
            if (above is None or _entry(row) > above) and (below is None or _entry(row) < below)
        ]

    @cached_property
    def _flying(self) -> list[Any]:
        """Files in flight whose names match, by id; they get an entry when they end."""
        wanted = self.filters.status or IN_FLIGHT
        found = [
            pk
            for status in IN_FLIGHT
            if status in wanted
            for pk, name, path in self._newest(status)
            if self.match.fits(name, path)
        ]
        known = set(SearchEntry.objects.filter(file__in=found).values_list("file", flat=True))
        return [pk for pk in found if UUID(str(pk)) not in known][:FLIGHT_FOUND]

    def _newest(self, status: str) -> list[tuple[Any, str, str]]:
        newest = self._where(one_of("status", [str(status)]), "id, name, path")
        ordered = Sql(f"{newest.text} ORDER BY created_at DESC, id DESC", newest.params)
        with connection.cursor() as cursor:  # past the ORM, which takes longer than the search
            found = limited(ordered, FLIGHT)
            cursor.execute(found.text, found.params)
            rows: list[tuple[Any, str, str]] = cursor.fetchall()
        return rows


_OF_F = ", ".join(f"f.{column}" for column in COLUMNS.split(", "))


def _entry(file: UploadedFile) -> int:
    entry: int = file.entry  # type: ignore[attr-defined]
    return entry
