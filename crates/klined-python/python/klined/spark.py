"""Bars made on the executors of Apache Spark, each of which makes those of some symbols.

`pyspark` and `pyarrow` must be installed with the driver, and `klined` and `pyarrow` with every executor.
"""

from __future__ import annotations

import os
import pathlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from . import _klined

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["bars"]

# Days of a symbol that are made at once, at most: about half a million bars of minutes, which take 50 MB.
_SYMBOL_DAYS = 2000
# So many partitions at most if nothing else is asked for: enough for hundreds of processors, few enough for the driver.
_PARTITIONS = 1000
# What `universe` may be besides the path of a file.
_NAMED = re.compile("demo|synth|ashare:.*", re.DOTALL)


def bars(
    spark: SparkSession,
    universe: str | os.PathLike[str],
    start: str | date,
    end: str | date,
    seed: int = 42,
    *,
    symbols: str | Sequence[str] | None = None,
    interval: str = "1m",
    model: str = "full",
    model_params: str | os.PathLike[str] | None = None,
    scenarios: Sequence[str | os.PathLike[str]] = (),
    calendar: str = "sse",
    listed: str | date | None = None,
    prices: str = "float",
    label: str = "start",
    partitions: int | None = None,
) -> DataFrame:
    """The rows of `klined.bars` as a DataFrame of Spark, made on the executors when they are needed.

    A partition has the bars of symbols that follow one another in the universe. The rows, and their order over all partitions,
    depend neither on the number of partitions nor on executors that are lost. Files (`universe`, `model_params`, `scenarios`) are read
    once, on the driver.

    spark: a session, of Spark Connect too.
    symbols: one symbol, several, or None for all stocks of the universe.
    partitions: how many there are, at most one a symbol; None for as many as the work is worth, 1000 at most.

    The other arguments are those of `klined.bars`. Raises `klined.KlinedError` before any job begins.
    """
    if partitions is not None and partitions < 1:
        raise _klined.KlinedError("partitions must be 1 or more")
    universe = os.fspath(universe)
    days = {row["date"] for row in _rows(_klined.sessions(start, end, calendar=calendar))}
    stocks = _rows(_klined.universe(universe, seed=seed))
    chosen = _chosen([row["symbol"] for row in stocks if row["is_active"]], symbols)
    style: dict[str, Any] = {"interval": interval, "seed": seed, "model": model, "calendar": calendar, "prices": prices, "label": label}
    files: dict[str, Any] = {"universe": universe, "model_params": model_params, "scenarios": list(scenarios)}
    first = min(days)
    # One symbol's first day: what is wrong with an argument is raised here, and the columns are known.
    probe = _klined.bars(chosen[:1] or symbols, first, first, listed=listed, threads=1, **style, **files)

    group = max(1, _SYMBOL_DAYS // len(days))
    if partitions is not None:
        group = min(group, -(-len(chosen) // partitions))
    groups = -(-len(chosen) // group)
    carried = _carried(files)
    style["listed"] = str(probe.metadata["klined:listed"])
    span = (_text(start), _text(end))

    # Batches of pyarrow, whose types the checker does not know.
    def make(batches: Iterator[Any]) -> Iterator[Any]:
        with tempfile.TemporaryDirectory(prefix="klined-") as folder:
            keywords = style | _unpacked(carried, pathlib.Path(folder))
            for batch in batches:
                for number in batch.column(0).to_pylist():
                    part = chosen[number * group : (number + 1) * group]
                    yield from _klined.bars(part, *span, threads=1, **keywords).to_arrow().to_batches()

    numbers = spark.range(0, groups, 1, min(partitions or _PARTITIONS, groups))
    return numbers.mapInArrow(make, _schema(probe.to_arrow().schema))


def _rows(table: _klined.Table) -> list[dict[str, Any]]:
    return table.to_arrow().to_pylist()  # type: ignore[no-any-return]


def _chosen(known: list[str], symbols: str | Sequence[str] | None) -> list[str]:
    """The symbols in the order of the universe. One that the universe does not have comes first, so that it is refused."""
    if symbols is None:
        return known
    asked = {symbols} if isinstance(symbols, str) else set(symbols)
    return sorted(asked.difference(known)) + [symbol for symbol in known if symbol in asked]


def _schema(schema: Any) -> str:
    """The columns in Spark's words."""
    kinds = ((field.name, re.sub(r"\[.*]", "", str(field.type))) for field in schema)
    return ", ".join(f"{name} {kind.replace('decimal128', 'decimal').replace('int64', 'bigint')}" for name, kind in kinds)


def _text(day: str | date) -> str:
    return day if isinstance(day, str) else day.isoformat()


def _carried(files: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that may be files: their content in place of their paths."""
    carried = dict(files)
    if not _NAMED.fullmatch(files["universe"]):
        carried["universe"] = pathlib.Path(files["universe"]).read_bytes()
    if files["model_params"] is not None:
        carried["model_params"] = pathlib.Path(files["model_params"]).read_bytes()
    carried["scenarios"] = [pathlib.Path(path).read_bytes() for path in files["scenarios"]]
    return carried


def _unpacked(carried: Mapping[str, Any], folder: pathlib.Path) -> dict[str, Any]:
    """The reverse: contents as files of a directory."""

    def unpacked(name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [unpacked(f"{name}-{place}", entry) for place, entry in enumerate(value)]
        if not isinstance(value, bytes):
            return value
        path = folder / name
        path.write_bytes(value)
        return str(path)

    return {name: unpacked(name, value) for name, value in carried.items()}
