"""What the purity check bans, as tables: names, words and the zones they hold in. See check_purity.py."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Final

MONEY_WORDS: Final = frozenset(
    "cash money price cost fee notional quantity equity proceeds pnl "
    "prices costs fees notionals quantities equities".split()
)
FLOAT_TYPES: Final = frozenset({"float", "float16", "float32", "float64", "Float64s", "floating", "double"})

CLOCK_MODULES: Final = "time asyncio threading _thread sched signal concurrent multiprocessing queue anyio trio".split()
IO_MODULES: Final = (
    "os io pathlib socket ssl select selectors subprocess shutil tempfile glob fcntl mmap sqlite3 sqlalchemy alembic "
    "httpx requests urllib http aiohttp websockets logging structlog importlib zoneinfo locale platform polars "
    "sys.stdin sys.stdout sys.stderr sys.argv"
).split()
CLOCK_METHODS: Final = frozenset({"now", "utcnow", "today", "sleep", "monotonic", "perf_counter"})
MATH_EXACT: Final = frozenset(
    "sqrt floor ceil trunc fabs copysign isnan isinf isfinite isqrt gcd lcm comb inf nan pi e".split()
)
MATH_SUMS: Final = frozenset({"fsum", "sumprod"})
NUMPY_INEXACT: Final = (
    "exp exp2 expm1 log log2 log10 log1p logaddexp logaddexp2 power pow float_power sin cos tan arcsin arccos "
    "arctan arctan2 asin acos atan atan2 sinh cosh tanh arcsinh arccosh arctanh asinh acosh atanh hypot cbrt sinc "
    "i0 linalg fft"
).split()
REDUCTIONS: Final = frozenset(
    "sum nansum prod nanprod mean nanmean average std nanstd var nanvar dot vdot inner matmul einsum tensordot "
    "trapezoid cumsum nancumsum cumprod nancumprod convolve correlate cov corrcoef median nanmedian percentile "
    "nanpercentile quantile nanquantile".split()
)
# What hands on the order of what it is given; sorted(), len(), min(), max(), any(), all() do not.
ORDER_TAKERS: Final = frozenset(
    {"list", "tuple", "enumerate", "iter", "zip", "map", "filter", "sum", "dict", "reversed"}
)
ORDER_METHODS: Final = frozenset({"join", "extend", "fromkeys", "fromiter"})
SET_METHODS: Final = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
DICT_VIEWS: Final = frozenset({"keys", "values", "items"})
SET_TYPES: Final = frozenset({"set", "frozenset", "Set", "AbstractSet", "MutableSet", "FrozenSet"})
DICT_TYPES: Final = frozenset({"dict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "defaultdict", "Counter"})


# The rest of the hour that the daemon and the backtest share: not in decision, and under the same rules.
SHARED_HOUR: Final = frozenset(
    {
        "mooring/runtime/engine/world.py",
        "mooring/runtime/portfolio/account.py",
        "mooring/runtime/venues/paper/matching.py",
        "mooring/runtime/venues/paper/orders.py",
    }
)


class Zone(Enum):
    """Which rules a file is under, and the folder it is named after."""

    DECISION = "mooring/runtime/decision/"
    DOMAIN = "mooring/runtime/domain/"
    ELSEWHERE = "mooring/"


@dataclass(frozen=True, kw_only=True)
class Ban:
    """Dotted names, and everything below them, that a zone may neither import nor name."""

    code: str
    names: frozenset[str]
    message: str

    def hits(self, dotted: str) -> bool:
        parts = dotted.split(".")
        return any(".".join(parts[: end + 1]) in self.names for end in range(len(parts)))


DYNAMIC: Final = Ban(
    code="dynamic-code",
    names=frozenset(
        "pickle _pickle cPickle dill cloudpickle joblib marshal shelve numpy.loads pandas.read_pickle "
        "builtins.eval builtins.exec builtins.compile builtins.__import__".split()
    ),
    message="{name} runs or loads code that data names; parse the data instead",
)
# The first that hits speaks, so os.urandom is randomness although os is I/O.
PURE: Final = (
    Ban(
        code="randomness",
        names=frozenset(
            "random secrets numpy.random os.urandom uuid.uuid1 uuid.uuid4 builtins.hash builtins.id".split()
        ),
        message="{name} differs from run to run; take ids and randomness as arguments",
    ),
    Ban(
        code="clock",
        names=frozenset(
            [*CLOCK_MODULES, *(f"datetime.datetime.{m}" for m in ("now", "utcnow", "today")), "datetime.date.today"]
        ),
        message="{name} reads a clock or waits; take the time of the bar as an argument",
    ),
    Ban(
        code="io",
        names=frozenset([*IO_MODULES, "builtins.open", "builtins.print", "builtins.input", "builtins.breakpoint"]),
        message="{name} reaches outside the process; the caller reads and writes",
    ),
)
EXACT: Final = (
    Ban(
        code="transcendental",
        names=frozenset(
            [
                *(f"math.{name}" for name in dir(math) if name not in MATH_EXACT | MATH_SUMS),
                *(f"numpy.{name}" for name in NUMPY_INEXACT),
                *("builtins.pow", "cmath", "statistics", "scipy"),
            ]
        ),
        message="{name} gives different bits on different machines; use + - * / and sqrt",
    ),
    Ban(
        code="reduction",
        names=frozenset([*(f"numpy.{n}" for n in REDUCTIONS), *(f"math.{n}" for n in MATH_SUMS), "builtins.sum"]),
        message="{name} adds in an order nobody wrote down; write the loop",
    ),
)
