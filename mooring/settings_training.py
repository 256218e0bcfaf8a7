"""The section of the settings about training models; it decides nothing that is traded."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Training(BaseModel):
    """Who trains models, and how often."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    jobs: int = Field(default=0, ge=0, le=256, description="Processes that train at once; 0 is one for each processor.")
    backend: Literal["local", "dask"] = Field(
        default="local", description="Processes of this machine, or a Dask cluster that sees the same files."
    )
    scheduler: Annotated[str, Field(max_length=256, pattern=r"^(?:tcp|tls)://[^\s/@]+:[0-9]{1,5}$")] | None = Field(
        default=None,
        description="Address of the Dask scheduler; unset, a cluster on this machine is begun and ended.",
        json_schema_extra={"bounds": "like tcp://10.0.0.5:8786, or unset"},
    )
    every_hours: int = Field(
        default=168, ge=1, le=8760, description="Hours between two trainings of `mooring train --continuous`."
    )
