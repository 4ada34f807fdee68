"""Runs the examples of docs/CLIENTS.md as they stand on the page, each before a market that asks for no keys.

    examples.py [python|node PLACE…]    PLACE is the directory that has node_modules

An example is a fenced block of `python`, `js` or `go` whose first line is a comment that names it. One whose name has "A-shares" runs before a
market of such stocks, which has a port for TDX too.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from market import ROOT, Market, free_port


GO_MODULE = ROOT / "tests/clients/go/go.mod"


def examples():
    page = (ROOT / "docs/CLIENTS.md").read_text()
    for language, text in re.findall(r"^```(python|js|go)\n(.*?)^```$", page, re.M | re.S):
        yield language, text.splitlines()[0].lstrip("#/ "), text


def main():
    modules = pathlib.Path(sys.argv[1])
    wanted = sys.argv[2:]
    found = [example for example in examples() if not wanted or any(word in example[1].lower() for word in wanted)]
    of_ashares = [example for example in found if "A-shares" in example[1]]
    others = [example for example in found if "A-shares" not in example[1]]
    failed = 0
    for examples_of, write in [(others, []), (of_ashares, ["--universe", "ashare:100"])]:
        if not examples_of:
            continue
        tdx = f"127.0.0.1:{free_port()}"
        with Market(days=3, speed=60, keys=False, write=write, serve=["--tdx-addr", tdx]) as market:
            environment = os.environ | {"KLINED": market.url, "KLINED_TDX": tdx}
            failed += sum(not runs(modules, environment, example) for example in examples_of)
    return 1 if failed else 0


def runs(modules, environment, example):
    """Runs an example. Gives whether it ends well and prints something."""
    language, name, text = example
    ending, *program = {"python": ["py", sys.executable], "js": ["mjs", "node"], "go": ["go", "go", "run"]}[language]
    with tempfile.TemporaryDirectory(dir=modules) as place:
        script = pathlib.Path(place) / f"example.{ending}"
        script.write_text(text)
        # Go looks for a module above the place that it is started in.
        where = GO_MODULE.parent if language == "go" else None
        done = subprocess.run([*program, script], cwd=where, env=environment, timeout=120, capture_output=True, text=True)
    is_well = done.returncode == 0 and bool(done.stdout.strip())
    print(f"example {name}: {'ok' if is_well else 'FAILED'}")
    if not is_well:
        print(done.stdout[-1000:], done.stderr[-3000:])
    return is_well


if __name__ == "__main__":
    sys.exit(main())
