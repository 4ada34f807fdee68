"""The recipes of docs/DATA.md, as they stand there. A recipe is a fenced block of `python` or `sh` whose first line is a comment that names it."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
BLOCKS = re.findall(r"^```(python|sh)\n(.*?)^```$", (ROOT / "docs/DATA.md").read_text(), re.M | re.S)
RECIPES = [(language, text) for language, text in BLOCKS if text.startswith("# ")]


@pytest.fixture(scope="session")
def server():
    """The variables that lead psql to a server of its own."""
    cluster = subprocess.Popen([ROOT / "tests/support/cluster.sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = cluster.stdout.readline().strip()
    assert port, "no PostgreSQL server; ./test.sh installs one"
    yield {"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "postgres", "PGDATABASE": "postgres"}
    cluster.stdin.close()
    cluster.wait()


def test_there_are_recipes_for_every_program():
    text = "\n".join(text.splitlines()[0] for _, text in RECIPES)
    for name in ("scorecard", "order events", "foreign exchange", "DuckDB", "Spark", "polars", "pandas", "backtrader", "vectorbt", "qlib", "vnpy", "sqlite3", "psql"):
        assert name in text


@pytest.mark.parametrize("language, text", RECIPES, ids=[text.splitlines()[0].lstrip("# ") for _, text in RECIPES])
def test_a_recipe_runs(language, text, tmp_path, request):
    # `python3` of a recipe is this one.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(sys.executable)
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    if "psql" in text:
        environment |= request.getfixturevalue("server")
    program = [sys.executable, "-c", text] if language == "python" else ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(program, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), "it printed nothing"


def test_the_commands_of_the_introduction_run(tmp_path):
    commands = re.findall(r"^klined export .*$", "\n".join(text for language, text in BLOCKS if language == "sh" and not text.startswith("# ")), re.M)
    assert len(commands) == 3
    for command in commands:
        subprocess.run(command, shell=True, check=True, cwd=tmp_path, capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.parquet", "first.parquet", "second.parquet"]
