"""Mooring: a local-first trading daemon for one person's own machine."""

import os
from typing import Final

# ONNX Runtime tells its maker which models run, unless this stands in the environment before it is first imported.
# Whatever of ours imports it has imported this, and every child is handed the variable.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__: Final = "0.1.0"
# The version again, so that neither is moved on without the other, and the day of its release (UTC): no clock of a
# machine that runs it is right when it says an earlier one.
RELEASED: Final = ("0.1.0", "2026-11-21")
