"""The only module that lists files; a page costs the same however many there are.

Where rare files hide among very many, a page may hold fewer than `limit` files, or none: it has
looked at as many as a page may, and its `next` leads on.
"""

from uploads.publishing.search import Match, terms
from uploads.reading import cursors
from uploads.reading.filters import ORDERS, Filters
from uploads.reading.matching import Search
from uploads.reading.walking import Page, Walk

__all__ = ["ORDERS", "Filters", "Page", "page"]


def page(
    space_id: int,
    filters: Filters,
    *,
    sort: str = "-created_at",
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """One page of a space's files; `sort` is one of ORDERS. Raises BadRequest for a cursor that is
    not of this order.
    """
    order = ORDERS[sort]
    after = cursors.read(cursor, sort) if cursor else None
    if not filters.q.strip():
        return Walk(space_id, filters, order, after, limit).page()
    searched = terms(filters.q)
    if not searched:
        return Page([], None)  # no letter or digit to look for
    match = Match(space_id, tuple(searched))
    return Search(space_id, filters, order, after, limit, match).page()
