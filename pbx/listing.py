"""A page of a list: search, sort and paging, all of it in the query string so that a view can be shared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import QueryDict

__all__ = ["Listing"]

SIZES = (25, 50, 100)
LONGEST_SEARCH = 100  # characters


class Listing:
    """Rows of a query, as the query string asks for them; anything unknown in there is ignored."""

    sizes = SIZES
    ellipsis = Paginator.ELLIPSIS

    def __init__(
        self,
        query: QueryDict,
        rows: QuerySet,
        *,
        search: Iterable[str] = (),
        orders: Mapping[str, Sequence[str]],
        order: str,
    ) -> None:
        """`orders` gives the columns of each sort key; `order` is the key used when none is asked for."""
        self.total = rows.count()
        self.search = query.get("q", "").strip()[:LONGEST_SEARCH]
        for word in self.search.replace("\0", "").split():
            rows = rows.filter(reduce(or_, (Q(**{f"{field}__icontains": word}) for field in search)))
        asked = query.get("order", "")
        self.descending = asked.startswith("-")
        self.sorted_by = asked.removeprefix("-")
        if self.sorted_by not in orders:
            self.descending, self.sorted_by = order.startswith("-"), order.removeprefix("-")
        size = query.get("size", "")
        self.size = int(size) if size in map(str, SIZES) else SIZES[0]
        rows = rows.order_by(*(self._directed(column) for column in orders[self.sorted_by]))
        self.page: Page = Paginator(rows, self.size).get_page(query.get("page"))

    @property
    def count(self) -> int:
        """Rows that match the search."""
        return self.page.paginator.count

    @property
    def page_range(self) -> Iterable[int | str]:
        """Page numbers around the current one, with gaps."""
        return self.page.paginator.get_elided_page_range(self.page.number, on_each_side=1, on_ends=1)

    def __iter__(self):
        return iter(self.page)

    def _directed(self, column: str) -> str:
        if not self.descending:
            return column
        return column[1:] if column.startswith("-") else f"-{column}"
