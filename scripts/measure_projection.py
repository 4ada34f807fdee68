#!/usr/bin/env python3
"""Measure the projected exchange closures against the known ones.

The closures of a year are known once its holiday notice is published, late in
the year before. For later years they are projected from the weekdays and the
festival dates, by `projected_closures` below: the reference for the version in
crates/klined-market. This script compares the projection with every complete year of
crates/klined-market/src/calendar/tables/closed_days.txt and prints a Markdown table.

The rule follows the holiday regulation as revised in November 2024, in force
since 2025, so earlier years differ wherever the regulation of their day did.

Uses the standard library only. Usage:

    python scripts/measure_projection.py
    python scripts/measure_projection.py --list 2027   # the closures of a year
"""

import argparse
import datetime as dt
from collections import namedtuple
from pathlib import Path

TABLES = Path(__file__).resolve().parent.parent / "crates" / "klined-market" / "src" / "calendar" / "tables"

DAY = dt.timedelta(days=1)
MON, TUE, WED, THU, FRI, SAT, SUN = range(7)  # date.weekday()

Festivals = namedtuple("Festivals", "spring qingming dragon_boat mid_autumn")

# The holiday regulations as they changed; each runs to the next one's start.
PERIODS = (
    (1991, "early years"),
    (1999, "golden weeks of Spring, May and October"),
    (2008, "Qingming, Dragon Boat, Mid-Autumn added; May cut"),
    (2014, "settled pattern, Spring Festival of 7 days"),
    (2025, "revised regulation (the one projected)"),
)


# --- the projection ---------------------------------------------------------


def block(first, length):
    """`length` consecutive days."""
    return [first + i * DAY for i in range(length)]


def short_holiday(day):
    """New Year, Qingming, Dragon Boat, Mid-Autumn: three days in a row that
    hold the festival and a weekend, but on a Wednesday that day alone."""
    weekday = day.weekday()
    if weekday == WED:
        return [day]
    before = {MON: 2, TUE: 2, SUN: 1}.get(weekday, 0)
    return block(day - before * DAY, 3)


def spring_festival(spring):
    """Eight days from New Year's Eve."""
    return block(spring - DAY, 8)


def labour_day(year):
    """Five days from 1 May; when that is a Sunday, Monday or Tuesday, five
    days from the Saturday before it."""
    first_of_may = dt.date(year, 5, 1)
    before = {SUN: 1, MON: 2, TUE: 3}.get(first_of_may.weekday(), 0)
    return block(first_of_may - before * DAY, 5)


def autumn(year, mid_autumn):
    """Mid-Autumn and National Day. From 29 September on, Mid-Autumn merges
    with the week of National Day: eight days, from whichever comes first.
    Otherwise it is a short holiday, and National Day is seven days."""
    national_day = dt.date(year, 10, 1)
    if mid_autumn >= dt.date(year, 9, 29):
        return block(min(mid_autumn, national_day), 8)
    return short_holiday(mid_autumn) + block(national_day, 7)


def projected_closures(year, festivals):
    """The weekdays of a year on which the exchange is expected to be closed.

    Make-up working days fall on weekends, when the exchange never trades, so
    they play no part. The New Year of the following year is looked at too,
    because a Tuesday New Year closes 31 December.
    """
    holidays = (
        short_holiday(dt.date(year, 1, 1))
        + spring_festival(festivals.spring)
        + short_holiday(festivals.qingming)
        + labour_day(year)
        + short_holiday(festivals.dragon_boat)
        + autumn(year, festivals.mid_autumn)
        + short_holiday(dt.date(year + 1, 1, 1))
    )
    return {day for day in holidays if day.year == year and day.weekday() < SAT}


# --- the measurement --------------------------------------------------------


def table_lines(name):
    with open(TABLES / name, encoding="utf-8") as file:
        return [line.strip() for line in file if not line.startswith("#")]


def known_closures():
    """The closed weekdays of each complete year. (1990 is not complete.)"""
    by_year = {}
    for line in table_lines("closed_days.txt"):
        day = dt.date.fromisoformat(line)
        by_year.setdefault(day.year, set()).add(day)
    return by_year


def festival_table():
    table = {}
    for line in table_lines("lunar_festivals.txt"):
        year, *days = line.split()
        table[int(year)] = Festivals(
            *(dt.date.fromisoformat(f"{year}-{day}") for day in days)
        )
    return table


def weekdays_in(year):
    length = (dt.date(year + 1, 1, 1) - dt.date(year, 1, 1)).days
    return sum(day.weekday() < SAT for day in block(dt.date(year, 1, 1), length))


def short_list(days):
    return " ".join(day.strftime("%m-%d") for day in sorted(days)) or "-"


def measure():
    festivals = festival_table()
    known = known_closures()
    totals = {start: [0, 0, 0] for start, _ in PERIODS}

    print("| Year | Trading days | Projected | Closed, but open | Open, but closed | Closed, but open: days | Open, but closed: days |")
    print("|---:|---:|---:|---:|---:|---|---|")
    for year in sorted(known):
        projected = projected_closures(year, festivals[year])
        wrongly_closed = projected - known[year]
        wrongly_open = known[year] - projected
        weekdays = weekdays_in(year)
        print(
            f"| {year} | {weekdays - len(known[year])} | {weekdays - len(projected)}"
            f" | {len(wrongly_closed)} | {len(wrongly_open)}"
            f" | {short_list(wrongly_closed)} | {short_list(wrongly_open)} |"
        )
        total = totals[max(start for start, _ in PERIODS if start <= year)]
        total[0] += 1
        total[1] += len(wrongly_closed)
        total[2] += len(wrongly_open)

    print()
    print("| From | Years | Closed, but open | Open, but closed | Regulation |")
    print("|---:|---:|---:|---:|---|")
    for start, name in PERIODS:
        years, wrongly_closed, wrongly_open = totals[start]
        print(f"| {start} | {years} | {wrongly_closed} | {wrongly_open} | {name} |")
    print()
    print(
        '"Closed, but open" counts days that were projected closed and were trading'
        ' days. "Open, but closed" counts days that were projected open and were not'
        " trading days."
    )


def main():
    parser = argparse.ArgumentParser(
        description="Measure the projected exchange closures against the known ones."
    )
    parser.add_argument(
        "--list", type=int, metavar="YEAR", help="print the projected closures of a year"
    )
    arguments = parser.parse_args()
    if arguments.list is None:
        measure()
        return
    festivals = festival_table()
    if arguments.list not in festivals:
        parser.error(f"no festivals for {arguments.list}")
    for day in sorted(projected_closures(arguments.list, festivals[arguments.list])):
        print(day.isoformat())


if __name__ == "__main__":
    main()
