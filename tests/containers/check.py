"""Each service of deploy/compose.yaml against the program that it starts, and the files that it names.

python check.py DIRECTORY-OF-PROGRAMS, in the repository's directory.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

PROGRAMS = Path(sys.argv[1])
DEPLOY = Path("deploy")
DEFAULTS = re.compile(r"\$\{(\w+):?-([^}]*)\}")
FAULTS = []


def with_defaults(value):
    """The value of a variable that nobody has set."""
    return DEFAULTS.sub(lambda match: match[2], str(value))


def run(words):
    """Output and status of a program in an empty environment."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env={"PATH": os.environ["PATH"]}, check=False)
    return done.returncode, done.stdout + done.stderr


def check_program(name, service):
    """Flags, subcommands and variables are the program's."""
    program, *arguments = map(with_defaults, service["command"])
    if not (PROGRAMS / program).exists():
        FAULTS.append(f"{name}: there is no program {PROGRAMS / program}; build it first")
        return
    status, text = run([PROGRAMS / program, *arguments, "--help"])
    if status != 0:
        FAULTS.append(f"{name}: {program} refuses {' '.join(arguments)}: {text}")
    # A subcommand has its own variables besides the program's.
    text += run([PROGRAMS / program, "--help"])[1]
    known = set(re.findall(r"\[env:\s+(\w+)", text))
    for variable in service.get("environment", {}):
        if variable not in known:
            FAULTS.append(f"{name}: {program} has no variable {variable}")


def check_files(name, service):
    """Files and directories of this repository that are mounted."""
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith(".") and not (DEPLOY / source).exists():
            FAULTS.append(f"{name}: there is no {DEPLOY / source}")


def check_ports(name, service):
    """Ports are open on this machine only."""
    for port in service.get("ports", []):
        if not port.startswith("127.0.0.1:"):
            FAULTS.append(f"{name}: port {port} is open to other machines")


def main():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    targets = set(re.findall(r"^FROM \S+ AS (\S+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))
    services = compose["services"]
    for name, service in services.items():
        if "build" in service:
            check_program(name, service)
            if service["build"]["target"] not in targets:
                FAULTS.append(f"{name}: the Dockerfile has no stage {service['build']['target']}")
        check_files(name, service)
        check_ports(name, service)
    prometheus = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    for job in prometheus["scrape_configs"]:
        for target in job.get("dns_sd_configs", [{"names": []}])[0]["names"]:
            served = services.get(target, {}).get("environment", {}).get("KLINED_HEALTH_ADDR", "")
            if not served.endswith(f":{job['dns_sd_configs'][0]['port']}"):
                FAULTS.append(f"prometheus.yml: {target} serves no metrics at the port of {job['job_name']}")
    documented = set(re.findall(r"`(\w+)`", Path("docs/CONTAINERS.md").read_text()))
    for variable in sorted({match[0] for match in DEFAULTS.findall((DEPLOY / "compose.yaml").read_text())}):
        if variable != "NAME" and variable not in documented:
            FAULTS.append(f"docs/CONTAINERS.md does not name {variable}")
    for fault in FAULTS:
        print(f"containers: {fault}", file=sys.stderr)
    sys.exit(1 if FAULTS else 0)


main()
