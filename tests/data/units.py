"""Starts services as their units say, without systemd: `units.py UNIT…`, as root. Each has to report that it is ready, and all have to end well.

Understood are `User`, `WorkingDirectory`, `Environment`, `EnvironmentFile`, `ExecStartPre` and `ExecStart`. The directories of the state and the
logs, which systemd makes, are the working directory and that of `KLINED_LOG_DIR`. A service that ends before it is ready is started again, as
`Restart` has it.
"""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 60


def settings(unit):
    """The lines of a unit, by name."""
    found = {}
    for line in pathlib.Path(unit).read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def variables(found):
    lines = list(found["Environment"])
    for path in (path.removeprefix("-") for path in found["EnvironmentFile"]):
        lines += [line for line in pathlib.Path(path).read_text().splitlines() if line and not line.startswith("#")]
    # Every unit has an address of its own; here any free one will do.
    return dict(line.split("=", 1) for line in lines) | {"KLINED_HEALTH_ADDR": "127.0.0.1:0", "KLINED_API_ADDR": "127.0.0.1:0"}


def start(unit, place):
    found = settings(unit)
    user = pwd.getpwnam(found["User"][0])
    logs = variables(found).get("KLINED_LOG_DIR", found["WorkingDirectory"][0])
    for directory in map(pathlib.Path, (found["WorkingDirectory"][0], logs)):
        directory.mkdir(exist_ok=True)
        shutil.chown(directory, user.pw_uid, user.pw_gid)
    ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = os.path.join(place, pathlib.Path(unit).name)
    ready.bind(path)
    os.chown(path, user.pw_uid, user.pw_gid)
    how = {"cwd": found["WorkingDirectory"][0], "env": variables(found) | {"NOTIFY_SOCKET": path}, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    for words in found.get("ExecStartPre", []):
        subprocess.run(words.split(), check=True, timeout=PATIENCE, **how)
    until = time.monotonic() + PATIENCE
    ready.settimeout(1)
    process = subprocess.Popen(found["ExecStart"][0].split(), **how)
    while time.monotonic() < until:
        try:
            if "READY=1" in ready.recv(4096).decode().splitlines():
                # The socket stays open, as systemd's does.
                return process, ready
        except TimeoutError:
            if process.poll() is not None:
                process = subprocess.Popen(found["ExecStart"][0].split(), **how)
    process.kill()
    sys.exit(f"{unit} is not ready after {PATIENCE} s")


def main():
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        processes = []
        try:
            for unit in sys.argv[1:]:
                processes.append(start(unit, place))
        finally:
            for process, _ready in reversed(processes):
                process.send_signal(signal.SIGTERM)
            ends = [process.wait(PATIENCE) for process, _ready in processes]
    if any(ends) or not ends:
        sys.exit(f"the services ended with {ends}")


if __name__ == "__main__":
    main()
