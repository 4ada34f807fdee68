"""The functions of klined. Dates are texts such as "2026-03-02" or `datetime.date`; both ends of a range are included."""

from collections.abc import Sequence
from datetime import date, datetime
from os import PathLike
from typing import Protocol, final

import pandas  # type: ignore[import-untyped]
import polars
import pyarrow  # type: ignore[import-untyped]

__all__ = [
    "KlinedError",
    "Stream",
    "Table",
    "__version__",
    "bars",
    "exchange_events",
    "exchange_read",
    "fx_books",
    "fx_prices",
    "fx_trades",
    "minutes",
    "quotes",
    "scorecard",
    "sessions",
    "ticks",
    "universe",
]

__version__: str

class KlinedError(ValueError):
    """A market cannot be made as it was asked for. The text says what is wrong, in the words of the programs."""

class _Frame(Protocol):
    """A frame of pandas, polars, pyarrow or klined."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

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

@final
class Stream:
    """Rows that are made while a library takes them, so that any number of them needs little memory.

    Each reader has the same rows made from the first on, batch by batch, by a thread of its own. `pyarrow.table(stream)`,
    `polars.DataFrame(stream)` and `duckdb.sql("SELECT … FROM stream")` take them, and `pyarrow.RecordBatchReader.from_stream(stream)` gives the batches
    one after the other.
    """

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in order."""

    @property
    def metadata(self) -> dict[str, str]:
        """What the rows follow from."""

    def to_arrow(self) -> pyarrow.Table:
        """All rows as a table of pyarrow, which must be installed."""

    def to_pandas(self) -> pandas.DataFrame:
        """All rows as a frame of pandas; pandas and pyarrow must be installed."""

    def to_polars(self) -> polars.DataFrame:
        """All rows as a frame of polars, which must be installed."""

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

def scorecard(bars: _Frame, *, stocks: _Frame | None = None) -> Table:
    """The 16 metrics of `klined realism`, measured on bars from anywhere and compared with a real market.

    bars: a frame of pandas, polars or pyarrow, or a `Table`, with the columns `symbol`, `time` (timestamps), `open`, `high`, `low`, `close` (in
        currency units) and `volume`. Every symbol must have the same days, and every day 16 quarter-hours of trade: 240 bars of 1m, 48 of 5m or
        16 of 15m. The bars of a symbol must be in order of time. Only the bars of one day of each symbol are in memory.
    stocks: a frame with the columns `symbol`, `board` and `is_st`, such as `klined.universe` gives; `base_price` (optional) is the close before
        the first day. With it the closes at the price limits are counted. If it is None, or all stocks are on the board free, there are no price
        limits, and the bars are compared with those of large companies of the United States.

    Columns: `number` and `metric`; `part`; `value`, null if it cannot be computed; `low` and `high`, the band, both ends included, `high` is
    null without an upper end; `real`, the value of the real market; `passes`, whether the value is inside its band. A `UserWarning` says
    when the sample is smaller than the bands are meant for.
    """

def universe(name: str = "demo", *, seed: int = 42, calendar: str = "sse") -> Table:
    """The stocks of a universe, a row each.

    Columns: `symbol`, `name`, `sector`, `base_price` in currency units, `base_volatility` as the standard deviation of a day's
    return, `board`, `is_st`, `beta`, `daily_turnover` in currency units, `is_active`, `drift` as a fraction
    per year, `min_price` and `max_price` in currency units, null without a bound. A universe ashare:N follows from the seed, and the
    daily volatility and turnover of synth from the calendar.
    """

def sessions(start: str | date, end: str | date, *, calendar: str = "sse") -> Table:
    """The sessions of the trading days from `start` to `end`.

    Columns: `date`, `session`, `open`, `close` (the first instant after the session), `minutes` of trade, and `is_projected`,
    which is true where the exchange has not published the day.
    """

def minutes(start: str | date, end: str | date, *, calendar: str = "sse") -> Table:
    """The trading minutes from `start` to `end`, by `date` and `time`, the instant at which a minute begins."""

def exchange_events(
    securities: str | Sequence[str] | None = None,
    *,
    days: int = 1,
    seed: int = 42,
    model: str = "simple",
    start_date: str | date | None = None,
    trading_days: str = "weekdays",
    seed_scheme: str = "sequential",
    seconds: int = 23400,
    p0: int = 10000,
    depth: int = 5,
    levels: int = 5,
    price_floor: int | None = None,
    market_open: str = "09:30",
    hlr_curves: str | PathLike[str] | None = None,
    base_L: float | None = None,
    base_C: float | None = None,
    base_M: float | None = None,
    imbalance_sens: float | None = None,
    cancel_sens: float | None = None,
    epsilon_exec: float | None = None,
    spread_sens: float | None = None,
) -> Stream:
    """The order events of an exchange's run: those that `exchange-producer` writes to logs with flags of the same names.

    They come security after security, and day after day. Columns: `symbol`, empty for the security without a name; `date`; `ts_ns`, nanoseconds since
    midnight of the exchange's time; `type`, 0 to 5, and `type_name`; `side`, BID or ASK; `price_ticks`; `qty` in units; `order_id`, 1, 2, 3 … over the
    events of a session.

    securities: symbols with their opening prices in ticks, such as "AAPL:10000"; None for one security without a name, which opens at p0.
    days: trading days, 1 to 1,000,000.
    seed: the number that all events follow from.
    model: simple, hlr or qr-2.
    start_date: the date of the first session; 2026-01-02 if it is None.
    trading_days: weekdays, or the days of a calendar: sse, nyse, 24x7, fx.
    seed_scheme: sequential, or distinct, which has another seed for every session.
    seconds: the length of a session.
    p0: the opening price of the security without a name, in ticks.
    depth: units at each level at the open and after a refill.
    levels: price levels on each side of the book, 1 to 64.
    price_floor: the least price of a bid in ticks; prices can fall below zero if it is None.
    market_open: when sessions open, HH:MM.
    hlr_curves: a JSON file of curves, such as exchange-calibrate writes; implies the model hlr.
    base_L, base_C, base_M, imbalance_sens, cancel_sens, epsilon_exec, spread_sens: parameters of the simple model; those of
        `exchange-producer` if they are None.
    """

def exchange_read(path: str | PathLike[str], *, symbol: str | None = None, date: str | date | None = None) -> Stream:
    """The events of a `.qrsdp` log, with the columns of `exchange_events`.

    A log holds neither a symbol nor a date. If they are None, they are those of the log of a run: the name of its directory, and its own name.
    A log without an index, such as one that is being written, is read up to its last whole chunk.
    """

def fx_books(
    pairs: str | Sequence[str] | None,
    start: str | date | datetime,
    end: str | date | datetime,
    *,
    seed: int = 1,
    market_data_min_eps: int = 1000,
    market_data_max_eps: int = 15000,
    orders_min_per_sec: int = 5,
    orders_max_per_sec: int = 30,
    min_levels: int = 5,
    max_levels: int = 5,
    total_market_data_events: int | None = None,
    always_open: bool = False,
    threads: int | None = None,
) -> Stream:
    """Order books of currency pairs: the rows of the table `market_data` that `fx-generator` makes with flags of the same names.

    Columns: `timestamp` in UTC, in microseconds; `symbol`; `bids` and `asks`, each a list of two lists, prices and sizes in the base currency, best
    first; `best_bid`, `best_ask`.

    pairs: one pair such as "EURUSD", several, or None for all 30.
    start, end: instants, in UTC unless they have an offset; all rows are earlier than `end`.
    seed: the number that the whole market follows from.
    market_data_min_eps, market_data_max_eps: books a second, all pairs together.
    orders_min_per_sec, orders_max_per_sec: orders a second, all pairs together.
    min_levels, max_levels: levels on a side of a book.
    total_market_data_events: books after which the rows end; None for all up to `end`.
    always_open: a market without weekends and holidays.
    threads: threads that make the rows, as many as there are processors if it is None. The rows do not depend on it.
    """

def fx_prices(
    pairs: str | Sequence[str] | None,
    start: str | date | datetime,
    end: str | date | datetime,
    *,
    seed: int = 1,
    core_min_eps: int = 800,
    core_max_eps: int = 1100,
    market_data_min_eps: int = 1000,
    market_data_max_eps: int = 15000,
    orders_min_per_sec: int = 5,
    orders_max_per_sec: int = 30,
    max_levels: int = 5,
    always_open: bool = False,
    threads: int | None = None,
) -> Stream:
    """Best prices of currency pairs: the rows of the table `core_price`.

    Columns: `timestamp` in UTC, in microseconds; `symbol`; `ecn`, the venue that shows the price; `bid_price`, `bid_volume`, `ask_price`,
    `ask_volume` in the base currency; `reason` (normal, news_event or liquidity_event); `indicator1`, the stress of the market, and `indicator2`, the bid's
    share of the size, both from 0 to 1.

    core_min_eps, core_max_eps: prices a second, all pairs together. The other arguments are those of `fx_books`, and the rows depend on them.
    """

def fx_trades(
    pairs: str | Sequence[str] | None,
    start: str | date | datetime,
    end: str | date | datetime,
    *,
    seed: int = 1,
    orders_min_per_sec: int = 5,
    orders_max_per_sec: int = 30,
    max_levels: int = 5,
    lei_pool_size: int = 2000,
    always_open: bool = False,
    threads: int | None = None,
) -> Stream:
    """Trades of currency pairs: the rows of the table `fx_trades`.

    Columns: `timestamp` in UTC, in nanoseconds; `symbol`; `ecn`; `trade_id`; `side`, buy or sell, of the taker; `passive`, whether the order's limit was
    close to the best price; `price`; `quantity` in the base currency; `counterparty`, a legal entity identifier; `order_id`.

    lei_pool_size: entities that trade, 1 to 1,000,000. The other arguments are those of `fx_books`.
    """
