"""`python -m tests.property.fuzz_bundles.guided [-runs=100000]`: bytes led by coverage, on Linux.

Atheris mutates what comes in, and keeps what reaches code that nothing reached before. Without `-runs` it has no end.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mooring.bundles.format"]):
    from tests.property.fuzz_bundles.verdicts import (
        Original,
        canonical,
        judge_archive,
        judge_manifest,
        judge_model,
        originals,
    )

from mooring.errors import MooringError
from tests.support import bundle_models as bm

INSIDE = "--inside"


def judge(kind: int, data: bytes, original: Original, folder: Path) -> None:
    """Judge bytes as an archive, a manifest or a model.

    Raises:
        AssertionError: an archive that is not the original was taken, or a manifest that is not canonical.
    """
    try:
        if kind == 0:
            judge_archive(data, original.custom, folder)
            assert data == original.archive, "another archive was taken"
        elif kind == 1:
            judge_manifest(data)
            assert canonical(json.loads(data)) == data, "a manifest was taken that is not canonical"
        else:
            path = sorted(path for path in original.files if path.endswith(".onnx"))[kind - 2]
            judge_model(data, bm.declared(path, original.files[path]))
    except MooringError:
        pass


def guide(inside: Path, arguments: list[str]) -> None:
    """Fuzz until the process ends: after `-runs=N`, or never. The first byte says what the others are."""
    corpus = inside / "corpus"
    corpus.mkdir()
    with originals(inside) as (goods, folder):
        original = goods[0]
        models = sorted(path for path in original.files if path.endswith(".onnx"))
        seeds = [original.archive, original.manifest_bytes, *(original.files[path] for path in models)]
        for kind, seed in enumerate(seeds):
            (corpus / str(kind)).write_bytes(bytes([kind]) + seed)

        def one(data: bytes) -> None:
            if data:
                judge(data[0] % len(seeds), data[1:], original, folder)

        atheris.Setup([sys.argv[0], *arguments, "-max_len=8192", str(corpus)], one)
        atheris.Fuzz()


def main(arguments: list[str]) -> int:
    """Have a process of its own fuzz, as atheris ends it without tidying up, and return its exit code."""
    with tempfile.TemporaryDirectory(prefix="mooring-guided-") as inside:
        command = [sys.executable, "-m", "tests.property.fuzz_bundles.guided", INSIDE, inside, *arguments]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    if sys.argv[1:2] == [INSIDE]:
        guide(Path(sys.argv[2]), sys.argv[3:])
    sys.exit(main(sys.argv[1:]))
