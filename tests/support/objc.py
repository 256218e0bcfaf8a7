"""What stands in for the Objective-C runtime where there is no macOS: `objc_stub.c`, compiled where there is a compiler."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

STUB = Path(__file__).with_name("objc_stub.c")


def built(folder: Path) -> str:
    """Path of the library, for a framework as well as for the runtime itself."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = folder / "libobjc.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(STUB)], check=True, timeout=60)
    return str(library)


def told(objc: str) -> list[str]:
    """All that it was told so far."""
    stub = ctypes.CDLL(objc).stub_told
    stub.restype = ctypes.c_char_p
    return stub().decode().splitlines()
