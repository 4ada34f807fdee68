#!/usr/bin/env python3
"""Compute the table of NYSE days behind `--calendar nyse`, and measure the projection.

Writes crates/klined-market/src/calendar/tables/nyse_days.txt: the weekdays from
FIRST_DAY to LAST_DAY on which the New York Stock Exchange was closed or closed
at 13:00, or will by its published holidays. Two sources must agree on every
day: exchange_calendars (XNYS) and pandas_market_calendars (NYSE). They differ
on one early close (DIFFERENCES), which is decided here.

The rule of `projected` is that of calendar/nyse.rs. `--measure` compares it
with the table, year by year.

Requirements:

    pip install exchange_calendars==4.13.2 pandas_market_calendars==5.5.0

Usage:

    python scripts/nyse_calendar.py             # write the table
    python scripts/nyse_calendar.py --check     # exit 1 if it is not current
    python scripts/nyse_calendar.py --measure   # print the projection's errors
"""

import argparse
import datetime as dt
import sys
from pathlib import Path

FIRST_DAY = dt.date(2000, 1, 3)
LAST_DAY = dt.date(2026, 12, 31)
TABLE = Path(__file__).resolve().parent.parent / "crates/klined-market/src/calendar/tables/nyse_days.txt"
# On 2005-06-01 a failure of systems ended trade at 15:56. The table has a whole day.
DIFFERENCES = {dt.date(2005, 6, 1)}

Days = dict[dt.date, str]


def weekdays(first: dt.date, last: dt.date) -> list[dt.date]:
    days = (first + dt.timedelta(n) for n in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5]


def from_sources() -> Days:
    import exchange_calendars
    import pandas_market_calendars

    one = exchange_calendars.get_calendar("XNYS", start=str(FIRST_DAY), end=str(LAST_DAY))
    other = pandas_market_calendars.get_calendar("NYSE")
    schedule = other.schedule(start_date=str(FIRST_DAY), end_date=str(LAST_DAY))
    open_days = {day.date() for day in one.sessions}
    if open_days != {day.date() for day in schedule.index}:
        sys.exit("the sources disagree on trading days")
    early = {day.date() for day in one.early_closes}
    if early ^ {day.date() for day in other.early_closes(schedule).index} != DIFFERENCES:
        sys.exit("the sources disagree on early closes")
    closes = {one.session_close(str(day)).tz_convert("America/New_York").time() for day in early - DIFFERENCES}
    if closes != {dt.time(13)}:
        sys.exit(f"early closes at {closes}, and not at 13:00 alone")
    if any(day.weekday() > 4 for day in open_days):
        sys.exit("a weekend day is a trading day")
    days = {day: "closed" for day in weekdays(FIRST_DAY, LAST_DAY) if day not in open_days}
    return days | {day: "early" for day in early - DIFFERENCES}


def nth(year: int, month: int, weekday: int, count: int) -> dt.date:
    """The count-th weekday of a month; the last one for 0."""
    if count == 0:
        day = dt.date(year, month + 1, 1) - dt.timedelta(1)
        return day - dt.timedelta((day.weekday() - weekday) % 7)
    day = dt.date(year, month, 1)
    return day + dt.timedelta((weekday - day.weekday()) % 7 + 7 * (count - 1))


def easter(year: int) -> dt.date:
    """Easter Sunday by the anonymous Gregorian computus."""
    century, golden = year // 100, year % 19
    epact = (century - century // 4 - (8 * century + 13) // 25 + 19 * golden + 15) % 30
    epact -= epact // 28 * (1 - 29 // (epact + 1) * ((21 - golden) // 11))
    weekday = (year + year // 4 + epact + 2 - century + century // 4) % 7
    offset = epact - weekday
    month = 3 + (offset + 40) // 44
    return dt.date(year, month, offset + 28 - 31 * (month // 4))


def observed(day: dt.date) -> dt.date:
    return day + dt.timedelta({5: -1, 6: 1}.get(day.weekday(), 0))


def projected(year: int) -> Days:
    new_year, independence, christmas = (dt.date(year, *at) for at in [(1, 1), (7, 4), (12, 25)])
    closed = [
        # A New Year's Day on a Saturday has no substitute in the year before.
        *([observed(new_year)] if new_year.weekday() != 5 else []),
        nth(year, 1, 0, 3),
        nth(year, 2, 0, 3),
        easter(year) - dt.timedelta(2),
        nth(year, 5, 0, 0),
        observed(dt.date(year, 6, 19)),
        observed(independence),
        nth(year, 9, 0, 1),
        nth(year, 11, 3, 4),
        observed(christmas),
    ]
    early = [
        *([dt.date(year, 7, 3)] if independence.weekday() in (1, 2, 3, 4) else []),
        nth(year, 11, 3, 4) + dt.timedelta(1),
        *([dt.date(year, 12, 24)] if christmas.weekday() in (1, 2, 3, 4) else []),
    ]
    return {day: "closed" for day in closed} | {day: "early" for day in early}


def text(days: Days) -> str:
    head = (
        "# Weekdays on which the New York Stock Exchange was closed, or closed early at 13:00.\n"
        f"# Range: {FIRST_DAY} to {LAST_DAY}, both included. No weekend day in this range was a trading day.\n"
        "# Sources, agreeing on every day: exchange_calendars 4.13.2 (XNYS), pandas_market_calendars 5.5.0 (NYSE).\n"
        "# Written by scripts/nyse_calendar.py; do not edit.\n"
    )
    return head + "".join(f"{day} {kind}\n" for day, kind in sorted(days.items()))


def measure() -> None:
    lines = [line.split() for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    known = {dt.date.fromisoformat(day): kind for day, kind in lines}
    print("| Year | Trading days | Projected | Wrong days |\n|---:|---:|---:|---|")
    for year in range(FIRST_DAY.year, LAST_DAY.year + 1):
        guess = projected(year)
        every = weekdays(max(FIRST_DAY, dt.date(year, 1, 1)), dt.date(year, 12, 31))
        count = lambda days: sum(days.get(day) != "closed" for day in every)
        short = lambda days, day: days.get(day, "open")
        wrong = [
            f"{day:%m-%d} {short(known, day)}, projected {short(guess, day)}"
            for day in every
            if short(known, day) != short(guess, day)
        ]
        print(f"| {year} | {count(known)} | {count(guess)} | {'; '.join(wrong) or '-'} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare the table with the sources")
    parser.add_argument("--measure", action="store_true", help="print the projection's errors")
    arguments = parser.parse_args()
    if arguments.measure:
        measure()
    elif arguments.check:
        if TABLE.read_text() != text(from_sources()):
            sys.exit(f"{TABLE} is not current")
    else:
        TABLE.write_text(text(from_sources()))


if __name__ == "__main__":
    main()
