"""``python -m benchmarks [NAME…] [--output FOLDER]``; exits with 1 when a goal is missed or a benchmark failed."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .appends import measure_appends
from .decisions import measure_decisions
from .docker_builds import measure_docker_builds
from .docker_servers import measure_docker_servers
from .figures import Benchmark, Figure
from .launches import measure_launches
from .machine import read_machine
from .pressure import measure_pressure
from .report import render_table, write_results
from .servers import measure_servers
from .stack import measure_stack
from .sweep import measure_sweep
from .watchers import measure_watchers

BENCHMARKS: dict[str, Benchmark] = {
    "appends": measure_appends,
    "decisions": measure_decisions,
    "sweep": measure_sweep,
    "watchers": measure_watchers,
    "stack": measure_stack,
    "servers": measure_servers,
    "launches": measure_launches,
    "pressure": measure_pressure,
}
WITH_ENGINE: dict[str, Benchmark] = {
    "docker-builds": measure_docker_builds,
    "docker-servers": measure_docker_servers,
}
"""Those that need a container engine, and minutes; run by name only."""

KNOWN = BENCHMARKS | WITH_ENGINE


def main() -> int:
    """Run benchmarks one after the other and report them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Heliostat on this machine.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(KNOWN)}; default: {', '.join(BENCHMARKS)}"
    )
    parser.add_argument("--output", type=Path, default=Path("bench-results"), help="folder for the JSON")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - KNOWN.keys():
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    machine = read_machine()
    results: dict[str, Sequence[Figure]] = {}
    failures: dict[str, str] = {}
    for name in arguments.names or BENCHMARKS:
        _run(name, results, failures)
    path = write_results(arguments.output, machine, results, failures)
    print(f"written to {path}")
    missed = [figure for figures in results.values() for figure in figures if figure.met is False]
    return 1 if missed or failures else 0


def _run(name: str, results: dict[str, Sequence[Figure]], failures: dict[str, str]) -> None:
    begun = time.monotonic()
    print(f"{name} …", flush=True)
    try:
        results[name] = KNOWN[name]()
        print(render_table(results[name]))
    except Exception as error:  # noqa: BLE001 one benchmark that fails does not keep the others from running
        failures[name] = repr(error)
        print(f"  failed: {error!r}")
    print(f"  ({time.monotonic() - begun:.0f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
