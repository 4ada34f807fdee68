"""A seeded synthetic market as Arrow tables.

The functions give a `Table`, which pandas, polars, pyarrow and DuckDB take without a copy.
"""

from . import calendar
from ._klined import KlinedError, Table, __version__, bars, quotes, ticks, universe

__all__ = ["KlinedError", "Table", "__version__", "bars", "calendar", "quotes", "ticks", "universe"]
