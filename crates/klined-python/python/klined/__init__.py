"""A seeded synthetic market as Arrow tables.

The functions give a `Table`, which pandas, polars, pyarrow and DuckDB take without a copy. `klined.exchange` and `klined.fx` give a `Stream`, whose
rows are made while they are taken. `klined.spark` makes bars on executors of Spark.
"""

from typing import TYPE_CHECKING

from . import calendar, exchange, fx
from ._klined import KlinedError, Stream, Table, __version__, bars, quotes, scorecard, ticks, universe

if TYPE_CHECKING:
    from . import spark

__all__ = [
    "KlinedError",
    "Stream",
    "Table",
    "__version__",
    "bars",
    "calendar",
    "exchange",
    "fx",
    "quotes",
    "scorecard",
    "spark",
    "ticks",
    "universe",
]


def __getattr__(name: str) -> object:
    # Imported when it is used: it needs parts of the standard library that nothing else here does.
    if name != "spark":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module(".spark", __name__)
