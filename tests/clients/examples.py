"""Runs the examples of docs/CLIENTS.md as they stand on the page, each before a market that asks for no keys.

    examples.py [python|node PLACE…]    PLACE is the directory that has node_modules

An example is a fenced block of `python` or `js` whose first line is a comment that names it.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from market import ROOT, Market


def examples():
    page = (ROOT / "docs/CLIENTS.md").read_text()
    for language, text in re.findall(r"^```(python|js)\n(.*?)^```$", page, re.M | re.S):
        yield language, text.splitlines()[0].lstrip("#/ "), text


def main():
    modules = pathlib.Path(sys.argv[1])
    wanted = sys.argv[2:]
    found = [example for example in examples() if not wanted or any(word in example[1].lower() for word in wanted)]
    failed = 0
    with Market(days=3, speed=60, keys=False) as market, tempfile.TemporaryDirectory(dir=modules) as place:
        environment = os.environ | {"KLINED": market.url}
        for language, name, text in found:
            script = pathlib.Path(place) / ("example.py" if language == "python" else "example.mjs")
            script.write_text(text)
            program = sys.executable if language == "python" else "node"
            done = subprocess.run([program, script], env=environment, timeout=120, capture_output=True, text=True)
            is_well = done.returncode == 0 and done.stdout.strip()
            print(f"example {name}: {'ok' if is_well else 'FAILED'}")
            if not is_well:
                failed += 1
                print(done.stdout[-1000:], done.stderr[-3000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
