"""`python -m tests.property.fuzz_bundles.guided [-runs=100000]`: bytes led by coverage, on Linux.

Atheris mutates what comes in, and keeps what reaches code that nothing reached before. Without `-runs` it has no end.
"""

from __future__ import annotations

import json
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


def guide(arguments: list[str]) -> None:
    """Never returns: ends with the process, by itself after `-runs=N`. The first byte says what the others are."""
    with originals() as (goods, folder), tempfile.TemporaryDirectory(prefix="mooring-corpus-") as corpus:
        original = goods[0]
        models = sorted(path for path in original.files if path.endswith(".onnx"))
        seeds = [original.archive, original.manifest_bytes, *(original.files[path] for path in models)]
        for kind, seed in enumerate(seeds):
            Path(corpus, str(kind)).write_bytes(bytes([kind]) + seed)

        def one(data: bytes) -> None:
            if data:
                judge(data[0] % len(seeds), data[1:], original, folder)

        atheris.Setup([sys.argv[0], *arguments, "-max_len=8192", corpus], one)
        atheris.Fuzz()


if __name__ == "__main__":
    guide(sys.argv[1:])
