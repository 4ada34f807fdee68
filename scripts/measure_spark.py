#!/usr/bin/env python3
"""What bars cost on executors of Spark: `klined.bars` in one process, then the same rows by `klined.spark.bars`, thrown away and as Parquet.

    python3 scripts/measure_spark.py [STOCKS] [ROUNDS]     defaults 100 and 3

Needs klined (a release build), pyspark and pyarrow in this Python, and Java 17. Printed are medians of microseconds of CPU time a bar, so that
a busy machine changes little: of this process, and of everything that a worker of the cluster started.
"""

import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests/data"))

import klined  # noqa: E402
from spark_cluster import Cluster  # noqa: E402

DAYS = ("2025-01-02", "2025-12-31")
SEED = 31


def cpu_of_sessions(leaders):
    """Seconds of CPU time of all processes of some sessions, those of ended children included."""
    total = 0
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) in leaders:
            total += sum(map(int, fields[11:15]))
    return total / os.sysconf("SC_CLK_TCK")


def main():
    stocks = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    universe = f"ashare:{stocks}"
    costs = {"klined.bars": [], "Spark, thrown away": [], "Spark, as Parquet": []}
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        cluster = Cluster(place, 2)
        try:
            spark = cluster.session()
            leaders = {worker.pid for worker in cluster.workers}
            # Code that the executors compile, and their processes of Python.
            klined.spark.bars(spark, "ashare:20", *DAYS, SEED, partitions=4).write.format("noop").mode("overwrite").save()
            for number in range(rounds):
                begun = time.process_time()
                rows = len(klined.bars(None, *DAYS, universe=universe, seed=SEED, threads=1))
                costs["klined.bars"].append(time.process_time() - begun)
                frame = klined.spark.bars(spark, universe, *DAYS, SEED, partitions=8)
                target = place / f"bars{number}"
                for name, write in (
                    ("Spark, thrown away", lambda: frame.write.format("noop").mode("overwrite").save()),
                    ("Spark, as Parquet", lambda: frame.write.option("compression", "zstd").parquet(str(target))),
                ):
                    begun = cpu_of_sessions(leaders)
                    write()
                    costs[name].append(cpu_of_sessions(leaders) - begun)
            size = sum(path.stat().st_size for path in target.glob("*.parquet"))
            spark.stop()
        finally:
            cluster.end()
    bare = statistics.median(costs["klined.bars"])
    for name, seconds in costs.items():
        median = statistics.median(seconds)
        print(f"{name:<20} {median / rows * 1e6:6.3f} µs a bar ({median / bare:.2f} × klined.bars; {min(seconds):.2f} to {max(seconds):.2f} s)")
    print(f"{rows} bars, {size / rows:.1f} bytes a bar as Parquet")


if __name__ == "__main__":
    main()
