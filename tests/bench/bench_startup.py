"""How long the command takes to start, beside the libraries that it cannot do without.

Goals: `reconciler --help` <= 1.5x of `python -c "import pydantic, typer, rich"`, `validate` of a small folder <= 2.2x.
Runs alternate, so that a busy machine is busy for all of them; the figures are medians. Bytecode is cached, as in an
installation; with --no-cache nothing is, and every run compiles the modules of this folder.

    python tests/bench/bench_startup.py [--runs N] [--no-cache]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "fixtures" / "environments" / "acme-prod"
FLOOR = "floor: import pydantic, typer, rich"
GOALS = {"reconciler --help": 1.5, "reconciler validate": 2.2}
COMMANDS = {
    FLOOR: ("-c", "import pydantic, typer, rich"),
    "reconciler --help": ("-m", "reconciler", "--help"),
    "reconciler validate": ("-m", "reconciler", "validate", str(FOLDER)),
}


def run(arguments: tuple[str, ...], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--no-cache", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PYTHONDONTWRITEBYTECODE": "1"} if options.no_cache else {"PYTHONPYCACHEPREFIX": cache}
        for arguments in COMMANDS.values():
            run(arguments, environment)
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
        for _ in range(options.runs):
            for name, arguments in COMMANDS.items():
                times[name].append(run(arguments, environment))
    floor, floor_cpu = (statistics.median(column) for column in zip(*times[FLOOR], strict=True))
    print(f"{FLOOR}: {floor * 1000:.0f} ms, of the processor {floor_cpu * 1000:.0f} ms; runs: {options.runs}")
    for name, goal in GOALS.items():
        wall, cpu = (statistics.median(column) for column in zip(*times[name], strict=True))
        met = "met" if wall / floor <= goal else "MISSED"
        print(
            f"{name:<20} {wall * 1000:6.0f} ms  ratio {wall / floor:4.2f}  goal <= {goal}  {met}"
            f"   (of the processor {cpu * 1000:.0f} ms, ratio {cpu / floor_cpu:4.2f})"
        )


if __name__ == "__main__":
    main()
