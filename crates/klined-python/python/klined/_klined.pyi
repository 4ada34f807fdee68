"""The functions of klined. Dates are texts such as "2026-03-02" or `datetime.date`; both ends of a range are included."""

from collections.abc import Sequence
from datetime import date
from os import PathLike
from typing import final

import pandas  # type: ignore[import-untyped]
import polars
import pyarrow  # type: ignore[import-untyped]

__all__ = ["KlinedError", "Table", "__version__", "bars", "minutes", "quotes", "sessions", "ticks", "universe"]

__version__: str

class KlinedError(ValueError):
    """A market cannot be made as it was asked for. The text says what is wrong, in the words of the programs."""

@final
class Table:
    """Rows in columns, in memory. Libraries take it by Arrow's PyCapsule interface, without a copy.

    `pyarrow.table(table)`, `polars.DataFrame(table)`, `duckdb.sql("SELECT … FROM table")` and, from pandas 3 on,
    `pandas.DataFrame.from_arrow(table)` do.
    """

    @property
    def num_rows(self) -> int:
        """The number of rows."""

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in order."""

    @property
    def metadata(self) -> dict[str, str]:
        """What the rows follow from: seed, model, universe, calendar, day of the listing, interval."""

    def __len__(self) -> int: ...
    def to_arrow(self) -> pyarrow.Table:
        """The rows as a table of pyarrow, which must be installed."""

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a frame of pandas; pandas and pyarrow must be installed."""

    def to_polars(self) -> polars.DataFrame:
        """The rows as a frame of polars, which must be installed."""

    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

def bars(
    symbols: str | Sequence[str] | None,
    start: str | date,
    end: str | date,
    *,
    interval: str = "1m",
    seed: int = 42,
    universe: str = "demo",
    model: str = "full",
    model_params: str | PathLike[str] | None = None,
    scenarios: Sequence[str | PathLike[str]] = ...,
    calendar: str = "sse",
    listed: str | date | None = None,
    prices: str = "float",
    label: str = "start",
    threads: int | None = None,
) -> Table:
    """Bars that begin from `start` to `end`, symbol after symbol, in order of time.

    Columns: `symbol`; `time`, a timestamp in the zone of the market, in microseconds; `open`, `high`, `low`, `close` in currency
    units; `volume` in shares; `turnover` in currency units; `trades`, their number. All bars are whole: a week or month that begins in the range is made to its end.

    symbols: one symbol, several, or None for all stocks of the universe.
    interval: 1m, 5m, 15m, 30m, 60m, 120m, 1d, 1w or 1M.
    seed: the number that all prices follow from, 0 to 2**64 - 1.
    universe: demo, synth, ashare:N with N from 1 to 5429, or the path of a CSV file.
    model: full, or gbm for plain geometric Brownian motion.
    model_params: a TOML file that overrides parameters of the full model.
    scenarios: TOML files with events; day 1 is the day of the listing.
    calendar: sse, nyse, 24x7 or fx.
    listed: the day on which all stocks are at their base prices; `start` if it is None. All bars depend on it.
    prices: float (double precision) or decimal (two decimals).
    label: start (of a bar's first minute) or end (of its last).
    threads: threads that make the rows, as many as there are processors if it is None. The rows do not depend on it.
    """

def ticks(
    symbols: str | Sequence[str] | None,
    start: str | date,
    end: str | date,
    *,
    seed: int = 42,
    universe: str = "demo",
    model: str = "full",
    model_params: str | PathLike[str] | None = None,
    scenarios: Sequence[str | PathLike[str]] = ...,
    calendar: str = "sse",
    listed: str | date | None = None,
    prices: str = "float",
    threads: int | None = None,
) -> Table:
    """Trades from `start` to `end`. They roll up to the bars exactly.

    Columns: `symbol`; `time`, a timestamp in the zone of the market, in nanoseconds; `id`, the number of the trade; `price` in
    currency units; `size` in shares; `side`, buy or sell, of the order that came last. The arguments are those of `bars`.
    """

def quotes(
    symbols: str | Sequence[str] | None,
    start: str | date,
    end: str | date,
    *,
    seed: int = 42,
    universe: str = "demo",
    model: str = "full",
    model_params: str | PathLike[str] | None = None,
    scenarios: Sequence[str | PathLike[str]] = ...,
    calendar: str = "sse",
    listed: str | date | None = None,
    prices: str = "float",
    threads: int | None = None,
) -> Table:
    """The best bid and ask from `start` to `end`, at each change.

    Columns: `symbol`; `time`, in nanoseconds, since when the quote stands; `id`, that of the trade before which it stands; `bid`
    and `ask` in currency units; `bid_size` and `ask_size` in shares. A side that a price limit leaves empty is null. The arguments
    are those of `bars`.
    """

def universe(name: str = "demo", *, seed: int = 42) -> Table:
    """The stocks of a universe, a row each.

    Columns: `symbol`, `name`, `sector`, `base_price` in currency units, `base_volatility` as the standard deviation of a day's
    return, `board`, `is_st`, `beta`, `daily_turnover` in currency units, `is_active`. A universe ashare:N follows from the seed.
    """

def sessions(start: str | date, end: str | date, *, calendar: str = "sse") -> Table:
    """The sessions of the trading days from `start` to `end`.

    Columns: `date`, `session`, `open`, `close` (the first instant after the session), `minutes` of trade, and `is_projected`,
    which is true where the exchange has not published the day.
    """

def minutes(start: str | date, end: str | date, *, calendar: str = "sse") -> Table:
    """The trading minutes from `start` to `end`, by `date` and `time`, the instant at which a minute begins."""
