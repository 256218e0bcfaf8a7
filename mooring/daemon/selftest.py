"""What this installation is made of, tried: for a frozen application above all, from which a part may be missing.

Unlike the doctor it looks at no home and no person's machine, only at what came with the program.
"""

from __future__ import annotations

import importlib
import importlib.util
import sqlite3
import ssl
import subprocess
import sys
import threading
import zoneinfo
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from mooring.daemon.doctor import CheckResult
from mooring.programs import MODULES, is_frozen, module_line

CALL_SECONDS: Final = 60.0
ASSETS: Final = (  # one of each folder of files that are no modules
    "control_api/web/shell.html",
    "runtime/observe/templates/report.html",
    "runtime/store/migrations/script.py.mako",
    "runtime/store/migrations/versions/0004_sqlite.sql",
    "runtime/store/sql/sqlite.sql",
    "runtime/store/validation/01_postings_balance.sql",
)
# What speaks with the system; without it keyring's module is there all the same, and says so at its first use.
KEYCHAIN_PARTS: Final = {
    "keyring.backends.macOS": "keyring.backends.macOS.api",
    "keyring.backends.SecretService": "secretstorage",
}
EXTRAS: Final = (
    ("Parquet files (polars)", "polars"),
    ("training (lightgbm)", "lightgbm"),
    ("compiled backtests (numba)", "numba"),
    ("other venues (ccxt)", "ccxt"),
    ("PostgreSQL (psycopg)", "psycopg"),
)
REINSTALL: Final = "Install Mooring again; what came with it is not whole."
FIXES: Final = {"time_zones": "Install the system's package tzdata."}  # the system's own, which no program brings
ZONE: Final = "America/New_York"


def selftest() -> list[CheckResult]:
    """Every part that the program needs and that an installation may lack."""
    return [_tried(name, check) for name, check in CHECKS]


def _tried(name: str, check: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name=name, state="ok", detail=check())
    except Exception as error:  # noqa: BLE001 -- whatever is missing says so in its own way
        said = f"{type(error).__name__}: {error}"
        return CheckResult(name=name, state="fail", detail=said, fix=FIXES.get(name, REINSTALL))


def _program() -> str:
    return f"{'frozen' if is_frozen() else 'from its sources'}, Python {sys.version.split()[0]}, {sys.platform}"


def _keychain() -> str:
    from mooring.secrets.vault import backend_module  # noqa: PLC0415 -- each check imports what it tries

    # Whether it answers is for the doctor: a session without one is no fault of what was installed.
    name = backend_module()
    importlib.import_module(KEYCHAIN_PARTS[name])
    return str(importlib.import_module(name).Keyring.__module__)


def _tls() -> str:
    import certifi  # noqa: PLC0415

    context = ssl.create_default_context(cafile=certifi.where())
    roots = len(context.get_ca_certs())
    if not roots:
        raise ValueError("there are no roots")
    return f"{ssl.OPENSSL_VERSION}, {roots} roots"


def _database() -> str:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE TABLE t (a INTEGER) STRICT")
        connection.execute("INSERT INTO t VALUES (json_extract('[1]', '$[0]'))")
        (value,) = connection.execute("SELECT a FROM t").fetchone()
    finally:
        connection.close()
    if value != 1:
        raise ValueError("it does not count")
    return f"SQLite {sqlite3.sqlite_version}"


def _time_zones() -> str:
    return f"{zoneinfo.ZoneInfo(ZONE).key}"


def _signatures() -> str:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    key = Ed25519PrivateKey.generate()
    signature = key.sign(b"signed")
    key.public_key().verify(signature, b"signed")
    try:
        key.public_key().verify(signature, b"other")
    except InvalidSignature:
        return "Ed25519"
    raise ValueError("a wrong signature was taken")


def _models() -> str:
    import numpy as np  # noqa: PLC0415
    import onnx  # noqa: PLC0415
    import onnxruntime  # noqa: PLC0415
    from onnx import TensorProto, helper  # noqa: PLC0415

    shape = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "double", shape[:1], shape[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (doubled,) = session.run(["y"], {"x": np.array([1.5], np.float32)})
    if np.asarray(doubled).tolist() != [3.0]:
        raise ValueError("it does not compute")
    return f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}"


def _assets() -> str:
    import mooring  # noqa: PLC0415
    from mooring.control_api.pages import Pages  # noqa: PLC0415

    root = Path(str(mooring.__file__)).parent
    lost = [name for name in ASSETS if not (root / name).is_file()]
    if lost:
        raise FileNotFoundError(", ".join(lost))
    if b"<html" not in bytes(Pages().shell("t").body):
        raise ValueError("the dashboard's page is empty")
    return f"{len(ASSETS)} files, templates"


def _extensions() -> str:
    from mooring.runtime import extensions  # noqa: PLC0415

    names = [*extensions.installed(extensions.PRODUCERS), *extensions.installed(extensions.STRATEGIES)]
    for group in (extensions.PRODUCERS, extensions.STRATEGIES):
        for name in extensions.installed(group):
            extensions.find(group, name)
    if not {"rsi", "conviction"} <= set(names):
        raise ValueError(f"only {', '.join(names) or 'none'}")
    return ", ".join(names)


def _children() -> str:
    for module in sorted(MODULES):
        # Each answers nonsense with a line of JSON, and ends with the pipe that it is asked by.
        child = subprocess.Popen(  # noqa: S603 -- our own program
            module_line(module), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        timer = threading.Timer(CALL_SECONDS, child.kill)
        timer.start()
        try:
            with child:
                assert child.stdin is not None, "it is a pipe"
                assert child.stdout is not None, "it is a pipe"
                with suppress(BrokenPipeError):  # it has ended already
                    child.stdin.write(b"\n")
                answer = child.stdout.readline()
        finally:
            timer.cancel()
        if not answer.startswith(b"{"):
            raise ValueError(f"{module} does not answer")
    return ", ".join(sorted(MODULES))


def _left_out() -> str:
    """What an application does not carry, and what a person has not installed; no fault, but good to know."""
    return ", ".join(what for what, module in EXTRAS if importlib.util.find_spec(module) is None) or "nothing"


def _commands() -> str:
    names = ("app", "options", "replaying", "onboard")
    for name in names:
        importlib.import_module(f"mooring.daemon.{name}")
    return "the daemon's modules"


CHECKS: Final[tuple[tuple[str, Callable[[], str]], ...]] = (
    ("program", _program),
    ("keychain", _keychain),
    ("tls", _tls),
    ("database", _database),
    ("time_zones", _time_zones),
    ("signatures", _signatures),
    ("models", _models),
    ("assets", _assets),
    ("extensions", _extensions),
    ("child_programs", _children),
    ("daemon", _commands),
    ("left_out", _left_out),
)
