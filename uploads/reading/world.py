"""What else the API tells of a space: counts, batches, the stream; spaces of yours, tickets."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Path, Query, Router

from project import database
from uploads.access import rights, tickets
from uploads.access.identity import Who
from uploads.errors import Forbidden, NotFound
from uploads.models import Batch as BatchRow
from uploads.models import Membership, Role, Status
from uploads.models import Space as SpaceRow
from uploads.processing.jobs import arrivals
from uploads.publishing import log as stream
from uploads.publishing.describing import describe_batch
from uploads.publishing.events import Batch, Counts, EventsPage
from uploads.reading import doors
from uploads.reading.shapes import EventsQuery, Key, NewTotal, Spaces, Ticket

router = Router(tags=["spaces"])


@doors.get(router, "counts/", Counts, operation_id="getCounts", summary="Files by status")
async def get_counts(request: HttpRequest) -> HttpResponseBase:
    """Of the whole space, right at this moment."""
    return doors.answer(await database.read(_counts, rights.here(request).space_id))


def _counts(space_id: int) -> dict[str, int]:
    space = SpaceRow.objects.only(*Status.values).filter(pk=space_id).first()
    if space is None:
        raise NotFound
    return space.counts


@doors.get(router, "batches/{str:key}/", Batch, operation_id="getBatch", summary="One batch")
async def get_batch(request: HttpRequest, key: Path[Key]) -> HttpResponseBase:
    """The files of one drop, by status; whether all have come and ended."""
    return doors.answer(await database.read(_batch, rights.here(request).space_id, key))


def _batch(space_id: int, key: str) -> dict[str, Any]:
    batch = BatchRow.objects.filter(space=space_id, key=key).first()
    if batch is None:
        raise NotFound
    return describe_batch(batch)


@doors.post(
    router,
    "batches/{str:key}/total/",
    Batch,
    operation_id="announceBatch",
    summary="How many files a batch has",
)
async def announce_batch(
    request: HttpRequest, key: Path[Key], wanted: NewTotal
) -> HttpResponseBase:
    """For senders, of whose files fewer come than an upload's `batch_total` has said: of those the
    largest counts. 404 while no file of it has come.
    """
    place = rights.here(request, Role.UPLOADER)
    arrivals.check_batch(wanted.total)
    batch = await database.write(stream.announce, place.space_id, key, wanted.total)
    return doors.answer(describe_batch(batch))


@doors.get(router, "spaces/", Spaces, operation_id="listSpaces", summary="Spaces of yours")
async def list_spaces(request: HttpRequest) -> HttpResponseBase:
    """Your own first, then those that you are a member of; of a token, those that it reaches."""
    who: Who = request.who  # type: ignore[attr-defined]
    if "read" not in who.scopes:
        raise Forbidden
    return doors.answer({"items": await database.read(_spaces, who)})


def _spaces(who: Who) -> list[dict[str, Any]]:
    mine = Membership.objects.filter(user=who.user_id, space__slug__in=list(who.spaces))
    rows = [
        describe_space(each, who) for each in mine.select_related("space").order_by("space__slug")
    ]
    return sorted(rows, key=lambda row: not row["own"])


def describe_space(membership: Membership, who: Who) -> dict[str, Any]:
    """The JSON of a space as one member sees it (`shapes.Space`)."""
    space = membership.space
    return {
        "slug": space.slug,
        "name": space.name,
        "role": str(membership.role),
        "own": space.owner_id == who.user_id,
        "counts": space.counts,
        "used_bytes": space.used_bytes,
        "quota_bytes": space.quota or None,
    }


@doors.post(
    router,
    "tickets/",
    Ticket,
    operation_id="makeTicket",
    summary="A ticket for a WebSocket's hello",
)
async def make_ticket(request: HttpRequest) -> HttpResponseBase:
    """For pages elsewhere, whose sockets bring no cookie of ours. Good once, for a minute."""
    ticket = tickets.make(rights.here(request))
    return doors.answer({"ticket": ticket, "expires_in": tickets.TICKET_SECONDS})


# -- the stream ------------------------------------------------------------------------------------


@doors.get(
    router,
    "events/",
    EventsPage,
    operation_id="listEvents",
    summary="The stream, a page at a time",
    tags=["stream"],
    openapi_extra={"responses": {410: {"description": "The stream does not reach back there"}}},
)
async def list_events(request: HttpRequest, query: Query[EventsQuery]) -> HttpResponseBase:
    """What WebSocket and SSE send, for those who rather ask. `more`: others follow at once."""
    place = rights.here(request)
    return await database.read(_events, place.space_id, query)


def _events(space_id: int, query: EventsQuery) -> HttpResponse:
    after = None if query.after is None else stream.parse_cursor(query.after)
    file = None if query.file is None else str(query.file)
    with database.consistent():
        page = stream.read(space_id, after, query.limit, file=file, batch=query.batch)
    return HttpResponse(
        _page_json(page), content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def _page_json(page: stream.Page) -> str:
    """Events are kept as the JSON that goes out, so they are put together as they are."""
    events = ",".join(payload for _, payload, _, _ in page.events)
    cursor = stream.cursor_of(page.epoch, page.seq)
    more = "true" if page.more else "false"
    return f'{{"cursor":"{cursor}","events":[{events}],"more":{more}}}'
