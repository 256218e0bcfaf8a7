"""`python -m tests.property.fuzz_bundles [--runs 20000] [--seed 1] [--json]`: mutants of bundles, manifests, offers and models.

Each mutant is found again by its seed and number (`--only NUMBER`). Ends with 1 where one was accepted or anything but a
typed refusal came. `python -m tests.property.fuzz_bundles.guided` lets what the code does lead to the next bytes.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.property.fuzz_bundles.mutate_archive import archive_mutant
from tests.property.fuzz_bundles.mutate_manifest import custom_mutant, manifest_mutant
from tests.property.fuzz_bundles.mutate_model import model_mutant, random_model_mutant
from tests.property.fuzz_bundles.verdicts import Mutant, Original, Tally, originals

Maker = Callable[[Original, random.Random, Path], Mutant | None]
MAKERS: Final[tuple[Maker, ...]] = (
    *[archive_mutant] * 4,
    *[manifest_mutant] * 4,
    custom_mutant,
    *[model_mutant] * 3,
    random_model_mutant,
)


def fuzz(runs: int, *, seed: int, first: int = 0, makers: tuple[Maker, ...] = MAKERS) -> Tally:
    """Judge so many mutants; what changes nothing is not counted."""
    tally = Tally()
    with originals() as (goods, folder):
        number = first
        while tally.total < runs:
            chance = random.Random(f"{seed}:{number}")  # seeded, so that a number finds its mutant again
            make, original = chance.choice(makers), chance.choice(goods)
            tally.judge(number, make(original, chance, folder))
            number += 1
    return tally


def main(arguments: list[str]) -> int:
    """Fuzz as asked, print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.property.fuzz_bundles", description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="NUMBER")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    begin = time.monotonic()
    runs, first = (asked.runs, 0) if asked.only is None else (1, asked.only)
    tally = fuzz(runs, seed=asked.seed, first=first)
    found = {
        "mutants": tally.total, "accepted": tally.accepted, "crashed": tally.crashed, "unchanged": tally.harmless,
        "kinds": dict(sorted(tally.kinds.items())), "codes": dict(sorted(tally.codes.items())),
        "seconds": round(time.monotonic() - begin, 1),
    }  # fmt: skip
    print(json.dumps(found) if asked.json else json.dumps(found, indent=2))
    return 1 if tally.accepted or tally.crashed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
