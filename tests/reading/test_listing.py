"""The law of lists: walking `next` gives every file that fits once, in order, whatever comes
meanwhile.
"""

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from uploads import people
from uploads.errors import BadRequest
from uploads.models import IN_FLIGHT, Space, Status, UploadedFile
from uploads.publishing import search
from uploads.reading import cursors, listing, matching, walking
from uploads.reading.listing import ORDERS, Filters

pytestmark = pytest.mark.django_db(transaction=True)

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = (
    "report.pdf",
    "Report-final.pdf",
    "IMG2024.jpg",
    "straße Köln.txt",
    "東京都.txt",
    "a_b.csv",
)
TEXTS = ("", "the quarterly invoice of the miller", "grain and water")


@pytest.fixture
def space() -> Space:
    return people.private_space(people.person(f"alice-{uuid.uuid4().hex[:8]}"))


@pytest.fixture(params=["fetched whole", "walked", "walked a few rows at a time"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way of finding a page, made to happen with few files by bounds that are small."""
    if request.param != "fetched whole":
        monkeypatch.setattr(walking, "FEW", -1)
        monkeypatch.setattr(matching, "FEW", -1)
        monkeypatch.setattr(matching, "FEW_CANDIDATES", -1)
    if request.param == "walked a few rows at a time":
        monkeypatch.setattr(walking, "SCAN", 14)
        monkeypatch.setattr(matching, "SCAN", 5)
    return str(request.param)


def add(space: Space, dice: random.Random, **more: Any) -> UploadedFile:
    """A file as it may lie there; ended ones are in the search index."""
    status = more.pop("status", dice.choice(list(Status)))
    ended = status not in IN_FLIGHT
    created = BEGAN + timedelta(microseconds=dice.choice([0, dice.randrange(10**9)]))
    facts: dict[str, Any] = {
        "id": uuid.UUID(int=dice.getrandbits(128)),
        "name": dice.choice(NAMES),
        "path": dice.choice(["", "Holiday/2025/x"]),
        "status": status,
        "kind": dice.choice([None, "pdf", "image", "text"]),
        "media_type": dice.choice([None, "image/png", "image/jpeg", "text/plain"]),
        "size": dice.choice([None, 0, dice.randrange(1000)]),
        "batch": dice.choice([None, "one", "two"]),
        "sha256": dice.choice([None, "aa" * 32]),
        "created_at": created,
        "finished_at": created + timedelta(seconds=dice.randrange(9)) if ended else None,
    }
    file = UploadedFile(space=space, **(facts | more))
    file.save(force_insert=True)
    if ended:
        search.index(file, search.words(file.name, dice.choice(TEXTS), path=file.path))
    return file


def filled(space: Space, count: int, seed: int = 1) -> list[UploadedFile]:
    dice = random.Random(seed)
    return [add(space, dice) for _ in range(count)]


def walked(space: Space, filters: Filters, sort: str, limit: int = 7) -> Iterator[UploadedFile]:
    """Every file of every page."""
    cursor = None
    for _ in range(1000):
        page = listing.page(space.pk, filters, sort=sort, cursor=cursor, limit=limit)
        assert len(page.files) <= limit
        yield from page.files
        cursor = page.next
        if cursor is None:
            return
    raise AssertionError("the list has no end")


def fits(file: UploadedFile, filters: Filters) -> bool:
    """The filters, said once more in plain Python."""
    created = (
        (filters.since or BEGAN)
        <= file.created_at
        < (filters.until or datetime.max.replace(tzinfo=UTC))
    )
    sized = filters.at_least is None and filters.below is None
    if file.size is not None:
        sized = (filters.at_least or 0) <= file.size < (filters.below or 10**12)
    media = file.media_type or ""
    return (
        (not filters.status or file.status in filters.status)
        and (not filters.kind or file.kind in filters.kind)
        and (
            not filters.media_type
            or media in filters.media_type
            or f"{media.partition('/')[0]}/*" in filters.media_type
        )
        and (not filters.sha256 or file.sha256 in filters.sha256)
        and (not filters.sizes or file.size in filters.sizes)
        and (filters.batch is None or file.batch == filters.batch)
        and created
        and sized
    )


def in_order(files: list[UploadedFile], sort: str) -> list[uuid.UUID]:
    """Sorted by value and id; those without a value last, whichever way."""
    name = sort.removeprefix("-")
    value: Callable[[UploadedFile], Any] = lambda file: getattr(file, name)  # noqa: E731
    if name == "name":
        value = lambda file: _lower(file.name)  # noqa: E731
    some = [file for file in files if value(file) is not None]
    none = [file for file in files if value(file) is None]
    down = sort.startswith("-")
    some.sort(key=lambda file: (value(file), file.pk), reverse=down)
    none.sort(key=lambda file: file.pk, reverse=down)
    return [file.pk for file in some + none]


def _lower(name: str) -> str:
    """As SQLite's lower(): letters of ASCII only."""
    return "".join(sign.lower() if sign.isascii() else sign for sign in name)


CHOICES = [
    Filters(),
    Filters(status=("failed",)),
    Filters(status=("failed", "cancelled", "queued")),
    Filters(kind=("pdf", "image")),
    Filters(kind=("pdf",), status=("processed", "failed")),
    Filters(batch="one"),
    Filters(batch="one", status=("processed", "receiving")),
    Filters(sha256=("aa" * 32,)),
    Filters(sha256=("bb" * 32, "aa" * 32), kind=("pdf",)),
    Filters(sizes=(0, 17), status=("processed", "failed")),
    Filters(media_type=("image/*",)),
    Filters(media_type=("image/png", "text/*"), kind=("text",)),
    Filters(since=BEGAN + timedelta(seconds=200), until=BEGAN + timedelta(seconds=700)),
    Filters(at_least=10, below=600),
    Filters(at_least=10, kind=("text",), until=BEGAN + timedelta(seconds=700)),
]


def test_walking_next_gives_every_file_that_fits_once_and_in_order(space: Space, way: str) -> None:
    files = filled(space, 60)
    filled(people.private_space(people.person(f"bob-{uuid.uuid4().hex[:8]}")), 10, seed=2)
    for sort, filters in product(ORDERS, CHOICES):
        found = [file.pk for file in walked(space, filters, sort)]
        expected = in_order([file for file in files if fits(file, filters)], sort)
        assert found == expected, (sort, filters)


def test_a_search_gives_every_match_once_and_in_order(
    space: Space, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = filled(space, 60)
    filled(people.private_space(people.person(f"bob-{uuid.uuid4().hex[:8]}")), 10, seed=2)
    found_by = {
        "rep": {"report.pdf", "Report-final.pdf"},
        "final REPORT": {"Report-final.pdf"},
        "2024": {"IMG2024.jpg"},
        "img": {"IMG2024.jpg"},
        "strasse koln": {"straße Köln.txt"},
        "京都": {"東京都.txt"},
        "b": {"a_b.csv"},
        "port": set(),
    }
    choices = (Filters(), Filters(status=("failed", "queued")), Filters(kind=("pdf",)))
    few = 4000 if way == "fetched whole" else -1
    for sort, wanted, filters in product(ORDERS, found_by, choices):
        # in another order the newest matches are sorted, so there must be room for them
        monkeypatch.setattr(matching, "FEW", few if sort.endswith("created_at") else 4000)
        named = [file for file in files if file.name in found_by[wanted]]
        expected = in_order([file for file in named if fits(file, filters)], sort)
        found = [file.pk for file in walked(space, replace(filters, q=wanted), sort)]
        assert found == expected, (sort, wanted, filters)


def test_rows_that_come_meanwhile_neither_repeat_nor_hide_others(space: Space, way: str) -> None:
    files = filled(space, 40)
    dice = random.Random(5)
    for sort in ORDERS:
        seen = []
        for file in walked(space, Filters(), sort):
            seen.append(file.pk)
            add(space, dice, created_at=BEGAN + timedelta(days=1)) if len(seen) % 9 == 0 else None
        wanted = {file.pk for file in files}
        assert len(seen) == len(set(seen))
        assert [pk for pk in seen if pk in wanted] == in_order(files, sort)


def test_a_file_is_found_by_its_text_from_four_letters_on(space: Space) -> None:
    dice = random.Random(1)
    file = add(space, dice, name="x.txt", status="processed", path="")
    search.index(file, search.words("x.txt", "The Quarterly Invoices of the Müller"))
    for wanted in ("quar", "QUARTERLY", "invoi", "muller", "müll", "the"):
        assert [each.pk for each in walked(space, Filters(q=wanted), "-created_at")] == [file.pk]
    for wanted in ("qua", "uarterly", "quarterly grain", "!!", "  ?"):
        assert list(walked(space, Filters(q=wanted), "-created_at")) == []


def test_a_deleted_file_is_no_longer_found_and_a_second_index_replaces_the_first(
    space: Space,
) -> None:
    file = add(space, random.Random(1), name="old.txt", status="processed", path="")
    search.index(file, search.words("new.txt", "harvest"))
    assert list(walked(space, Filters(q="old"), "-created_at")) == []
    assert len(list(walked(space, Filters(q="harvest new"), "-created_at"))) == 1
    file.delete()
    assert list(walked(space, Filters(q="harvest"), "-created_at")) == []


def test_files_of_one_microsecond_are_all_found(space: Space, way: str) -> None:
    dice = random.Random(3)
    same = {"created_at": BEGAN, "status": "processed", "name": "same.txt", "path": ""}
    files = [add(space, dice, id=uuid.UUID(int=number), **same) for number in range(1, 20)]
    found = {file.pk for file in walked(space, Filters(q="same"), "-created_at", limit=3)}
    assert found == {file.pk for file in files}


def test_a_cursor_that_was_changed_made_up_or_belongs_elsewhere_is_refused(space: Space) -> None:
    filled(space, 10)
    cursor = listing.page(space.pk, Filters(), limit=3).next
    assert cursor is not None
    spoilt = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    for other in (spoilt, "x", "", "é", "A" * 3000, cursor + "AAAA"):
        if other:
            with pytest.raises(BadRequest):
                listing.page(space.pk, Filters(), cursor=other)
    with pytest.raises(BadRequest):
        listing.page(space.pk, Filters(), cursor=cursor, sort="name")


def test_a_cursor_holds_names_of_any_length(space: Space) -> None:
    place = cursors.Place("name", "\U0001f600" * 255, uuid.uuid4())
    assert cursors.read(cursors.write(place), "name") == place
