from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from mooring.errors import Invalid
from mooring.settings import Settings, describe, load_settings

DOCS = Path(__file__).parents[1] / "docs" / "settings.md"
WHOLE_NUMBERS = [info for info in describe() if info.annotation is int]


def written(home: Path, text: str) -> Path:
    file = home / "settings.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return home


def refused(home: Path, environ: dict[str, str] | None = None, **overrides: object) -> Invalid:
    with pytest.raises(Invalid) as caught:
        load_settings(home, environ or {}, overrides={k.replace("__", "."): v for k, v in overrides.items()})
    assert caught.value.todo
    assert caught.value.money
    return caught.value


def test_without_file_and_variables_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    assert settings.market.symbols == ("BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT", "ADA-USDT")
    assert settings.trading.mode == "paper"
    assert settings.risk.max_total_exposure_bps == 8000
    assert settings == Settings()


def test_command_wins_over_variable_wins_over_file_wins_over_default(tmp_path: Path) -> None:
    written(tmp_path, "[risk]\nmax_open_positions = 3\nmax_entries_per_day = 4\ndaily_loss_bps = 200\n")
    environ = {"MOORING_RISK__MAX_ENTRIES_PER_DAY": "5", "MOORING_RISK__DAILY_LOSS_BPS": "210"}
    risk = load_settings(tmp_path, environ, overrides={"risk.daily_loss_bps": 220}).risk
    assert (risk.risk_per_trade_bps, risk.max_open_positions, risk.max_entries_per_day, risk.daily_loss_bps) == (
        50,
        3,
        5,
        220,
    )


def test_the_process_environment_is_not_read_behind_the_callers_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOORING_RISK__MAX_OPEN_POSITIONS", "1")
    assert load_settings(tmp_path, {}).risk.max_open_positions == 10
    assert Settings().risk.max_open_positions == 10


def test_variables_read_lists_switches_and_negative_numbers(tmp_path: Path) -> None:
    settings = load_settings(
        tmp_path,
        {
            "MOORING_MARKET__SYMBOLS": "BTC-USDT, ETH-USDT",
            "MOORING_TRADING__AUTOSTART": "False",
            "MOORING_STRATEGY__EXIT_SCORE": "-3",
            "MOORING_STRATEGY__WEIGHTS": "1,2,3",
            "MOORING_MARKET__START": "",
            "MOORING_HOME": "/elsewhere",
            "MOORING_TEST_DATA": "/somewhere",
            "PATH": "/usr/bin",
        },
    )
    assert settings.market.symbols == ("BTC-USDT", "ETH-USDT")
    assert settings.trading.autostart is False
    assert settings.strategy.exit_score == -3
    assert settings.strategy.weights == (1, 2, 3)
    assert settings.market.start is None


@pytest.mark.parametrize("info", WHOLE_NUMBERS, ids=lambda info: info.key)
def test_a_number_outside_its_bounds_is_refused_with_key_place_value_and_bounds(info, tmp_path: Path) -> None:
    high = int(info.bounds.split(" ")[-1])
    error = refused(tmp_path, {info.env: str(high + 1)})
    assert error.code == "bad_setting"
    assert f"{info.key} is {high + 1} in the variable {info.env}; expected {info.bounds}." in error.what


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[risk]\ndaily_loss_bps = true\n", "risk.daily_loss_bps is True"),
        ("[risk]\ndaily_loss_bps = 1.5\n", "risk.daily_loss_bps is 1.5"),
        ('[risk]\ndaily_loss_bps = "100"\n', "risk.daily_loss_bps is '100'"),
        ("[trading]\nautostart = 1\n", "trading.autostart is 1"),
        ('[trading]\nmode = "yolo"\n', "trading.mode is 'yolo'"),
        ('[market]\nsymbols = ["btc-usdt"]\n', "market.symbols is ['btc-usdt']"),
        ('[market]\nsymbols = ["BTC-USDT", "BTC-USDT"]\n', "names a symbol twice"),
        ('[market]\nsymbols = ["BTC-USDT", "BTC-EUR"]\n', "mixes quote assets"),
        ("[market]\nsymbols = []\n", "market.symbols is []"),
        ('[market]\nstart = "2021-02-30"\n', "market.start is '2021-02-30'"),
        ('[market]\nstart = "20210212"\n', "market.start is '20210212'"),
        ('[market]\nsource = "replay"\n', "market.bars_dir is not set"),
        ('[signals]\nproducers = ["rsi", "rsi"]\n', "names a producer twice"),
        ("[signals]\nema_fast = 48\n", "signals.ema_fast must be below signals.ema_slow"),
        ("[signals]\nrsi_oversold = 70\n", "signals.rsi_oversold must be below signals.rsi_overbought"),
        ("[strategy]\nweights = [1, 1]\n", "strategy.weights has 2 entries for 3 signals.producers"),
        ("[strategy]\nweights = [1, 1, -1]\n", "strategy.weights is [1, 1, -1]"),
        ("[risk]\ndrawdown_caution_bps = 1000\n", "the drawdown tiers"),
        ("[risk]\nmax_total_exposure_bps = 10001\n", "risk.max_total_exposure_bps is 10001"),
        ("[risk]\nmax_total_exposure_bps = 1000\n", "must not be above"),
        ("[api]\nport = 1023\n", "api.port is 1023"),
        ('[api]\nallowed_clients = ["10.0.0.5"]\n', "api.allowed_clients"),
        ('[api]\nallowed_clients = ["127.0.0.1", "::1"]\n', "api.allowed_clients"),
        ('[api]\nallowed_clients = ["0.0.0.0"]\n', "api.allowed_clients"),
        ('[api]\nallowed_clients = ["localhost"]\n', "api.allowed_clients"),
        ("[api]\nallowed_clients = []\n", "api.allowed_clients"),
        (
            '[venue]\nrest_url = "https://api.kraken.com.evil.example"\n',
            "neither Kraken's own over TLS nor one of this",
        ),
        ('[venue]\nrest_url = "http://localhost:8080"\n', "neither Kraken's own over TLS nor one of this"),
        ('[venue]\nrest_url = "ws://127.0.0.1:8080"\n', "neither Kraken's own over TLS nor one of this"),
        ('[venue]\nws_url = "https://api.kraken.com"\n', "neither Kraken's own over TLS nor one of this"),
        ('[venue]\nrest_url = "http://127.0.0.1:8080"\n', "must all be Kraken's, or all of this machine"),
        ('[venue]\nws_url = "ws://127.0.0.1:8080/v2"\n', "must all be Kraken's, or all of this machine"),
        ('[venue]\ntier = "gold"\n', "venue.tier is 'gold'"),
        ("[execution]\ndeadline_seconds = 1\n", "execution.deadline_seconds is 1"),
        ('[execution]\ndead_man = "maybe"\n', "execution.dead_man is 'maybe'"),
    ],
)
def test_a_wrong_value_in_the_file_is_refused_by_name(text: str, expected: str, tmp_path: Path) -> None:
    error = refused(written(tmp_path, text))
    assert error.code == "bad_setting"
    assert expected.lower() in error.what.lower()
    assert str(tmp_path / "settings.toml") in error.what


@pytest.mark.parametrize(
    ("environ", "hint"),
    [
        ({"MOORING_RISK__DAILY_LOS_BPS": "1"}, "MOORING_RISK__DAILY_LOSS_BPS"),
        ({"MOORING_RISK_DAILY_LOSS_BPS": "1"}, "MOORING_RISK__DAILY_LOSS_BPS"),
        ({"MOORING_XQ": "1"}, "docs/settings.md"),
    ],
)
def test_a_variable_that_names_no_setting_is_refused_with_the_nearest_name(environ, hint, tmp_path: Path) -> None:
    error = refused(tmp_path, environ)
    assert error.code == "unknown_setting"
    assert next(iter(environ)) in error.what
    assert hint in error.todo


def test_what_stands_under_an_unknown_key_is_never_repeated(tmp_path: Path) -> None:
    canary = "kJ8mQ2vX7pL4wZ9t"
    for text in (f'password = "{canary}"\n', f'[api]\ntoken = "{canary}"\n', f'[kraken]\nprivate_key = "{canary}"\n'):
        assert canary not in str(refused(written(tmp_path, text)))
    assert canary not in str(refused(tmp_path / "empty", {"MOORING_API_TOKEN": canary}))


def test_broken_toml_says_where(tmp_path: Path) -> None:
    error = refused(written(tmp_path, "[risk]\ndaily_loss_bps = \n"))
    assert error.code == "broken_settings_file"
    assert "line 2" in error.what


def test_unknown_key_in_the_file_names_the_nearest(tmp_path: Path) -> None:
    error = refused(written(tmp_path, "[risk]\ndaily_los_bps = 1\n"))
    assert (error.code, error.todo) == ("unknown_setting", "Did you mean risk.daily_loss_bps?")


def test_an_unknown_override_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, market__sped=1).code == "unknown_setting"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(mode: int, tmp_path: Path) -> None:
    written(tmp_path, "[risk]\ndaily_loss_bps = 100\n")
    (tmp_path / "settings.toml").chmod(mode)
    error = refused(tmp_path)
    assert error.code == "settings_file_not_private"
    assert "chmod 600" in error.todo


def test_a_pipe_a_directory_and_a_huge_file_are_refused_without_hanging(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "settings.toml", 0o600)
    assert refused(tmp_path).code == "unreadable_settings_file"
    (tmp_path / "settings.toml").unlink()
    (tmp_path / "settings.toml").mkdir()
    assert refused(tmp_path).code == "unreadable_settings_file"
    (tmp_path / "settings.toml").rmdir()
    assert refused(written(tmp_path, "#" * 70_000)).code == "unreadable_settings_file"


def test_not_utf8_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "")
    (tmp_path / "settings.toml").write_bytes(b"\xff\xfe[risk]")
    assert refused(tmp_path).code == "broken_settings_file"


def test_settings_cannot_be_changed_after_loading(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    with pytest.raises(ValueError, match="frozen"):
        settings.risk.daily_loss_bps = 1  # type: ignore[misc]


def test_fingerprint_changes_with_all_that_can_change_a_decision_and_with_nothing_else(tmp_path: Path) -> None:
    base = load_settings(tmp_path, {})
    assert re.fullmatch(r"[0-9a-f]{64}", base.fingerprint())
    assert load_settings(tmp_path, {}).fingerprint() == base.fingerprint()
    same = {
        "market.speed": 7,
        "market.seed": 5,
        "market.symbols": ["BTC-USDT"],
        "trading.autostart": False,
        "trading.keep_awake": True,
        "treasury.monthly_costs": 20,
        "treasury.principal_protection": False,
        "treasury.minimum_transfer": 0,
        "api.port": 50000,
        "logs.level": "debug",
        "logs.backups": 2,
        "trading.shadow_validate": True,
        "venue.name": "kraken",
        "venue.tier": "pro",
        "venue.rest_url": "http://127.0.0.1:1",
        "venue.ws_url": "ws://127.0.0.1:1/v2",
        "venue.ws_auth_url": "ws://127.0.0.1:1/v2",
        "execution.deadline_seconds": 6,
        "execution.settle_seconds": 31,
        "execution.reconcile_minutes": 11,
        "execution.dead_man": "off",
    }
    assert load_settings(tmp_path, {}, overrides=same).fingerprint() == base.fingerprint()
    seen = {base.fingerprint()}
    for info in WHOLE_NUMBERS:
        if info.key.split(".")[0] in ("api", "bundles", "logs", "market", "treasury", "training") or info.key in same:
            continue
        low, step = int(info.bounds.split(" ")[0]), -1 if info.key == "risk.drawdown_caution_bps" else 1
        value = info.default + step if low < info.default else info.default + 1
        changed = load_settings(tmp_path, {}, overrides={info.key: value})
        seen.add(changed.fingerprint())
    others = {
        "trading.mode": "shadow",
        "trading.dry_run": False,
        "signals.producers": ["momentum", "rsi", "ma_cross"],
    }
    for key, value in others.items():
        seen.add(load_settings(tmp_path, {}, overrides={key: value}).fingerprint())
    aside = ("api", "bundles", "logs", "market", "treasury", "training")
    counted = [i for i in WHOLE_NUMBERS if i.key.split(".")[0] not in aside and i.key not in same]
    assert len(seen) == 1 + len(counted) + len(others)


# The first text drawn on a machine builds a table of Unicode, which takes seconds.
UNHURRIED = bounded(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@UNHURRIED
@given(
    st.dictionaries(st.sampled_from([i.key for i in describe()]), st.integers() | st.text() | st.booleans(), max_size=4)
)
def test_whatever_is_stated_either_loads_within_bounds_or_is_invalid(overrides: dict[str, object]) -> None:
    try:
        settings = load_settings(Path("/nonexistent"), {}, overrides=overrides)
    except Invalid:
        return
    assert settings.risk.max_total_exposure_bps <= 10_000
    assert 0 < settings.risk.max_symbol_exposure_bps <= settings.risk.max_total_exposure_bps
    assert Settings.model_validate(settings.model_dump()) == settings


@UNHURRIED
@given(st.dictionaries(st.sampled_from([i.env for i in describe()]), st.text(), max_size=4))
def test_whatever_a_variable_says_either_loads_or_is_invalid(environ: dict[str, str]) -> None:
    try:
        settings = load_settings(Path("/nonexistent"), environ)
    except Invalid:
        return
    assert isinstance(settings, Settings)


def test_every_setting_has_description_bounds_and_a_default_inside_them() -> None:
    for info in describe():
        assert info.description.endswith("."), info.key
        assert info.bounds, info.key
        assert info.env == "MOORING_" + info.key.upper().replace(".", "__")


def test_docs_list_every_setting_with_default_bounds_variable_and_description() -> None:
    text = DOCS.read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(" `"): line for line in text.splitlines() if line.startswith("| `")}
    assert list(rows) == [info.key for info in describe()]
    for info in describe():
        for part in (shown(info.default), info.bounds, info.description, info.env):
            assert part in rows[info.key], info.key


def shown(value: object) -> str:
    if value is None:
        return "unset"
    if isinstance(value, tuple):
        return ", ".join(str(entry) for entry in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_a_dry_run_is_the_default_and_a_look_alike_may_be_named_as_a_whole(tmp_path: Path) -> None:
    assert Settings().trading.dry_run is True
    assert Settings().trading.shadow_validate is False
    urls = {
        "rest_url": "http://127.0.0.1:8080/",
        "ws_url": "ws://127.0.0.1:8080/v2",
        "ws_auth_url": "ws://[::1]:8080/v2",
    }
    venue = load_settings(tmp_path, {}, overrides={f"venue.{name}": url for name, url in urls.items()}).venue
    assert (venue.rest_url, venue.ws_auth_url) == ("http://127.0.0.1:8080", "ws://[::1]:8080/v2")


def test_what_was_kept_of_a_run_before_there_were_these_settings_is_read_as_a_dry_run() -> None:
    kept = json.loads(Settings().kept_text())
    del kept["execution"], kept["trading"]["dry_run"]
    assert Settings.from_kept(json.dumps(kept)) == Settings()


SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "url",
    [f"mysql://mooring:{SECRET}@localhost/db", f"postgresql://mooring:{SECRET}@localhost/{'x' * 5000}", SECRET],
)
def test_url_of_a_database_is_never_shown_where_it_is_refused(tmp_path: Path, url: str) -> None:
    for error in (
        refused(tmp_path, {"MOORING_STORE__URL": url}),
        refused(written(tmp_path, f'[store]\nurl = "{url}"')),
    ):
        assert error.code == "bad_setting"
        assert "store.url" in error.what
        assert SECRET not in repr(error) + str(error) + str(error.__context__)


def test_url_of_a_database_is_shown_in_no_text_of_the_settings_and_decides_nothing(tmp_path: Path) -> None:
    url = f"postgresql://mooring:{SECRET}@localhost:5432/mooring"
    settings = load_settings(tmp_path, {"MOORING_STORE__URL": url})
    assert settings.store.url is not None
    assert settings.store.url.get_secret_value() == url
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json() + settings.kept_text()
    assert settings.fingerprint() == Settings().fingerprint()


def test_url_of_a_database_may_be_unset(tmp_path: Path) -> None:
    written(tmp_path, '[store]\nurl = "postgresql://localhost/mooring"')
    assert load_settings(tmp_path, {"MOORING_STORE__URL": ""}).store.url is None
