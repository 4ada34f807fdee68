#!/usr/bin/env python3
"""Compute the two data tables behind the trading calendar.

Writes, below crates/klined-market/src/calendar/tables/:

closed_days.txt
    The weekdays (Monday to Friday) on which the Shanghai Stock Exchange was
    closed, or is announced to be closed, from FIRST_DAY to LAST_DAY. The
    exchange has never traded on a weekend (the script fails if a source says
    otherwise), so the trading days are all weekdays not listed.

lunar_festivals.txt
    Spring Festival, Qingming, Dragon Boat and Mid-Autumn for every year from
    FIRST_YEAR to LAST_YEAR, on the China civil date.

Every fact comes from two or three sources, and any disagreement between them
is an error:

trading days
    exchange_calendars (the XSHG calendar, built from the exchange's closure
    notices) against the list of trading days shipped with akshare.
festivals
    sxtwl (its own solar and lunar theory), against a calculation made here
    from the Sun and Moon positions of ephem, against lunardate (a table of
    lunar months, up to LUNARDATE_LAST_YEAR, festivals in lunar months only).

Requirements (akshare is only read, not imported, so it needs none of its
dependencies):

    pip install exchange_calendars==4.13.2 sxtwl==2.0.7 ephem==4.2.1 \\
        lunardate==0.3.0
    pip install --no-deps akshare==1.19.5

Usage:

    python scripts/make_calendar.py            # write the tables
    python scripts/make_calendar.py --check    # exit 1 if they are not current

When the exchange publishes the closures of a further year: raise the versions
in PINNED and above, move LAST_DAY to the end of that year, and run again.
"""

import argparse
import datetime as dt
import importlib.metadata
import json
import math
import sys
from pathlib import Path

PINNED = {
    "exchange_calendars": "4.13.2",
    "akshare": "1.19.5",
    "sxtwl": "2.0.7",
    "ephem": "4.2.1",
    "lunardate": "0.3.0",
}

FIRST_DAY = dt.date(1990, 12, 19)  # the first day of trading
LAST_DAY = dt.date(2026, 12, 31)  # the last day with published closures
FIRST_YEAR = 1991
LAST_YEAR = 2100
LUNARDATE_LAST_YEAR = 2099  # where the lunardate table ends

TABLES = Path(__file__).resolve().parent.parent / "crates" / "klined-market" / "src" / "calendar" / "tables"

DAY = dt.timedelta(days=1)
SATURDAY = 5  # date.weekday()

# Festivals fixed by a lunar month and day, in the order of the table.
# Qingming, a solar term, stands between the first two.
LUNAR_FESTIVALS = ((1, 1), (5, 5), (8, 15))
QINGMING_LONGITUDE = 15  # apparent solar longitude, degrees
SXTWL_QINGMING = 7  # index counted from the winter solstice
WINTER_SOLSTICE_LONGITUDE = 270


class Disagreement(Exception):
    """The sources do not agree, or are not the pinned ones."""


def require_pinned_versions():
    for name, wanted in PINNED.items():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise Disagreement(f"{name}=={wanted} is not installed") from None
        if found != wanted:
            raise Disagreement(f"{name}=={wanted} is wanted, {found} is installed")


# --- trading days -----------------------------------------------------------


def sessions_of_exchange_calendars():
    import exchange_calendars

    calendar = exchange_calendars.get_calendar("XSHG", start=FIRST_DAY, end=LAST_DAY)
    return {stamp.date() for stamp in calendar.sessions}


def sessions_of_akshare():
    package = importlib.metadata.distribution("akshare")
    path = Path(package.locate_file("akshare/file_fold/calendar.json"))
    days = {
        dt.datetime.strptime(text, "%Y%m%d").date()
        for text in json.loads(path.read_text(encoding="utf-8"))
    }
    if min(days) > FIRST_DAY or max(days) < LAST_DAY - 7 * DAY:
        raise Disagreement(f"akshare only covers {min(days)} to {max(days)}")
    return {day for day in days if FIRST_DAY <= day <= LAST_DAY}


def closed_weekdays():
    """All weekdays without trading, after comparing the two sources."""
    sessions = sessions_of_exchange_calendars()
    differing = sorted(sessions ^ sessions_of_akshare())
    if differing:
        raise Disagreement("trading days: " + " ".join(map(str, differing)))
    weekends = sorted(day for day in sessions if day.weekday() >= SATURDAY)
    if weekends:
        raise Disagreement("weekend trading: " + " ".join(map(str, weekends)))

    span = (LAST_DAY - FIRST_DAY).days + 1
    every_day = (FIRST_DAY + i * DAY for i in range(span))
    return [d for d in every_day if d.weekday() < SATURDAY and d not in sessions]


def closed_days_text():
    days = closed_weekdays()
    lines = [
        "# Weekdays (Monday to Friday) without trading at the Shanghai Stock Exchange.",
        f"# Range: {FIRST_DAY} to {LAST_DAY}, both included; {len(days)} days.",
        "# No weekend day in this range was a trading day.",
        f"# Sources, agreeing on every day: exchange_calendars {PINNED['exchange_calendars']}"
        f" (XSHG), akshare {PINNED['akshare']} (calendar.json).",
        "# Written by scripts/make_calendar.py; do not edit.",
    ]
    lines += [day.isoformat() for day in days]
    return "\n".join(lines) + "\n"


# --- festivals from sxtwl ---------------------------------------------------


def festivals_of_sxtwl(year):
    import sxtwl

    def solar(day):
        return dt.date(day.getSolarYear(), day.getSolarMonth(), day.getSolarDay())

    spring, dragon_boat, mid_autumn = (
        solar(sxtwl.fromLunar(year, month, day, False)) for month, day in LUNAR_FESTIVALS
    )
    qingming = [
        solar(day)
        for day in (sxtwl.fromSolar(year, 4, d) for d in range(1, 10))
        if day.hasJieQi() and day.getJieQi() == SXTWL_QINGMING
    ]
    if len(qingming) != 1:
        raise Disagreement(f"sxtwl: no single Qingming in {year}")
    return spring, qingming[0], dragon_boat, mid_autumn


# --- festivals from the positions of Sun and Moon ---------------------------


def china_date(moment):
    """The civil date (UTC+8) of an ephem moment (UT)."""
    import ephem

    return ephem.Date(moment + 8 * ephem.hour).datetime().date()


def solar_longitude(moment):
    """Apparent geocentric longitude of the Sun, in degrees."""
    import ephem

    sun = ephem.Sun(moment)
    place = ephem.Equatorial(sun.g_ra, sun.g_dec, epoch=moment)
    return math.degrees(ephem.Ecliptic(place, epoch=moment).lon)


def solar_term(after, longitude):
    """The moment the Sun first reaches a longitude (degrees) after a moment."""
    import ephem

    degrees_per_day = 360 / 365.2422
    ahead = (longitude - solar_longitude(after)) % 360
    moment = after + ahead / degrees_per_day
    for _ in range(20):  # Newton steps; a handful is already enough
        error = (longitude - solar_longitude(ephem.Date(moment)) + 180) % 360 - 180
        moment += error / degrees_per_day
    return ephem.Date(moment)


def month_starts(first_solstice, second_solstice):
    """First days of the months from the one holding the first solstice to the
    one holding the second, both included.

    A month begins on the China date of the new moon.
    """
    import ephem

    moons = [ephem.previous_new_moon(ephem.Date(first_solstice - 35))]
    while moons[-1] < second_solstice + 35:
        moons.append(ephem.next_new_moon(ephem.Date(moons[-1] + 1)))
    starts = [china_date(moon) for moon in moons]
    first = max(s for s in starts if s <= china_date(first_solstice))
    last = max(s for s in starts if s <= china_date(second_solstice))
    return [s for s in starts if first <= s <= last]


def festivals_of_ephem(year):
    """The festivals by the rules of the Chinese calendar.

    The winter solstice falls in month 11. If there are 13 months from one
    month 11 to the next, the first without a principal term (a multiple of 30
    degrees of solar longitude) is a leap month.
    """
    import ephem

    solstices = [
        solar_term(ephem.Date(f"{y}/12/1"), WINTER_SOLSTICE_LONGITUDE)
        for y in (year - 1, year)
    ]
    starts = month_starts(*solstices)

    terms = []
    moment = solstices[0]
    for step in range(13):
        moment = solar_term(
            ephem.Date(moment - 1), (WINTER_SOLSTICE_LONGITUDE + 30 * step) % 360
        )
        terms.append(china_date(moment))
        moment = ephem.Date(moment + 28)

    leap_to_find = len(starts) == 14
    first_day = {}
    number = 10
    for start, following in zip(starts, starts[1:]):
        if leap_to_find and not any(start <= term < following for term in terms):
            leap_to_find = False
            continue
        number = number % 12 + 1
        first_day[number] = start

    spring, dragon_boat, mid_autumn = (
        first_day[month] + (day - 1) * DAY for month, day in LUNAR_FESTIVALS
    )
    qingming = china_date(solar_term(ephem.Date(f"{year}/3/25"), QINGMING_LONGITUDE))
    return spring, qingming, dragon_boat, mid_autumn


# --- festivals, compared ----------------------------------------------------


def lunar_festivals_of_lunardate(year):
    from lunardate import LunarDate

    return tuple(
        LunarDate(year, month, day).to_solar_date() for month, day in LUNAR_FESTIVALS
    )


def festivals(year):
    """Spring Festival, Qingming, Dragon Boat, Mid-Autumn, after comparison."""
    found = festivals_of_sxtwl(year)
    others = {"ephem": festivals_of_ephem(year)}
    if year <= LUNARDATE_LAST_YEAR:
        spring, dragon_boat, mid_autumn = lunar_festivals_of_lunardate(year)
        others["lunardate"] = (spring, found[1], dragon_boat, mid_autumn)
    for name, other in others.items():
        if other != found:
            raise Disagreement(
                f"festivals of {year}: sxtwl {' '.join(map(str, found))},"
                f" {name} {' '.join(map(str, other))}"
            )
    return found


def lunar_festivals_text():
    lines = [
        "# Festivals that decide Chinese public holidays, on the China civil date.",
        "# Columns: year, Spring Festival (lunar 1/1), Qingming (solar term),",
        "#   Dragon Boat (lunar 5/5), Mid-Autumn (lunar 8/15).",
        f"# Range: {FIRST_YEAR} to {LAST_YEAR}, both included.",
        f"# Sources, agreeing on every date: sxtwl {PINNED['sxtwl']}; a calculation from",
        f"#   the positions of ephem {PINNED['ephem']}; lunardate {PINNED['lunardate']}"
        f" (to {LUNARDATE_LAST_YEAR}, without Qingming).",
        "# Written by scripts/make_calendar.py; do not edit.",
    ]
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        days = festivals(year)
        if any(day.year != year for day in days):
            raise Disagreement(f"a festival of {year} falls outside that year")
        lines.append(f"{year} " + " ".join(day.strftime("%m-%d") for day in days))
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description="Compute the closed days of the exchange and the lunar festivals."
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit 1 if the tables in the repository differ",
    )
    arguments = parser.parse_args()

    try:
        require_pinned_versions()
        texts = {
            TABLES / "closed_days.txt": closed_days_text(),
            TABLES / "lunar_festivals.txt": lunar_festivals_text(),
        }
    except Disagreement as problem:
        sys.exit(f"make_calendar: {problem}")

    stale = []
    for path, text in texts.items():
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        elif not path.exists() or path.read_bytes() != text.encode("utf-8"):
            stale.append(path.name)
    if stale:
        sys.exit("make_calendar: not current: " + ", ".join(stale))


if __name__ == "__main__":
    main()
