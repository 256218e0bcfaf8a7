"""Settings: one typed model, filled from one layer after the other.

Defaults < `settings.toml` < `MOORING_*` variables < changes made through the control API < what a command states.
Its sections, with their fields and hard bounds, are in `settings_sections`; when a change takes effect, in
`settings_rules`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Self

import orjson
from annotated_types import Ge, Le
from pydantic import BaseModel, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mooring import settings_sources as sources
from mooring.errors import Invalid
from mooring.settings_bundles import Bundles
from mooring.settings_sections import (
    Api,
    Costs,
    Execution,
    Logs,
    Market,
    Risk,
    Secrets,
    Signals,
    Store,
    Strategy,
    Trading,
    Treasury,
    Venue,
)
from mooring.settings_training import Training

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic.fields import FieldInfo

Source = Literal["defaults", "file", "variable", "changed", "command"]


@dataclass(frozen=True, kw_only=True)
class SettingInfo:
    """What there is to know of one setting.

    Attributes:
        key: `section.name`, as in `settings.toml`.
        default: the value without file or variable, as plain data (lists are tuples).
        bounds: what is accepted, in words.
        description: what it does, one sentence.
        env: the variable that sets it.
        annotation: its Python type.
    """

    key: str
    default: object
    bounds: str
    description: str
    env: str
    annotation: Any


class Settings(BaseSettings):
    """All settings, checked; made by `load_settings`. Reads no file and no environment by itself."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        env_prefix=sources.PREFIX,
        env_nested_delimiter=sources.DELIMITER,
    )

    market: Market = Market()
    trading: Trading = Trading()
    venue: Venue = Venue()
    execution: Execution = Execution()
    costs: Costs = Costs()
    signals: Signals = Signals()
    strategy: Strategy = Strategy()
    risk: Risk = Risk()
    treasury: Treasury = Treasury()
    bundles: Bundles = Bundles()
    training: Training = Training()
    store: Store = Store()
    secrets: Secrets = Secrets()
    api: Api = Api()
    logs: Logs = Logs()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 -- the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` hands in: the environment is a parameter, and errors name its variables."""
        return (init_settings,)

    @model_validator(mode="after")
    def _one_weight_each(self) -> Self:
        if len(self.strategy.weights) != len(self.signals.producers):
            raise ValueError(
                f"strategy.weights has {len(self.strategy.weights)} entries "
                f"for {len(self.signals.producers)} signals.producers; give one weight to each"
            )
        return self

    def fingerprint(self) -> str:
        """Sha256 (hex) over canonical JSON of what can change a decision: not autostart, treasury, store, API or logs.

        Nor the market and the venue: a run records bars, universe and venue themselves, not where they were reached.
        Of execution only the ages that withhold entries: how an order travels is no decision.
        """
        return hashlib.sha256(self.kept_text().encode()).hexdigest()

    def kept_text(self) -> str:
        """Canonical JSON of all that can change a decision; `from_kept` makes settings of it again."""
        kept = self.model_dump(
            mode="json",
            include={
                "trading": True,
                "execution": {"stale_seconds", "late_seconds"},
                "costs": True,
                "signals": True,
                "strategy": True,
                "risk": True,
            },
            exclude={"trading": {"autostart", "keep_awake", "shadow_validate"}},
        )
        return orjson.dumps(kept, option=orjson.OPT_SORT_KEYS).decode()

    @classmethod
    def from_kept(cls, text: str) -> Settings:
        """The settings that a run was begun with; whatever does not decide has its default.

        Raises:
            Invalid: the text is no record of settings that this version understands.
        """
        try:
            return cls(**{section: _section(section, kept) for section, kept in orjson.loads(text).items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Invalid(
                "bad_recorded_settings",
                "The settings recorded with a run cannot be read by this version.",
                money="Nothing was changed.",
                todo="Use the version of Mooring that the run names.",
            ) from None


def _section(name: str, kept: Any) -> Any:
    # From JSON text, because strict models take a JSON list for a tuple only there.
    holder: Any = Settings.model_fields[name].annotation
    return holder.model_validate_json(orjson.dumps(kept))


def describe() -> tuple[SettingInfo, ...]:
    """Every setting, in the order of the model."""
    found: list[SettingInfo] = []
    for section, holder in Settings.model_fields.items():
        model = holder.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        for name, field in model.model_fields.items():
            key = f"{section}.{name}"
            found.append(
                SettingInfo(
                    key=key,
                    default=field.default,
                    bounds=_bounds(field),
                    description=field.description or "",
                    env=sources.env_name(key),
                    annotation=field.annotation,
                )
            )
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Layers:
    """What was stated, and where: all that settings are made from but the changes made through the API."""

    file: sources.Layer
    variables: sources.Layer
    command: sources.Layer

    @classmethod
    def stated(cls, settings: Settings) -> Layers:
        """As if a file had stated what differs from the defaults."""
        values = {info.key: value for info in describe() if (value := value_of(settings, info.key)) != info.default}
        file = sources.Layer(values=values, origins=dict.fromkeys(values, "the settings"))
        return cls(file=file, variables=sources.NOTHING, command=sources.NOTHING)

    def merged(self, changes: Mapping[str, object] = MappingProxyType({})) -> sources.Merged:
        """All layers in one, with these changes among them."""
        changed = sources.from_changes(changes)
        return sources.merge((self.file, self.variables, changed, self.command))

    def resolve(self, changes: Mapping[str, object] = MappingProxyType({})) -> Settings:
        """The settings that come of it.

        Raises:
            Invalid: a value is outside its bounds, or two of them do not go together.
        """
        merged = self.merged(changes)
        try:
            return Settings(**merged.tree)
        except ValidationError as error:
            raise sources.refusal(error, merged, {info.key: info for info in describe()}) from None

    def source_of(self, key: str, changes: Mapping[str, object]) -> Source:
        """Which layer a setting has its value from."""
        where: tuple[tuple[Source, Mapping[str, object]], ...] = (
            ("command", self.command.values),
            ("changed", changes),
            ("variable", self.variables.values),
            ("file", self.file.values),
        )
        return next((source for source, values in where if key in values), "defaults")


def read_layers(home: Path, environ: Mapping[str, str], *, overrides: Mapping[str, object] | None = None) -> Layers:
    """What a home, an environment and a command state; arguments and errors as `load_settings`, but for bounds."""
    table = {info.key: info for info in describe()}
    return Layers(
        file=sources.from_toml(home / "settings.toml", table),
        variables=sources.from_environ(environ, table),
        command=sources.from_overrides(overrides or {}, table),
    )


def load_settings(home: Path, environ: Mapping[str, str], *, overrides: Mapping[str, object] | None = None) -> Settings:
    """Settings of the home directory, without the changes made through the API: those are in its records.

    Args:
        home: directory that may hold `settings.toml`.
        environ: the environment; `MOORING_RISK__DAILY_LOSS_BPS` sets `risk.daily_loss_bps`, lists are comma-separated.
        overrides: values that a command states, by `section.name`; they win over file and environment.

    Raises:
        Invalid: unknown key, value outside its bounds, broken TOML, or a file that others can write.
    """
    return read_layers(home, environ, overrides=overrides).resolve()


def value_of(settings: Settings, key: str) -> Any:
    """The value of a setting by `section.name`; lists are tuples."""
    section, name = key.split(".")
    return getattr(getattr(settings, section), name)


def _bounds(field: FieldInfo) -> str:
    stated = field.json_schema_extra
    if isinstance(stated, dict) and isinstance(stated.get("bounds"), str):
        return str(stated["bounds"])
    if field.annotation is bool:
        return "true or false"
    low = next((m.ge for m in field.metadata if isinstance(m, Ge)), None)
    high = next((m.le for m in field.metadata if isinstance(m, Le)), None)
    if low is not None and high is not None:
        return f"{low} to {high}"
    return "one of " + ", ".join(getattr(field.annotation, "__args__", ()))
