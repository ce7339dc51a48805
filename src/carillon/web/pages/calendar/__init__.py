"""`/calendar`: how much goes when. A year, a month, a day: each has an address of its own.

Everything shown comes from `plan_days` and the outbox's index of days, so that it is there at once however
many contacts there are.

    year   twelve months of days, darker where more goes        month   bars against the cap, and a sheet
    day    what goes on it, by type and status, to whom         ways    the addresses, and what is read
"""

from __future__ import annotations

from carillon.web.pages.calendar.day import show_day
from carillon.web.pages.calendar.month import show_month
from carillon.web.pages.calendar.ways import Wish, wish_of
from carillon.web.pages.calendar.year import show_year
from carillon.web.shell import page


@page("/calendar", "Calendar", "How much mail goes when, by type, against the daily cap.")
async def calendar(
    view: str = "", at: str = "", type: str = "", status: str = "", campaign: str = ""
) -> None:
    """`at`: a day; the year or month around it is shown, or the day itself."""
    wish: Wish = await wish_of(view, at, type, status, campaign)
    if wish.view == "day":
        await show_day(wish)
    elif wish.view == "month":
        await show_month(wish)
    else:
        await show_year(wish)
