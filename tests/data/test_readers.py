"""What klined-export writes, read back by libraries that others wrote, and compared with the wheel's tables."""

import os
import pathlib
import subprocess
import urllib.request

import duckdb
import klined
import polars
import pyarrow
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.ipc
import pyarrow.json
import pyarrow.parquet
import pytest

EXPORT = pathlib.Path(os.environ["KLINED_BIN"]) / "klined-export"
MARKET = "--seed 31 --universe demo --from 2026-03-02 --to 2026-03-04".split()


def export(command, *words):
    return subprocess.run([EXPORT, command, *MARKET, *map(str, words)], check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def wanted():
    return klined.bars(None, "2026-03-02", "2026-03-04", interval="5m", seed=31).to_arrow()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("files")
    for ending in ("parquet", "csv", "jsonl", "arrow"):
        export("bars", "--interval", "5m", "--out", place / f"bars.{ending}")
    for partition in ("date", "symbol", "date,symbol"):
        export("bars", "--interval", "5m", "--format", "parquet", "--partition", partition, "--out", place / partition)
    return place


def plain(table):
    """The rows without what a text cannot keep: the zone as an instant in UTC."""
    time = table["time"].cast(pyarrow.timestamp("us", "UTC"))
    return table.set_column(table.column_names.index("time"), "time", time).sort_by([("symbol", "ascending"), ("time", "ascending")]).to_pylist()


def test_pyarrow_reads_every_format(folder, wanted):
    assert pyarrow.parquet.read_table(folder / "bars.parquet").equals(wanted)
    assert pyarrow.feather.read_table(folder / "bars.arrow").equals(wanted)
    assert plain(pyarrow.csv.read_csv(folder / "bars.csv")) == plain(wanted)
    lines = pyarrow.json.read_json(folder / "bars.jsonl")
    # It makes instants of texts with an offset, and does not keep the offset.
    lines = lines.set_column(1, "time", pyarrow.compute.assume_timezone(lines["time"].cast(pyarrow.timestamp("us")), "UTC"))
    assert plain(lines) == plain(wanted)


def test_a_pipe_gives_a_stream_of_arrow(wanted):
    stream = export("bars", "--interval", "5m", "--format", "arrow", "--out", "-")
    assert pyarrow.ipc.open_stream(stream).read_all().equals(wanted)


def test_parquet_has_its_origin(folder):
    metadata = pyarrow.parquet.read_metadata(folder / "bars.parquet")
    assert metadata.metadata[b"klined:seed"] == b"31"
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    assert metadata.row_group(0).column(2).statistics.has_min_max


def test_polars_reads_every_format(folder, wanted):
    frame = polars.DataFrame(wanted)
    assert polars.read_parquet(folder / "bars.parquet").equals(frame)
    assert polars.read_ipc(folder / "bars.arrow").equals(frame)
    columns = ["symbol", "open", "high", "low", "close", "volume", "turnover", "trades"]
    assert polars.read_csv(folder / "bars.csv").select(columns).equals(frame.select(columns))
    assert polars.read_ndjson(folder / "bars.jsonl").select(columns).equals(frame.select(columns))


def test_duckdb_reads_every_format(folder, wanted):
    sums = "SELECT count(*), sum(volume), min(low), max(high), min(time)::TIMESTAMPTZ, max(time)::TIMESTAMPTZ FROM"
    expected = duckdb.sql(f"{sums} wanted").fetchall()
    assert expected[0][0] == 10 * 3 * 48
    for ending, read in (("parquet", "read_parquet"), ("csv", "read_csv"), ("jsonl", "read_json")):
        assert duckdb.sql(f"{sums} {read}('{folder}/bars.{ending}')").fetchall() == expected, ending


@pytest.mark.parametrize("partition", ["date", "symbol", "date,symbol"])
def test_a_partitioned_directory_has_the_rows_again(folder, wanted, partition):
    columns = wanted.column_names
    dataset = pyarrow.dataset.dataset(folder / partition, partitioning="hive").to_table()
    assert plain(dataset.select(columns)) == plain(wanted)
    frame = polars.read_parquet(f"{folder}/{partition}/**/*.parquet", hive_partitioning=True).select(columns).sort("symbol", "time")
    assert frame.equals(polars.DataFrame(wanted).sort("symbol", "time"))
    query = f"SELECT symbol, count(*), sum(volume) FROM read_parquet('{folder}/{partition}/**/*.parquet', hive_partitioning = true) GROUP BY symbol ORDER BY symbol"
    assert duckdb.sql(query).fetchall() == duckdb.sql("SELECT symbol, count(*), sum(volume) FROM wanted GROUP BY symbol ORDER BY symbol").fetchall()


def test_trades_and_quotes_are_the_wheels(tmp_path):
    for command, made in (("trades", klined.ticks), ("quotes", klined.quotes)):
        export(command, "--symbols", "AAPL,V", "--out", tmp_path / f"{command}.parquet")
        table = pyarrow.parquet.read_table(tmp_path / f"{command}.parquet")
        assert table.equals(made(["AAPL", "V"], "2026-03-02", "2026-03-04", seed=31).to_arrow())
        assert table.schema.field("time").type == pyarrow.timestamp("ns", "Asia/Shanghai")


def test_decimals_stay_exact(tmp_path):
    export("bars", "--interval", "1d", "--prices", "decimal", "--out", tmp_path / "x.parquet")
    closes = pyarrow.parquet.read_table(tmp_path / "x.parquet")["close"]
    assert closes.type == pyarrow.decimal128(10, 2)
    assert duckdb.sql(f"SELECT typeof(close) FROM '{tmp_path}/x.parquet' LIMIT 1").fetchall() == [("DECIMAL(10,2)",)]


@pytest.mark.parametrize("calendar", ["sse", "24x7"])
def test_the_server_gives_csv_and_arrow_as_an_export_does(tmp_path, calendar):
    """One page has all bars of the range as CSV; several pages have them as Arrow."""
    programs, url = EXPORT.parent, f"sqlite:///{tmp_path}/market.db"
    words = ["--db-url", url, "--seed", "31", "--calendar", calendar, "--from", "2026-03-02", "--to", "2026-03-03"]
    subprocess.run([programs / "market-backfill", *words], check=True, capture_output=True, cwd=tmp_path)
    server = subprocess.Popen([programs / "market-api", "--db-url", url, "--addr", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        said = next(line for line in server.stderr if "serving the market on http://" in line)
        address = said.split("http://")[1].split()[0]
        for interval in ("1m", "5m", "1d"):
            words = ["bars", "--db-url", url, "--symbols", "AAPL", "--from", "2026-03-02", "--to", "2026-03-03", "--interval", interval, "--format", "csv", "--out", "-"]
            exported = subprocess.run([EXPORT, *words], check=True, capture_output=True).stdout
            path = f"/api/v2/bars/AAPL?timeframe={interval}&start=2026-03-02&end=2026-03-03&limit=5000&format=csv"
            with urllib.request.urlopen(f"http://{address}{path}") as answer:
                assert answer.read() == exported
            words[words.index("csv")] = "arrow"
            stream = subprocess.run([EXPORT, *words], check=True, capture_output=True).stdout
            expected, pages, token = pyarrow.ipc.open_stream(stream).read_all(), [], ""
            while token is not None:
                path = f"/api/v2/bars/AAPL?timeframe={interval}&start=2026-03-02&end=2026-03-03&limit=200&format=arrow{token}"
                with urllib.request.urlopen(f"http://{address}{path}") as answer:
                    assert answer.headers["Content-Type"] == "application/vnd.apache.arrow.stream"
                    pages.append(pyarrow.ipc.open_stream(answer.read()).read_all())
                    token = answer.headers["X-Next-Page-Token"] and f"&page_token={answer.headers['X-Next-Page-Token']}"
            assert pages[0].schema.metadata == {b"klined:interval": interval.encode()}
            assert pyarrow.concat_tables(pages).equals(expected) and len(expected) == exported.count(b"\n") - 1
    finally:
        server.terminate()
        server.wait()
