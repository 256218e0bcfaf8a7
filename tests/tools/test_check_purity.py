"""Each ban of the purity check is seen to fail, and each allowance is seen to pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import check_purity
import pytest
from check_purity import check_source
from purity_rules import SHARED_HOUR

ROOT = Path(__file__).resolve().parents[2]
DECISION = "mooring/runtime/decision/x.py"
DOMAIN = "mooring/runtime/domain/x.py"
ENGINE = "mooring/runtime/engine/x.py"

PURE_ZONES = (DECISION, DOMAIN)
# Seen to fail in decision and in domain, and to be allowed everywhere else.
BANNED_IN_BOTH = [
    ("clock", "import time"),
    ("clock", "import time as t"),
    ("clock", "from time import monotonic"),
    ("clock", "import asyncio"),
    ("clock", "import asyncio.events"),
    ("clock", "from asyncio import sleep"),
    ("clock", "import threading"),
    ("clock", "from concurrent.futures import ThreadPoolExecutor"),
    ("clock", "import datetime\nx = datetime.datetime.now()"),
    ("clock", "from datetime import datetime\nx = datetime.now(tz)"),
    ("clock", "from datetime import datetime as dt\nx = dt.utcnow()"),
    ("clock", "from datetime import date\nx = date.today()"),
    ("randomness", "import random"),
    ("randomness", "from random import Random"),
    ("randomness", "import secrets"),
    ("randomness", "from uuid import uuid4"),
    ("randomness", "import uuid\nx = uuid.uuid1()"),
    ("randomness", "import uuid\nx = uuid.uuid4"),
    ("randomness", "from os import urandom"),
    ("randomness", "import numpy as np\nx = np.random.default_rng(1)"),
    ("randomness", "import numpy.random"),
    ("randomness", "from numpy import random"),
    ("randomness", "from numpy.random import default_rng"),
    ("randomness", "x = hash('BTC-USDT')"),
    ("randomness", "x = sorted(rows, key=id)"),
    ("io", "import os"),
    ("io", "import os.path as p"),
    ("io", "from pathlib import Path"),
    ("io", "import socket"),
    ("io", "import sqlite3"),
    ("io", "import sqlalchemy as sa"),
    ("io", "from sqlalchemy.engine import Engine"),
    ("io", "import httpx"),
    ("io", "import logging"),
    ("io", "import sys\nsys.stdout.write('x')"),
    ("io", "x = open('x')"),
    ("io", "class B:\n    open: int\nx = open('x')"),
    ("io", "print('x')"),
    ("io", "show = print"),
    ("set-order", "for x in {1, 2}: pass"),
    ("set-order", "for x in set(y): pass"),
    ("set-order", "for x in frozenset(y): pass"),
    ("set-order", "x = [y for y in {1, 2}]"),
    ("set-order", "x = {y: 1 for y in set(z)}"),
    ("set-order", "x = (y for y in {z for z in w})"),
    ("set-order", "x = list(set(y))"),
    ("set-order", "x = tuple({1, 2})"),
    ("set-order", "x = [*{1, 2}]"),
    ("set-order", "x = ','.join({'a', 'b'})"),
    ("set-order", "x = set(y).pop()"),
    ("set-order", "x = enumerate({1} | other)"),
    ("set-order", "x = list(set(y).union(z))"),
    ("set-order", "names = {1, 2}\nfor x in names: pass"),
    ("set-order", "def f(names: frozenset[str]):\n    return [n for n in names]"),
    ("set-order", "def f():\n    names: set[str] = made()\n    yield from names"),
    ("float-money", "def f(price: float): pass"),
    ("float-money", "def f(stop_price: float | None = None): pass"),
    ("float-money", "def f(*, prices: list[float]): pass"),
    ("float-money", "def f(fee: 'float'): pass"),
    ("float-money", "class A:\n    cash: float"),
    ("float-money", "class A:\n    free_cash: Float64s"),
    ("float-money", "class A:\n    def f(self):\n        self.pnl: np.float64 = x"),
    ("float-money", "def equity(book) -> float: ..."),
    ("float-money", "x = float(cash)"),
    ("float-money", "x = float(book.quantity[symbol])"),
    ("float-money", "x = np.float64(notional)"),
    ("float-money", "x = proceeds.astype(np.float64)"),
    ("float-money", "x = cost.astype(float)"),
    ("float-money", "x = money / 2"),
    ("float-money", "x = 1 / unit_cost"),
    ("float-money", "x = (close - entry_price) / atr"),
    ("float-money", "equity /= 2"),
    ("float-money", "x = fees * 0.5"),
]
BANNED_IN_DECISION = [
    ("clock", "x = clock.now()"),
    ("clock", "self.clock.sleep(1)"),
    ("dict-order", "for x in d.keys(): pass"),
    ("dict-order", "for x, y in d.items(): pass"),
    ("dict-order", "x = [y for y in d.values()]"),
    ("dict-order", "x = list(d.values())"),
    ("dict-order", "x = list({'a': 1})"),
    ("dict-order", "def f(options: Mapping[str, int]):\n    for name in options: pass"),
    ("dict-order", "d = {}\nx = tuple(d)"),
    ("reduction", "import numpy as np\nx = np.sum(y)"),
    ("reduction", "import numpy as np\nx = np.mean(y)"),
    ("reduction", "from numpy import std"),
    ("reduction", "import numpy\nx = numpy.dot(y, z)"),
    ("reduction", "x = values.sum()"),
    ("reduction", "x = state.values[0].mean()"),
    ("reduction", "x = y @ z"),
    ("reduction", "x = sum(y)"),
    ("reduction", "import math\nx = math.fsum(y)"),
    ("transcendental", "import math\nx = math.exp(y)"),
    ("transcendental", "import math as m\nx = m.log(y)"),
    ("transcendental", "from math import pow"),
    ("transcendental", "from math import log1p as l\nx = l(y)"),
    ("transcendental", "import numpy as np\nx = np.exp(y)"),
    ("transcendental", "import numpy as np\nx = np.linalg.norm(y)"),
    ("transcendental", "x = y ** 2"),
    ("transcendental", "x = 10 ** decimals"),
    ("transcendental", "x **= 2"),
    ("transcendental", "x = pow(y, 2)"),
    ("transcendental", "import statistics"),
]
BANNED_EVERYWHERE = [
    "x = eval('1')",
    "exec('x = 1')",
    "run = eval",
    "x = __import__('os')",
    "code = compile('1', 'x', 'eval')",
    "import pickle",
    "import pickle as p\np.loads(b'')",
    "from pickle import loads",
    "import joblib",
    "from joblib import Parallel",
    "import marshal",
    "import shelve",
    "import numpy as np\nx = np.load(p, allow_pickle=True)",
    "x = load(p, allow_pickle=flag)",
]
ALLOWED_IN_DECISION = [
    "close: float = 1.0",
    "def update_ema(value: float, close: float) -> float: ...",
    "close = float(bar.close[symbol])",
    "x = 100.0 * gain / total",
    "x = (close - past) / past",
    "x = cash // 2",
    "x = mul_div(price, notional_num, notional_den)",
    "price: int = 1",
    "class A:\n    prices: Int64s",
    "fee = mul_div_up(cost, fee_ppm, PPM)",
    "import math\nx = math.sqrt(y)",
    "import math\nx = math.floor(y) + math.inf",
    "import numpy as np\nx = np.sqrt(y)",
    "import numpy as np\nx = np.floor(y)",
    "import numpy as np\nx = np.zeros(3, np.int64)",
    "LIMIT = 2**63 - 1",
    "x = -(2**63)",
    "import datetime\nx = datetime.timedelta(hours=1)",
    "from uuid import uuid5",
    "import hashlib",
    "import sys\nx = sys.maxsize",
    "for x in (1, 2): pass",
    "for x in range(3): pass",
    "for x in sorted({2, 1}): pass",
    "for x in sorted(options.items()): pass",
    "x = len({1, 2}) + max({1, 2})",
    "x = y in {1, 2}",
    "x = options['periods']",
    "x = rows.pop()",
    "class Bar:\n    open: int\nx = bar.open",
    "def f(open, hash): return open + hash",
    "x = 'import time; eval(1)'",
    "# import random",
    "from .time import bar_time",
    "import re\nx = re.compile('a')",
    "import numpy as np\nx = np.load(p, allow_pickle=False)",
]
ALLOWED_IN_DOMAIN = [
    "for x, y in d.items(): pass",
    "x = 10 ** decimals",
    "import math\nx = math.log(y)",
    "x = sum(y)",
    "class Clock(Protocol):\n    def now(self) -> int: ...",
]


def codes(source: str, path: str) -> set[str]:
    return {finding.code for finding in check_source(source, path)}


@pytest.mark.parametrize("path", PURE_ZONES)
@pytest.mark.parametrize(("code", "source"), BANNED_IN_BOTH)
def test_banned_in_decision_and_domain_but_not_elsewhere(code: str, source: str, path: str) -> None:
    assert codes(source, path) == {code}
    assert codes(source, ENGINE) == set()


@pytest.mark.parametrize(("code", "source"), BANNED_IN_DECISION)
def test_banned_in_decision_only(code: str, source: str) -> None:
    assert codes(source, DECISION) == {code}
    assert codes(source, DOMAIN) == set()


@pytest.mark.parametrize("path", [DECISION, DOMAIN, ENGINE, "mooring/cli/x.py"])
@pytest.mark.parametrize("source", BANNED_EVERYWHERE)
def test_dynamic_code_is_banned_everywhere(source: str, path: str) -> None:
    assert "dynamic-code" in codes(source, path)


@pytest.mark.parametrize("source", ALLOWED_IN_DECISION)
def test_allowed_in_decision(source: str) -> None:
    assert codes(source, DECISION) == set()


@pytest.mark.parametrize("source", ALLOWED_IN_DOMAIN)
def test_allowed_in_domain(source: str) -> None:
    assert codes(source, DOMAIN) == set()


@pytest.mark.parametrize("path", sorted(SHARED_HOUR))
def test_the_shared_hour_is_under_the_rules_of_decision(path: str) -> None:
    assert (ROOT / path).is_file(), "moved? then name its new place in purity_rules.py"
    assert codes("x = values.sum()", path) == {"reduction"}


def test_the_line_is_that_of_the_offence() -> None:
    (finding,) = check_source("a = 1\n\n\nb = values.sum()\n", DECISION)
    assert str(finding).startswith(f"{DECISION}:4: reduction .sum() ")


def test_a_local_set_of_one_function_says_nothing_about_another() -> None:
    source = "def f():\n    xs = {1}\n    return len(xs)\ndef g(xs: list[int]):\n    return [x for x in xs]\n"
    assert codes(source, DECISION) == set()


@pytest.mark.parametrize("comment", ["# pure-ok: known to be one element", "#pure-ok:known to be one element"])
def test_an_escape_with_a_reason_excuses_its_line(comment: str) -> None:
    assert codes(f"x = list({{1}})  {comment}", DECISION) == set()


def test_an_escape_excuses_an_expression_over_several_lines() -> None:
    assert codes("x = list(\n    {\n        1,  # pure-ok: one element\n    }\n)", DECISION) == set()


def test_an_escape_excuses_no_other_line() -> None:
    assert codes("x = list({1})  # pure-ok: one element\ny = list({2})", DECISION) == {"set-order"}


@pytest.mark.parametrize("comment", ["# pure-ok", "# pure-ok:", "# pure-ok:   "])
def test_an_escape_without_a_reason_excuses_nothing(comment: str) -> None:
    assert codes(f"import time  {comment}", DECISION) == {"clock", "escape"}


def test_an_escape_that_excuses_nothing_is_found() -> None:
    assert codes("x = 1  # pure-ok: it was needed once", DECISION) == {"escape"}


def test_an_escape_inside_a_string_is_no_escape() -> None:
    assert codes("import time; x = '# pure-ok: no'", DECISION) == {"clock"}


def test_an_escape_inside_a_function_does_not_excuse_its_signature() -> None:
    source = "def equity(x) -> float:\n    return x.sum()  # pure-ok: exact, the array holds integers\n"
    assert codes(source, DECISION) == {"float-money"}


def test_the_command_prints_findings_and_ends_with_1(tmp_path: Path) -> None:
    bad = tmp_path / "mooring/runtime/decision/step.py"
    bad.parent.mkdir(parents=True)
    bad.write_text("import time\n")
    ran = subprocess.run(
        [sys.executable, str(ROOT / "tools/check_purity.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stdout.startswith("mooring/runtime/decision/step.py:1: clock time reads a clock")
    bad.write_text("X = 1\n")
    assert check_purity.main([str(tmp_path)]) == 0
