"""Spark's own standalone cluster on this machine: a master and workers with a core each, every one a process of its own."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pyspark
from pyspark.sql import SparkSession

SPARK = pathlib.Path(pyspark.__file__).parent
PATIENCE = 120


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def until(holds, what):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        time.sleep(0.05)


class Cluster:
    """A master and workers, each in a session and process group of its own, so that a worker goes with its executors."""

    def __init__(self, place, workers):
        os.environ |= {"SPARK_HOME": str(SPARK), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
        self.place, self.groups = place, []
        self.port = free_port()
        self.url = f"spark://127.0.0.1:{self.port}"
        self.begin("Master", "--host", "127.0.0.1", "--port", self.port, "--webui-port", 0)
        until(self.answers, "the master")
        self.workers = [
            self.begin("Worker", "--host", "127.0.0.1", "--webui-port", 0, "--cores", 1, "--memory", "1g", "--work-dir", place / f"work{number}", self.url)
            for number in range(workers)
        ]

    def answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def begin(self, kind, *words):
        log = (self.place / f"{kind}{len(self.groups)}.log").open("wb")
        words = [SPARK / "bin/spark-class", f"org.apache.spark.deploy.{kind.lower()}.{kind}", *words]
        process = subprocess.Popen(list(map(str, words)), stdout=log, stderr=log, start_new_session=True)
        self.groups.append(process)
        return process

    def kill(self, process):
        # spark-class replaces itself by Java, which begins executors in its own group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def end(self):
        for process in reversed(self.groups):
            self.kill(process)

    def session(self, **more):
        """A session that takes all of the cluster's cores."""
        builder = SparkSession.builder.master(self.url).config("spark.driver.host", "127.0.0.1")
        for name, value in ({"executor.memory": "512m", "ui.enabled": "false", "ui.showConsoleProgress": "false"} | more).items():
            builder = builder.config(f"spark.{name}", value)
        return builder.getOrCreate()
