"""`klined.spark` on a cluster: Spark's own master and two workers, each a process of its own, one of which is killed in mid-job."""

import datetime
import pathlib
import threading

import klined
import pyarrow.csv
import pyarrow.dataset
import pytest
from spark_cluster import PATIENCE, Cluster, until

RANGE = ("2026-03-02", "2026-03-13")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), 2)
    yield cluster
    cluster.end()


@pytest.fixture(scope="module")
def spark(cluster):
    session = cluster.session()
    yield session
    session.stop()


def executors(spark):
    """How many there are, the driver not counted."""
    return spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() - 1


def as_made(frame, wanted):
    """A frame of Spark with the types of a table of klined: Spark keeps instants, and neither their zone nor the metadata."""
    return frame.toArrow().cast(wanted.schema)


def test_rows_are_those_of_the_function_for_any_partitions(spark):
    wanted = klined.bars(None, *RANGE, interval="5m", seed=31).to_arrow()
    for partitions in (1, 3, None):
        frame = klined.spark.bars(spark, "demo", *RANGE, 31, interval="5m", partitions=partitions)
        assert frame.rdd.getNumPartitions() == (partitions or 1)
        assert as_made(frame, wanted).equals(wanted)


def test_styles_symbols_and_days_are_those_of_the_function(spark):
    style = {"interval": "1d", "prices": "decimal", "label": "end", "listed": "2026-01-05", "model": "gbm"}
    wanted = klined.bars(["MSFT", "AAPL"], *RANGE, seed=7, **style).to_arrow()
    start, end = (datetime.date.fromisoformat(day) for day in RANGE)
    frame = klined.spark.bars(spark, "demo", start, end, 7, symbols=["MSFT", "AAPL", "MSFT"], **style)
    assert dict(frame.dtypes)["turnover"] == "decimal(18,2)"
    assert as_made(frame, wanted).equals(wanted)


def test_files_travel_with_the_job(spark, tmp_path):
    universe, scenario = tmp_path / "stocks.csv", tmp_path / "crash.toml"
    pyarrow.csv.write_csv(klined.universe("ashare:3", seed=31).to_arrow(), universe)
    scenario.write_bytes((pathlib.Path(__file__).parents[2] / "examples/scenarios/crash.toml").read_bytes())
    words = {"interval": "1d", "scenarios": [scenario]}
    wanted = klined.bars(None, *RANGE, seed=31, universe=str(universe), **words).to_arrow()
    assert not wanted.equals(klined.bars(None, *RANGE, seed=31, universe=str(universe), interval="1d").to_arrow())
    frame = klined.spark.bars(spark, universe, *RANGE, 31, **words)
    universe.unlink()
    scenario.unlink()
    assert as_made(frame, wanted).equals(wanted)


@pytest.mark.parametrize(
    "words, arguments, keywords",
    [
        ("no stock XYZ", ("demo", *RANGE), {"symbols": ["AAPL", "XYZ"]}),
        ("list of symbols is empty", ("demo", *RANGE), {"symbols": []}),
        ("cannot read the universe file", ("none.csv", *RANGE), {}),
        ("cannot use the scenario", ("demo", *RANGE), {"scenarios": ["none.toml"]}),
        ("later than the last day", ("demo", RANGE[1], RANGE[0]), {}),
        ("3h", ("demo", *RANGE), {"interval": "3h"}),
        ("listed on 2026-03-03", ("demo", *RANGE), {"listed": "2026-03-03"}),
        ("partitions must be", ("demo", *RANGE), {"partitions": 0}),
    ],
)
def test_what_cannot_be_made_is_refused_on_the_driver(spark, words, arguments, keywords):
    with pytest.raises(klined.KlinedError, match=words):
        klined.spark.bars(spark, *arguments, **keywords)


def test_a_worker_that_is_killed_changes_no_row(cluster, spark, tmp_path):
    until(lambda: executors(spark) == 2, "two executors")
    market = {"universe": "ashare:24", "seed": 31}
    days = ("2025-01-02", "2026-03-13")
    frame = klined.spark.bars(spark, market["universe"], *days, market["seed"], partitions=12)
    outcome = []
    writer = threading.Thread(target=lambda: outcome.append(frame.write.parquet(str(tmp_path / "bars"))))
    writer.start()
    tracker = spark.sparkContext.statusTracker()
    stages = lambda: [tracker.getStageInfo(number) for number in tracker.getActiveStageIds()]
    until(lambda: any(stage and 2 <= stage.numCompletedTasks <= 8 for stage in stages()), "the first partitions")
    cluster.kill(cluster.workers[0])
    writer.join(PATIENCE)
    assert outcome == [None], "the job failed"
    assert executors(spark) == 1
    wanted = klined.bars(None, *days, **market).to_arrow()
    read = pyarrow.dataset.dataset(tmp_path / "bars").to_table()
    read = read.sort_by([("symbol", "ascending"), ("time", "ascending")])
    assert read.cast(wanted.schema).equals(wanted.combine_chunks())
