"""`python -m tests.faults.scenarios --seed 7 [--count 2000] [--jobs 2] [--json]`; ends with 1 where one failed."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial

import structlog

from tests.faults.scenarios.generator import scenario
from tests.faults.scenarios.play import Outcome, play


def one(seed: int, *, hours: tuple[int, int]) -> Outcome:
    """Play the scenario of a seed, quietly."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return play(scenario(seed, recorded="MOORING_TEST_DATA" in os.environ, hours=hours))


def line(made: Outcome) -> str:
    """One scenario in one line, and one more for each problem."""
    head = (
        f"seed {made.seed}: sent {made.sent} filled {made.filled} unknown {made.unknown} resolved {made.resolved} "
        f"faults {made.hits} lives {made.lives} closes {made.closes} books_equal: {str(made.books_equal).lower()}"
    )
    return "\n".join([head, *(f"    FAILED {text}" for text in made.problems)])


def played(seeds: Iterable[int], jobs: int, hours: tuple[int, int]) -> Iterator[Outcome]:
    """The outcomes, in order."""
    if jobs == 1:
        yield from map(partial(one, hours=hours), seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(partial(one, hours=hours), seeds)


def main(arguments: list[str]) -> int:
    """Play what is asked for, print it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.scenarios", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--hours", type=int, nargs=2, default=(3, 8), metavar=("LEAST", "MOST"))
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    failed = []
    for made in played(range(asked.seed, asked.seed + asked.count), asked.jobs, tuple(asked.hours)):
        print(json.dumps(asdict(made)) if asked.json else line(made), flush=True)
        if made.problems:
            failed.append(made.seed)
    if failed and not asked.json:
        print(f"{len(failed)} failed: {failed}. One again: python -m tests.faults.scenarios --seed {failed[0]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
