"""Run benchmarks and say which target was missed.

`python -m benchmarks [NAME ...] [--json]`; all of them without a name. Ends with 0 where every target was reached,
1 where one was missed, 2 where a name is unknown.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from benchmarks import api, book, bundle, cycle, daemon, live, menubar, models, replay, service, step, training, verify
from benchmarks.common import Benchmark, Result

MODULES: Final[tuple[Benchmark, ...]] = (
    step,
    book,
    cycle,
    verify,
    replay,
    daemon,
    service,
    api,
    live,
    models,
    bundle,
    training,
    menubar,
)
SMALL: Final = 100  # values below are shown with their places


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for, print it, and return the exit code."""
    known = {module.NAME: module for module in MODULES}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Mooring's own benchmarks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(known)}")
    parser.add_argument("--json", action="store_true", help="one JSON object for each figure")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in known]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(known)}")
    missed = False
    for name in asked.names or known:
        for result in known[name].run():
            missed = missed or result.missed
            print(json.dumps(as_data(name, result)) if asked.json else as_line(name, result), flush=True)
    if missed and not asked.json:
        print("A target was missed.")
    return 1 if missed else 0


def as_data(benchmark: str, result: Result) -> dict[str, Any]:
    """A result as plain data."""
    ratio = result.ratio
    finite = ratio if ratio is None or math.isfinite(ratio) else None
    return {"benchmark": benchmark, **asdict(result), "ratio": finite, "missed": result.missed}


def as_line(benchmark: str, result: Result) -> str:
    """A result as a line for people."""
    value = f"{result.value:,.3f}" if result.value < SMALL else f"{result.value:,.0f}"
    verdict = ""
    if result.target is not None:
        bound = "at least" if result.higher_is_better else "at most"
        verdict = f"  {'MISSED' if result.missed else 'ok'}: {result.ratio:.2f} x ({bound} {result.target:,g})"
    return f"{benchmark}  {result.name:<28} {value:>14} {result.unit:<14}{verdict}  [{result.note}]"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
