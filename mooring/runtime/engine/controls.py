"""What people asked for, as the step is told of it."""

from __future__ import annotations

import numpy as np

from mooring.runtime.decision.types import (
    C_BLOCKED,
    C_CANCEL_ALL,
    C_CATCH_UP,
    C_FLATTEN,
    C_KILL,
    C_PAUSED,
    C_REBASE,
    CONTROLS,
)
from mooring.runtime.domain.bars import Int64s
from mooring.runtime.store.types import ControlRow


def inputs_of(
    control: ControlRow, *, cancelled: bool, flatten: bool, catch_up: bool = False, blocked: bool = False
) -> Int64s:
    """The controls of one hour, int64 (CONTROLS,), 0 or 1 each.

    Args:
        cancelled: whether orders were cancelled since the last close.
        flatten: whether the kill switch also sells what is held.
        catch_up: whether the hour is past already, so that nothing may be ordered on its prices.
        blocked: whether entries are blocked, since books and venue differ or prices are stale.
    """
    controls = np.zeros(CONTROLS, np.int64)
    controls[C_KILL] = int(control.kill_active)
    controls[C_PAUSED] = int(control.paused)
    controls[C_CANCEL_ALL] = int(cancelled)
    controls[C_REBASE] = int(control.rebase)
    controls[C_FLATTEN] = int(control.kill_active and flatten)
    controls[C_CATCH_UP] = int(catch_up)
    controls[C_BLOCKED] = int(blocked)
    return controls
