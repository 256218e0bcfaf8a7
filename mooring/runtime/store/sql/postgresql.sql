-- Evidence of Mooring: tables, indexes, triggers and views, as every database of PostgreSQL has them.
-- Made from the code by `python -m mooring.runtime.store.canonical`; a change here changes nothing else.

CREATE SCHEMA IF NOT EXISTS mooring;

SET search_path = mooring, pg_temp;

CREATE TABLE accounts (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    mode TEXT COLLATE "C" NOT NULL,
    venue TEXT COLLATE "C" NOT NULL,
    quote TEXT COLLATE "C" NOT NULL,
    principal BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    CONSTRAINT pk_accounts PRIMARY KEY (seq),
    CONSTRAINT uq_accounts_account_id UNIQUE (account_id),
    CONSTRAINT ck_accounts_mode CHECK (mode IN ('paper', 'shadow', 'live')),
    CONSTRAINT ck_accounts_principal CHECK (principal >= 0)
);

CREATE TABLE assets (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    asset TEXT COLLATE "C" NOT NULL,
    decimals BIGINT NOT NULL,
    CONSTRAINT pk_assets PRIMARY KEY (seq),
    CONSTRAINT uq_assets_asset_decimals UNIQUE (asset, decimals),
    CONSTRAINT ck_assets_decimals CHECK (decimals BETWEEN 0 AND 18)
);

CREATE TABLE instruments (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    base TEXT COLLATE "C" NOT NULL,
    quote TEXT COLLATE "C" NOT NULL,
    pair_decimals BIGINT NOT NULL,
    lot_decimals BIGINT NOT NULL,
    order_min BIGINT NOT NULL,
    cost_min BIGINT NOT NULL,
    estimated BIGINT NOT NULL,
    CONSTRAINT pk_instruments PRIMARY KEY (seq),
    CONSTRAINT ck_instruments_estimated CHECK (estimated IN (0, 1)),
    CONSTRAINT uq_instruments_symbol_version UNIQUE (symbol, version),
    CONSTRAINT ck_instruments_version CHECK (version >= 1),
    CONSTRAINT ck_instruments_amounts CHECK (order_min >= 0 AND cost_min >= 0 AND pair_decimals >= 0 AND lot_decimals >= 0)
);

CREATE TABLE settings_versions (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    settings_hash TEXT COLLATE "C" NOT NULL,
    settings TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_settings_versions PRIMARY KEY (seq),
    CONSTRAINT uq_settings_versions_version UNIQUE (version),
    CONSTRAINT ck_settings_versions_version CHECK (version >= 1)
);

CREATE TABLE risk_profiles (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    profile TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    profile_hash TEXT COLLATE "C" NOT NULL,
    limits TEXT COLLATE "C" NOT NULL,
    bounds TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_risk_profiles PRIMARY KEY (seq),
    CONSTRAINT uq_risk_profiles_profile_version UNIQUE (profile, version),
    CONSTRAINT ck_risk_profiles_version CHECK (version >= 1)
);

CREATE TABLE bundle_events (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    bundle_id TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_bundle_events PRIMARY KEY (seq)
);

CREATE INDEX ix_bundle_events_bundle_id ON bundle_events (bundle_id);

CREATE TABLE runs (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    mode TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    code_version TEXT COLLATE "C" NOT NULL,
    lock_hash TEXT COLLATE "C" NOT NULL,
    settings_hash TEXT COLLATE "C" NOT NULL,
    settings_version BIGINT NOT NULL,
    bundle TEXT COLLATE "C",
    market TEXT COLLATE "C" NOT NULL,
    market_hash TEXT COLLATE "C" NOT NULL,
    seed BIGINT NOT NULL,
    universe TEXT COLLATE "C" NOT NULL,
    params TEXT COLLATE "C" NOT NULL,
    parent_run_id TEXT COLLATE "C",
    quote TEXT COLLATE "C" NOT NULL,
    starting_cash BIGINT NOT NULL,
    CONSTRAINT pk_runs PRIMARY KEY (seq),
    CONSTRAINT uq_runs_run_id UNIQUE (run_id),
    CONSTRAINT uq_runs_run_id_account_id UNIQUE (run_id, account_id),
    CONSTRAINT ck_runs_mode CHECK (mode IN ('paper', 'shadow', 'live')),
    CONSTRAINT ck_runs_starting_cash CHECK (starting_cash >= 0),
    CONSTRAINT fk_runs_account_id FOREIGN KEY(account_id) REFERENCES accounts (account_id),
    CONSTRAINT fk_runs_settings_version FOREIGN KEY(settings_version) REFERENCES settings_versions (version),
    CONSTRAINT fk_runs_parent_run_id FOREIGN KEY(parent_run_id) REFERENCES runs (run_id)
);

CREATE TABLE run_events (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_run_events PRIMARY KEY (seq),
    CONSTRAINT fk_run_events_run_id FOREIGN KEY(run_id) REFERENCES runs (run_id)
);

CREATE INDEX ix_run_events_run_id ON run_events (run_id);

CREATE TABLE control_actions (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    result TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_control_actions PRIMARY KEY (seq)
);

CREATE TABLE controls (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    kill_active BIGINT NOT NULL,
    kill_reason TEXT COLLATE "C" NOT NULL,
    kill_since BIGINT,
    paused BIGINT NOT NULL,
    pause_reason TEXT COLLATE "C" NOT NULL,
    pause_since BIGINT,
    wanted TEXT COLLATE "C" NOT NULL,
    rebase BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT pk_controls PRIMARY KEY (seq),
    CONSTRAINT ck_controls_kill_active CHECK (kill_active IN (0, 1)),
    CONSTRAINT ck_controls_paused CHECK (paused IN (0, 1)),
    CONSTRAINT ck_controls_rebase CHECK (rebase IN (0, 1))
);

CREATE TABLE bars (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    open BIGINT NOT NULL,
    high BIGINT NOT NULL,
    low BIGINT NOT NULL,
    close BIGINT NOT NULL,
    volume BIGINT NOT NULL,
    CONSTRAINT pk_bars PRIMARY KEY (seq),
    CONSTRAINT ck_bars_prices CHECK (low > 0 AND low <= open AND low <= close AND high >= open AND high >= close),
    CONSTRAINT ck_bars_volume CHECK (volume >= 0),
    CONSTRAINT fk_bars_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_bars_run_id_account_id_hour_ts_utc_symbol UNIQUE (run_id, account_id, hour_ts_utc, symbol)
);

CREATE TABLE cycles (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    kill BIGINT NOT NULL,
    paused BIGINT NOT NULL,
    cancel_all BIGINT NOT NULL,
    rebase BIGINT NOT NULL,
    flatten BIGINT NOT NULL,
    catch_up BIGINT NOT NULL,
    blocked BIGINT NOT NULL,
    bars_present BIGINT NOT NULL,
    warmed_up BIGINT NOT NULL,
    CONSTRAINT pk_cycles PRIMARY KEY (seq),
    CONSTRAINT ck_cycles_kill CHECK (kill IN (0, 1)),
    CONSTRAINT ck_cycles_paused CHECK (paused IN (0, 1)),
    CONSTRAINT ck_cycles_cancel_all CHECK (cancel_all IN (0, 1)),
    CONSTRAINT ck_cycles_rebase CHECK (rebase IN (0, 1)),
    CONSTRAINT ck_cycles_flatten CHECK (flatten IN (0, 1)),
    CONSTRAINT ck_cycles_catch_up CHECK (catch_up IN (0, 1)),
    CONSTRAINT ck_cycles_blocked CHECK (blocked IN (0, 1)),
    CONSTRAINT ck_cycles_counts CHECK (bars_present >= 0 AND warmed_up >= 0),
    CONSTRAINT fk_cycles_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_cycles_run_id_account_id_hour_ts_utc UNIQUE (run_id, account_id, hour_ts_utc)
);

CREATE TABLE features (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    schema_id TEXT COLLATE "C" NOT NULL,
    vector TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_features PRIMARY KEY (seq),
    CONSTRAINT fk_features_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_features_run_id_account_id_hour_ts_utc_symbol UNIQUE (run_id, account_id, hour_ts_utc, symbol)
);

CREATE TABLE model_outputs (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    bundle TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    global_score BIGINT,
    specialist_score BIGINT,
    ensemble_score BIGINT,
    schema_id TEXT COLLATE "C" NOT NULL,
    vector TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_model_outputs PRIMARY KEY (seq),
    CONSTRAINT ck_model_outputs_state CHECK (state IN ('no_model', 'ok', 'missing', 'fault')),
    CONSTRAINT ck_model_outputs_bundle CHECK (bundle <> '' OR state = 'no_model'),
    CONSTRAINT ck_model_outputs_scores CHECK (coalesce(global_score, 0) BETWEEN -1000000 AND 1000000 AND coalesce(specialist_score, 0) BETWEEN -1000000 AND 1000000 AND coalesce(ensemble_score, 0) BETWEEN -1000000 AND 1000000),
    CONSTRAINT ck_model_outputs_ok_has_scores CHECK ((state = 'ok') = (coalesce(global_score, specialist_score, ensemble_score) IS NOT NULL)),
    CONSTRAINT fk_model_outputs_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_model_outputs_run_id_account_id_hour_ts_utc_symbol UNIQUE (run_id, account_id, hour_ts_utc, symbol)
);

CREATE TABLE signals (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    producer TEXT COLLATE "C" NOT NULL,
    direction BIGINT NOT NULL,
    conviction BIGINT NOT NULL,
    value_micro BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_signals PRIMARY KEY (seq),
    CONSTRAINT ck_signals_direction CHECK (direction IN (-1, 0, 1)),
    CONSTRAINT ck_signals_conviction CHECK (conviction BETWEEN 0 AND 10),
    CONSTRAINT fk_signals_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_signals_run_id_account_id_hour_ts_utc_symbol_producer UNIQUE (run_id, account_id, hour_ts_utc, symbol, producer)
);

CREATE TABLE decisions (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    score BIGINT NOT NULL,
    quantity BIGINT NOT NULL,
    price BIGINT NOT NULL,
    stop BIGINT NOT NULL,
    target BIGINT NOT NULL,
    limit_value BIGINT NOT NULL,
    observed BIGINT NOT NULL,
    CONSTRAINT pk_decisions PRIMARY KEY (seq),
    CONSTRAINT ck_decisions_quantity CHECK (quantity >= 0),
    CONSTRAINT fk_decisions_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_decisions_run_id_account_id_hour_ts_utc_symbol UNIQUE (run_id, account_id, hour_ts_utc, symbol)
);

CREATE TABLE risk_states (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    profile TEXT COLLATE "C" NOT NULL,
    profile_version BIGINT NOT NULL,
    tier TEXT COLLATE "C" NOT NULL,
    halted BIGINT NOT NULL,
    drawdown_bps BIGINT NOT NULL,
    caution_bps BIGINT NOT NULL,
    defensive_bps BIGINT NOT NULL,
    halt_bps BIGINT NOT NULL,
    cap_bps BIGINT NOT NULL,
    cap_value BIGINT NOT NULL,
    exposure BIGINT NOT NULL,
    entry_value BIGINT NOT NULL,
    day_start BIGINT NOT NULL,
    day_loss_bps BIGINT NOT NULL,
    entries_today BIGINT NOT NULL,
    CONSTRAINT pk_risk_states PRIMARY KEY (seq),
    CONSTRAINT ck_risk_states_halted CHECK (halted IN (0, 1)),
    CONSTRAINT ck_risk_states_tier CHECK (tier IN ('normal', 'caution', 'defensive', 'halt')),
    CONSTRAINT ck_risk_states_tier_of_drawdown CHECK (tier = CASE WHEN halted = 1 THEN 'halt' WHEN drawdown_bps >= defensive_bps THEN 'defensive' WHEN drawdown_bps >= caution_bps THEN 'caution' ELSE 'normal' END),
    CONSTRAINT ck_risk_states_halt_latches CHECK (drawdown_bps < halt_bps OR halted = 1),
    CONSTRAINT ck_risk_states_cap CHECK (cap_bps BETWEEN 0 AND 10000 AND cap_value >= 0),
    CONSTRAINT ck_risk_states_halted_cap CHECK (halted = 0 OR cap_bps = 0),
    CONSTRAINT ck_risk_states_within_cap CHECK (entry_value = 0 OR exposure + entry_value <= cap_value),
    CONSTRAINT ck_risk_states_amounts CHECK (exposure >= 0 AND entry_value >= 0 AND entries_today >= 0),
    CONSTRAINT fk_risk_states_profile_profile_version FOREIGN KEY(profile, profile_version) REFERENCES risk_profiles (profile, version),
    CONSTRAINT fk_risk_states_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_risk_states_run_id_account_id_hour_ts_utc UNIQUE (run_id, account_id, hour_ts_utc)
);

CREATE TABLE order_intents (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    client_order_id TEXT COLLATE "C" NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    side TEXT COLLATE "C" NOT NULL,
    order_type TEXT COLLATE "C" NOT NULL,
    quantity BIGINT NOT NULL,
    price BIGINT NOT NULL,
    stop_price BIGINT NOT NULL,
    target_price BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    parent_id TEXT COLLATE "C",
    intent_hash TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_order_intents PRIMARY KEY (seq),
    CONSTRAINT uq_order_intents_client_order_id UNIQUE (client_order_id),
    CONSTRAINT ck_order_intents_side CHECK (side IN ('buy', 'sell')),
    CONSTRAINT ck_order_intents_quantity CHECK (quantity > 0),
    CONSTRAINT ck_order_intents_prices CHECK (price >= 0 AND stop_price >= 0 AND target_price >= 0),
    CONSTRAINT fk_order_intents_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT fk_order_intents_parent_id FOREIGN KEY(parent_id) REFERENCES order_intents (client_order_id) DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX ix_order_intents_run_id_account_id_hour_ts_utc ON order_intents (run_id, account_id, hour_ts_utc);

CREATE TABLE order_events (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    client_order_id TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    filled_quantity BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_order_events PRIMARY KEY (seq),
    CONSTRAINT ck_order_events_status CHECK (status IN ('INTENT', 'SUBMITTING', 'UNKNOWN', 'OPEN', 'PARTIAL', 'FILLED', 'CANCELLED', 'EXPIRED', 'REJECTED', 'WITHHELD')),
    CONSTRAINT ck_order_events_filled_quantity CHECK (filled_quantity >= 0),
    CONSTRAINT fk_order_events_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT fk_order_events_client_order_id FOREIGN KEY(client_order_id) REFERENCES order_intents (client_order_id)
);

CREATE INDEX ix_order_events_client_order_id ON order_events (client_order_id);

CREATE INDEX ix_order_events_run_id_account_id_hour_ts_utc ON order_events (run_id, account_id, hour_ts_utc);

CREATE TABLE fills (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    fill_id TEXT COLLATE "C" NOT NULL,
    client_order_id TEXT COLLATE "C" NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    side TEXT COLLATE "C" NOT NULL,
    quantity BIGINT NOT NULL,
    price BIGINT NOT NULL,
    notional BIGINT NOT NULL,
    fee BIGINT NOT NULL,
    liquidity TEXT COLLATE "C" NOT NULL,
    filled_ts BIGINT NOT NULL,
    CONSTRAINT pk_fills PRIMARY KEY (seq),
    CONSTRAINT uq_fills_fill_id UNIQUE (fill_id),
    CONSTRAINT ck_fills_side CHECK (side IN ('buy', 'sell')),
    CONSTRAINT ck_fills_liquidity CHECK (liquidity IN ('maker', 'taker')),
    CONSTRAINT ck_fills_amounts CHECK (quantity > 0 AND price > 0 AND notional >= 0),
    CONSTRAINT fk_fills_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT fk_fills_client_order_id FOREIGN KEY(client_order_id) REFERENCES order_intents (client_order_id)
);

CREATE INDEX ix_fills_client_order_id ON fills (client_order_id);

CREATE INDEX ix_fills_run_id_account_id_hour_ts_utc ON fills (run_id, account_id, hour_ts_utc);

CREATE TABLE venue_fills (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    fill_id TEXT COLLATE "C" NOT NULL,
    trade_id TEXT COLLATE "C" NOT NULL,
    order_id TEXT COLLATE "C" NOT NULL,
    traded_ms BIGINT NOT NULL,
    CONSTRAINT pk_venue_fills PRIMARY KEY (seq),
    CONSTRAINT uq_venue_fills_fill_id UNIQUE (fill_id),
    CONSTRAINT uq_venue_fills_account_id_trade_id UNIQUE (account_id, trade_id),
    CONSTRAINT fk_venue_fills_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT fk_venue_fills_fill_id FOREIGN KEY(fill_id) REFERENCES fills (fill_id)
);

CREATE INDEX ix_venue_fills_run_id_account_id_hour_ts_utc ON venue_fills (run_id, account_id, hour_ts_utc);

CREATE TABLE lots (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    lot_id TEXT COLLATE "C" NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    quantity BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    opened_ts BIGINT NOT NULL,
    CONSTRAINT pk_lots PRIMARY KEY (seq),
    CONSTRAINT uq_lots_lot_id UNIQUE (lot_id),
    CONSTRAINT ck_lots_amounts CHECK (quantity > 0 AND cost >= 0),
    CONSTRAINT fk_lots_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT fk_lots_lot_id FOREIGN KEY(lot_id) REFERENCES fills (fill_id)
);

CREATE INDEX ix_lots_run_id_account_id_hour_ts_utc ON lots (run_id, account_id, hour_ts_utc);

CREATE TABLE trades (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    trade_id TEXT COLLATE "C" NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    quantity BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    proceeds BIGINT NOT NULL,
    pnl BIGINT NOT NULL,
    opened_ts BIGINT NOT NULL,
    closed_ts BIGINT NOT NULL,
    open_fill_id TEXT COLLATE "C" NOT NULL,
    close_fill_id TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_trades PRIMARY KEY (seq),
    CONSTRAINT uq_trades_trade_id UNIQUE (trade_id),
    CONSTRAINT ck_trades_quantity CHECK (quantity > 0),
    CONSTRAINT ck_trades_pnl CHECK (pnl = proceeds - cost),
    CONSTRAINT ck_trades_times CHECK (closed_ts >= opened_ts),
    CONSTRAINT fk_trades_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT fk_trades_open_fill_id FOREIGN KEY(open_fill_id) REFERENCES lots (lot_id),
    CONSTRAINT fk_trades_close_fill_id FOREIGN KEY(close_fill_id) REFERENCES fills (fill_id)
);

CREATE INDEX ix_trades_run_id_account_id_hour_ts_utc ON trades (run_id, account_id, hour_ts_utc);

CREATE TABLE ledger (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    txn_id TEXT COLLATE "C" NOT NULL,
    line BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    asset TEXT COLLATE "C" NOT NULL,
    amount BIGINT NOT NULL,
    CONSTRAINT pk_ledger PRIMARY KEY (seq),
    CONSTRAINT uq_ledger_txn_id_line UNIQUE (txn_id, line),
    CONSTRAINT fk_ledger_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id)
);

CREATE INDEX ix_ledger_run_id_account_id_hour_ts_utc ON ledger (run_id, account_id, hour_ts_utc);

CREATE TABLE movements (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    movement_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    asset TEXT COLLATE "C" NOT NULL,
    amount TEXT COLLATE "C" NOT NULL,
    entry_id TEXT COLLATE "C" NOT NULL,
    moved_ms BIGINT NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_movements PRIMARY KEY (seq),
    CONSTRAINT uq_movements_movement_id UNIQUE (movement_id),
    CONSTRAINT ck_movements_kind CHECK (kind IN ('opening', 'before', 'deposit', 'withdrawal', 'staking', 'transfer', 'trade', 'other', 'rounding', 'accepted')),
    CONSTRAINT ck_movements_amount CHECK (length(amount) <= 60 AND replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(amount, '0', ''), '1', ''), '2', ''), '3', ''), '4', ''), '5', ''), '6', ''), '7', ''), '8', ''), '9', '') IN ('', '-', '.', '-.') AND replace(substr(amount, 2), '-', '') = substr(amount, 2) AND substr(replace(amount, '-', ''), 1, 1) NOT IN ('', '.') AND substr(amount, length(amount), 1) <> '.'),
    CONSTRAINT fk_movements_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id)
);

CREATE INDEX ix_movements_account_id_asset ON movements (account_id, asset);

CREATE INDEX ix_movements_run_id_account_id_hour_ts_utc ON movements (run_id, account_id, hour_ts_utc);

CREATE TABLE reconciles (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    cause TEXT COLLATE "C" NOT NULL,
    equal BIGINT NOT NULL,
    breaks TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_reconciles PRIMARY KEY (seq),
    CONSTRAINT ck_reconciles_equal CHECK (equal IN (0, 1)),
    CONSTRAINT ck_reconciles_equal_without_breaks CHECK ((equal = 1) = (breaks = '[]')),
    CONSTRAINT fk_reconciles_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id)
);

CREATE INDEX ix_reconciles_run_id_account_id_hour_ts_utc ON reconciles (run_id, account_id, hour_ts_utc);

CREATE TABLE campaigns (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    campaign_id TEXT COLLATE "C" NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    quantity BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    realised_pnl BIGINT NOT NULL,
    stop BIGINT NOT NULL,
    target BIGINT NOT NULL,
    CONSTRAINT pk_campaigns PRIMARY KEY (seq),
    CONSTRAINT ck_campaigns_event CHECK (event IN ('opened', 'added', 'reduced', 'closed')),
    CONSTRAINT ck_campaigns_amounts CHECK (quantity >= 0 AND cost >= 0 AND stop >= 0 AND target >= 0),
    CONSTRAINT ck_campaigns_closed_is_empty CHECK (event <> 'closed' OR (quantity = 0 AND cost = 0)),
    CONSTRAINT fk_campaigns_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_campaigns_run_id_account_id_hour_ts_utc_campaign_id_event UNIQUE (run_id, account_id, hour_ts_utc, campaign_id, event)
);

CREATE INDEX ix_campaigns_campaign_id ON campaigns (campaign_id);

CREATE TABLE positions (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    symbol TEXT COLLATE "C" NOT NULL,
    quantity BIGINT NOT NULL,
    cost BIGINT NOT NULL,
    price BIGINT NOT NULL,
    value BIGINT NOT NULL,
    CONSTRAINT pk_positions PRIMARY KEY (seq),
    CONSTRAINT ck_positions_quantity CHECK (quantity >= 0),
    CONSTRAINT ck_positions_amounts CHECK (cost >= 0 AND price >= 0 AND value >= 0),
    CONSTRAINT fk_positions_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_positions_run_id_account_id_hour_ts_utc_symbol UNIQUE (run_id, account_id, hour_ts_utc, symbol)
);

CREATE TABLE equity (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    cash BIGINT NOT NULL,
    positions_value BIGINT NOT NULL,
    equity BIGINT NOT NULL,
    peak BIGINT NOT NULL,
    drawdown_bps BIGINT NOT NULL,
    tier TEXT COLLATE "C" NOT NULL,
    realised_pnl BIGINT NOT NULL,
    unrealised_pnl BIGINT NOT NULL,
    fees_paid BIGINT NOT NULL,
    CONSTRAINT pk_equity PRIMARY KEY (seq),
    CONSTRAINT ck_equity_cash CHECK (cash >= 0),
    CONSTRAINT ck_equity_positions_value CHECK (positions_value >= 0),
    CONSTRAINT ck_equity_total CHECK (equity = cash + positions_value),
    CONSTRAINT ck_equity_drawdown_bps CHECK (drawdown_bps BETWEEN 0 AND 10000),
    CONSTRAINT ck_equity_tier CHECK (tier IN ('normal', 'caution', 'defensive', 'halt')),
    CONSTRAINT fk_equity_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_equity_run_id_account_id_hour_ts_utc UNIQUE (run_id, account_id, hour_ts_utc)
);

CREATE TABLE treasury (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    monthly_costs BIGINT NOT NULL,
    protect BIGINT NOT NULL,
    minimum_transfer BIGINT NOT NULL,
    principal BIGINT NOT NULL,
    fees_day BIGINT NOT NULL,
    realised_day BIGINT NOT NULL,
    surplus_day BIGINT NOT NULL,
    surplus_30d BIGINT NOT NULL,
    protected BIGINT NOT NULL,
    recommended BIGINT NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_treasury PRIMARY KEY (seq),
    CONSTRAINT ck_treasury_protect CHECK (protect IN (0, 1)),
    CONSTRAINT ck_treasury_amounts CHECK (principal >= 0 AND protected >= 0 AND recommended >= 0),
    CONSTRAINT ck_treasury_settings CHECK (monthly_costs >= 0 AND minimum_transfer >= 0),
    CONSTRAINT fk_treasury_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_treasury_run_id_account_id_hour_ts_utc UNIQUE (run_id, account_id, hour_ts_utc)
);

CREATE TABLE alerts (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    alert_id TEXT COLLATE "C" NOT NULL,
    severity TEXT COLLATE "C" NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_alerts PRIMARY KEY (seq),
    CONSTRAINT uq_alerts_alert_id UNIQUE (alert_id),
    CONSTRAINT ck_alerts_severity CHECK (severity IN ('info', 'warning', 'critical')),
    CONSTRAINT fk_alerts_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id)
);

CREATE INDEX ix_alerts_run_id_account_id_hour_ts_utc ON alerts (run_id, account_id, hour_ts_utc);

CREATE TABLE alert_acks (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    alert_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_alert_acks PRIMARY KEY (seq),
    CONSTRAINT fk_alert_acks_alert_id FOREIGN KEY(alert_id) REFERENCES alerts (alert_id)
);

CREATE INDEX ix_alert_acks_alert_id ON alert_acks (alert_id);

CREATE TABLE snapshots (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    state BYTEA NOT NULL,
    CONSTRAINT pk_snapshots PRIMARY KEY (seq),
    CONSTRAINT fk_snapshots_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id)
);

CREATE INDEX ix_snapshots_run_id_account_id_hour_ts_utc ON snapshots (run_id, account_id, hour_ts_utc);

CREATE TABLE manifests (
    seq BIGINT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    parent_hash TEXT COLLATE "C" NOT NULL,
    row_hash TEXT COLLATE "C" NOT NULL,
    run_id TEXT COLLATE "C" NOT NULL,
    account_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    decision_hash TEXT COLLATE "C" NOT NULL,
    state_hash TEXT COLLATE "C" NOT NULL,
    blob_hash TEXT COLLATE "C",
    heads TEXT COLLATE "C" NOT NULL,
    previous_root TEXT COLLATE "C" NOT NULL,
    root TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_manifests PRIMARY KEY (seq),
    CONSTRAINT uq_manifests_root UNIQUE (root),
    CONSTRAINT fk_manifests_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_manifests_run_id_account_id_hour_ts_utc UNIQUE (run_id, account_id, hour_ts_utc)
);

CREATE TABLE chain_heads (
    table_name TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    head TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_chain_heads PRIMARY KEY (table_name)
);

CREATE TABLE state_latest (
    run_id TEXT COLLATE "C" NOT NULL,
    hour_ts_utc BIGINT NOT NULL,
    cycles BIGINT NOT NULL,
    state BYTEA NOT NULL,
    state_hash TEXT COLLATE "C" NOT NULL,
    manifest_hash TEXT COLLATE "C",
    CONSTRAINT pk_state_latest PRIMARY KEY (run_id),
    CONSTRAINT fk_state_latest_run_id FOREIGN KEY(run_id) REFERENCES runs (run_id)
);

CREATE FUNCTION fn_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% is append-only, % refused', TG_TABLE_NAME, lower(TG_OP);
    RETURN NEW;
END
$$;

CREATE FUNCTION fn_accounts_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM accounts) THEN
        RAISE EXCEPTION 'accounts is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM accounts WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'accounts does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_accounts_append BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION fn_accounts_append();

ALTER TABLE accounts ENABLE ALWAYS TRIGGER tg_accounts_append;

CREATE TRIGGER tg_accounts_update BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE accounts ENABLE ALWAYS TRIGGER tg_accounts_update;

CREATE TRIGGER tg_accounts_delete BEFORE DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE accounts ENABLE ALWAYS TRIGGER tg_accounts_delete;

CREATE TRIGGER tg_accounts_truncate BEFORE TRUNCATE ON accounts FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE accounts ENABLE ALWAYS TRIGGER tg_accounts_truncate;

CREATE FUNCTION fn_assets_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM assets) THEN
        RAISE EXCEPTION 'assets is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM assets WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'assets does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_assets_append BEFORE INSERT ON assets FOR EACH ROW EXECUTE FUNCTION fn_assets_append();

ALTER TABLE assets ENABLE ALWAYS TRIGGER tg_assets_append;

CREATE TRIGGER tg_assets_update BEFORE UPDATE ON assets FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE assets ENABLE ALWAYS TRIGGER tg_assets_update;

CREATE TRIGGER tg_assets_delete BEFORE DELETE ON assets FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE assets ENABLE ALWAYS TRIGGER tg_assets_delete;

CREATE TRIGGER tg_assets_truncate BEFORE TRUNCATE ON assets FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE assets ENABLE ALWAYS TRIGGER tg_assets_truncate;

CREATE FUNCTION fn_instruments_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM instruments) THEN
        RAISE EXCEPTION 'instruments is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM instruments WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'instruments does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_instruments_append BEFORE INSERT ON instruments FOR EACH ROW EXECUTE FUNCTION fn_instruments_append();

ALTER TABLE instruments ENABLE ALWAYS TRIGGER tg_instruments_append;

CREATE TRIGGER tg_instruments_update BEFORE UPDATE ON instruments FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE instruments ENABLE ALWAYS TRIGGER tg_instruments_update;

CREATE TRIGGER tg_instruments_delete BEFORE DELETE ON instruments FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE instruments ENABLE ALWAYS TRIGGER tg_instruments_delete;

CREATE TRIGGER tg_instruments_truncate BEFORE TRUNCATE ON instruments FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE instruments ENABLE ALWAYS TRIGGER tg_instruments_truncate;

CREATE FUNCTION fn_settings_versions_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM settings_versions) THEN
        RAISE EXCEPTION 'settings_versions is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM settings_versions WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'settings_versions does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_settings_versions_append BEFORE INSERT ON settings_versions FOR EACH ROW EXECUTE FUNCTION fn_settings_versions_append();

ALTER TABLE settings_versions ENABLE ALWAYS TRIGGER tg_settings_versions_append;

CREATE TRIGGER tg_settings_versions_update BEFORE UPDATE ON settings_versions FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE settings_versions ENABLE ALWAYS TRIGGER tg_settings_versions_update;

CREATE TRIGGER tg_settings_versions_delete BEFORE DELETE ON settings_versions FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE settings_versions ENABLE ALWAYS TRIGGER tg_settings_versions_delete;

CREATE TRIGGER tg_settings_versions_truncate BEFORE TRUNCATE ON settings_versions FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE settings_versions ENABLE ALWAYS TRIGGER tg_settings_versions_truncate;

CREATE FUNCTION fn_risk_profiles_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM risk_profiles) THEN
        RAISE EXCEPTION 'risk_profiles is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM risk_profiles WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'risk_profiles does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_risk_profiles_append BEFORE INSERT ON risk_profiles FOR EACH ROW EXECUTE FUNCTION fn_risk_profiles_append();

ALTER TABLE risk_profiles ENABLE ALWAYS TRIGGER tg_risk_profiles_append;

CREATE TRIGGER tg_risk_profiles_update BEFORE UPDATE ON risk_profiles FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE risk_profiles ENABLE ALWAYS TRIGGER tg_risk_profiles_update;

CREATE TRIGGER tg_risk_profiles_delete BEFORE DELETE ON risk_profiles FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE risk_profiles ENABLE ALWAYS TRIGGER tg_risk_profiles_delete;

CREATE TRIGGER tg_risk_profiles_truncate BEFORE TRUNCATE ON risk_profiles FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE risk_profiles ENABLE ALWAYS TRIGGER tg_risk_profiles_truncate;

CREATE FUNCTION fn_bundle_events_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM bundle_events) THEN
        RAISE EXCEPTION 'bundle_events is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM bundle_events WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'bundle_events does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_bundle_events_append BEFORE INSERT ON bundle_events FOR EACH ROW EXECUTE FUNCTION fn_bundle_events_append();

ALTER TABLE bundle_events ENABLE ALWAYS TRIGGER tg_bundle_events_append;

CREATE TRIGGER tg_bundle_events_update BEFORE UPDATE ON bundle_events FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE bundle_events ENABLE ALWAYS TRIGGER tg_bundle_events_update;

CREATE TRIGGER tg_bundle_events_delete BEFORE DELETE ON bundle_events FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE bundle_events ENABLE ALWAYS TRIGGER tg_bundle_events_delete;

CREATE TRIGGER tg_bundle_events_truncate BEFORE TRUNCATE ON bundle_events FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE bundle_events ENABLE ALWAYS TRIGGER tg_bundle_events_truncate;

CREATE FUNCTION fn_runs_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM runs) THEN
        RAISE EXCEPTION 'runs is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM runs WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'runs does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_runs_append BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION fn_runs_append();

ALTER TABLE runs ENABLE ALWAYS TRIGGER tg_runs_append;

CREATE TRIGGER tg_runs_update BEFORE UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE runs ENABLE ALWAYS TRIGGER tg_runs_update;

CREATE TRIGGER tg_runs_delete BEFORE DELETE ON runs FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE runs ENABLE ALWAYS TRIGGER tg_runs_delete;

CREATE TRIGGER tg_runs_truncate BEFORE TRUNCATE ON runs FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE runs ENABLE ALWAYS TRIGGER tg_runs_truncate;

CREATE FUNCTION fn_run_events_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM run_events) THEN
        RAISE EXCEPTION 'run_events is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM run_events WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'run_events does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_run_events_append BEFORE INSERT ON run_events FOR EACH ROW EXECUTE FUNCTION fn_run_events_append();

ALTER TABLE run_events ENABLE ALWAYS TRIGGER tg_run_events_append;

CREATE TRIGGER tg_run_events_update BEFORE UPDATE ON run_events FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE run_events ENABLE ALWAYS TRIGGER tg_run_events_update;

CREATE TRIGGER tg_run_events_delete BEFORE DELETE ON run_events FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE run_events ENABLE ALWAYS TRIGGER tg_run_events_delete;

CREATE TRIGGER tg_run_events_truncate BEFORE TRUNCATE ON run_events FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE run_events ENABLE ALWAYS TRIGGER tg_run_events_truncate;

CREATE FUNCTION fn_control_actions_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM control_actions) THEN
        RAISE EXCEPTION 'control_actions is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM control_actions WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'control_actions does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_control_actions_append BEFORE INSERT ON control_actions FOR EACH ROW EXECUTE FUNCTION fn_control_actions_append();

ALTER TABLE control_actions ENABLE ALWAYS TRIGGER tg_control_actions_append;

CREATE TRIGGER tg_control_actions_update BEFORE UPDATE ON control_actions FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE control_actions ENABLE ALWAYS TRIGGER tg_control_actions_update;

CREATE TRIGGER tg_control_actions_delete BEFORE DELETE ON control_actions FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE control_actions ENABLE ALWAYS TRIGGER tg_control_actions_delete;

CREATE TRIGGER tg_control_actions_truncate BEFORE TRUNCATE ON control_actions FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE control_actions ENABLE ALWAYS TRIGGER tg_control_actions_truncate;

CREATE FUNCTION fn_controls_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM controls) THEN
        RAISE EXCEPTION 'controls is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM controls WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'controls does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_controls_append BEFORE INSERT ON controls FOR EACH ROW EXECUTE FUNCTION fn_controls_append();

ALTER TABLE controls ENABLE ALWAYS TRIGGER tg_controls_append;

CREATE TRIGGER tg_controls_update BEFORE UPDATE ON controls FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE controls ENABLE ALWAYS TRIGGER tg_controls_update;

CREATE TRIGGER tg_controls_delete BEFORE DELETE ON controls FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE controls ENABLE ALWAYS TRIGGER tg_controls_delete;

CREATE TRIGGER tg_controls_truncate BEFORE TRUNCATE ON controls FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE controls ENABLE ALWAYS TRIGGER tg_controls_truncate;

CREATE FUNCTION fn_bars_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM bars) THEN
        RAISE EXCEPTION 'bars is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM bars WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'bars does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_bars_append BEFORE INSERT ON bars FOR EACH ROW EXECUTE FUNCTION fn_bars_append();

ALTER TABLE bars ENABLE ALWAYS TRIGGER tg_bars_append;

CREATE TRIGGER tg_bars_update BEFORE UPDATE ON bars FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE bars ENABLE ALWAYS TRIGGER tg_bars_update;

CREATE TRIGGER tg_bars_delete BEFORE DELETE ON bars FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE bars ENABLE ALWAYS TRIGGER tg_bars_delete;

CREATE TRIGGER tg_bars_truncate BEFORE TRUNCATE ON bars FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE bars ENABLE ALWAYS TRIGGER tg_bars_truncate;

CREATE FUNCTION fn_cycles_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM cycles) THEN
        RAISE EXCEPTION 'cycles is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM cycles WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'cycles does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_cycles_append BEFORE INSERT ON cycles FOR EACH ROW EXECUTE FUNCTION fn_cycles_append();

ALTER TABLE cycles ENABLE ALWAYS TRIGGER tg_cycles_append;

CREATE TRIGGER tg_cycles_update BEFORE UPDATE ON cycles FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE cycles ENABLE ALWAYS TRIGGER tg_cycles_update;

CREATE TRIGGER tg_cycles_delete BEFORE DELETE ON cycles FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE cycles ENABLE ALWAYS TRIGGER tg_cycles_delete;

CREATE TRIGGER tg_cycles_truncate BEFORE TRUNCATE ON cycles FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE cycles ENABLE ALWAYS TRIGGER tg_cycles_truncate;

CREATE FUNCTION fn_features_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM features) THEN
        RAISE EXCEPTION 'features is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM features WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'features does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_features_append BEFORE INSERT ON features FOR EACH ROW EXECUTE FUNCTION fn_features_append();

ALTER TABLE features ENABLE ALWAYS TRIGGER tg_features_append;

CREATE TRIGGER tg_features_update BEFORE UPDATE ON features FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE features ENABLE ALWAYS TRIGGER tg_features_update;

CREATE TRIGGER tg_features_delete BEFORE DELETE ON features FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE features ENABLE ALWAYS TRIGGER tg_features_delete;

CREATE TRIGGER tg_features_truncate BEFORE TRUNCATE ON features FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE features ENABLE ALWAYS TRIGGER tg_features_truncate;

CREATE FUNCTION fn_model_outputs_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM model_outputs) THEN
        RAISE EXCEPTION 'model_outputs is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM model_outputs WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'model_outputs does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_model_outputs_append BEFORE INSERT ON model_outputs FOR EACH ROW EXECUTE FUNCTION fn_model_outputs_append();

ALTER TABLE model_outputs ENABLE ALWAYS TRIGGER tg_model_outputs_append;

CREATE TRIGGER tg_model_outputs_update BEFORE UPDATE ON model_outputs FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE model_outputs ENABLE ALWAYS TRIGGER tg_model_outputs_update;

CREATE TRIGGER tg_model_outputs_delete BEFORE DELETE ON model_outputs FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE model_outputs ENABLE ALWAYS TRIGGER tg_model_outputs_delete;

CREATE TRIGGER tg_model_outputs_truncate BEFORE TRUNCATE ON model_outputs FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE model_outputs ENABLE ALWAYS TRIGGER tg_model_outputs_truncate;

CREATE FUNCTION fn_signals_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM signals) THEN
        RAISE EXCEPTION 'signals is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM signals WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'signals does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_signals_append BEFORE INSERT ON signals FOR EACH ROW EXECUTE FUNCTION fn_signals_append();

ALTER TABLE signals ENABLE ALWAYS TRIGGER tg_signals_append;

CREATE TRIGGER tg_signals_update BEFORE UPDATE ON signals FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE signals ENABLE ALWAYS TRIGGER tg_signals_update;

CREATE TRIGGER tg_signals_delete BEFORE DELETE ON signals FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE signals ENABLE ALWAYS TRIGGER tg_signals_delete;

CREATE TRIGGER tg_signals_truncate BEFORE TRUNCATE ON signals FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE signals ENABLE ALWAYS TRIGGER tg_signals_truncate;

CREATE FUNCTION fn_decisions_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM decisions) THEN
        RAISE EXCEPTION 'decisions is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM decisions WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'decisions does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_decisions_append BEFORE INSERT ON decisions FOR EACH ROW EXECUTE FUNCTION fn_decisions_append();

ALTER TABLE decisions ENABLE ALWAYS TRIGGER tg_decisions_append;

CREATE TRIGGER tg_decisions_update BEFORE UPDATE ON decisions FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE decisions ENABLE ALWAYS TRIGGER tg_decisions_update;

CREATE TRIGGER tg_decisions_delete BEFORE DELETE ON decisions FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE decisions ENABLE ALWAYS TRIGGER tg_decisions_delete;

CREATE TRIGGER tg_decisions_truncate BEFORE TRUNCATE ON decisions FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE decisions ENABLE ALWAYS TRIGGER tg_decisions_truncate;

CREATE FUNCTION fn_risk_states_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM risk_states) THEN
        RAISE EXCEPTION 'risk_states is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM risk_states WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'risk_states does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_risk_states_append BEFORE INSERT ON risk_states FOR EACH ROW EXECUTE FUNCTION fn_risk_states_append();

ALTER TABLE risk_states ENABLE ALWAYS TRIGGER tg_risk_states_append;

CREATE TRIGGER tg_risk_states_update BEFORE UPDATE ON risk_states FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE risk_states ENABLE ALWAYS TRIGGER tg_risk_states_update;

CREATE TRIGGER tg_risk_states_delete BEFORE DELETE ON risk_states FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE risk_states ENABLE ALWAYS TRIGGER tg_risk_states_delete;

CREATE TRIGGER tg_risk_states_truncate BEFORE TRUNCATE ON risk_states FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE risk_states ENABLE ALWAYS TRIGGER tg_risk_states_truncate;

CREATE FUNCTION fn_order_intents_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM order_intents) THEN
        RAISE EXCEPTION 'order_intents is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM order_intents WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'order_intents does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_order_intents_append BEFORE INSERT ON order_intents FOR EACH ROW EXECUTE FUNCTION fn_order_intents_append();

ALTER TABLE order_intents ENABLE ALWAYS TRIGGER tg_order_intents_append;

CREATE TRIGGER tg_order_intents_update BEFORE UPDATE ON order_intents FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE order_intents ENABLE ALWAYS TRIGGER tg_order_intents_update;

CREATE TRIGGER tg_order_intents_delete BEFORE DELETE ON order_intents FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE order_intents ENABLE ALWAYS TRIGGER tg_order_intents_delete;

CREATE TRIGGER tg_order_intents_truncate BEFORE TRUNCATE ON order_intents FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE order_intents ENABLE ALWAYS TRIGGER tg_order_intents_truncate;

CREATE FUNCTION fn_order_events_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM order_events) THEN
        RAISE EXCEPTION 'order_events is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM order_events WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'order_events does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_order_events_append BEFORE INSERT ON order_events FOR EACH ROW EXECUTE FUNCTION fn_order_events_append();

ALTER TABLE order_events ENABLE ALWAYS TRIGGER tg_order_events_append;

CREATE TRIGGER tg_order_events_update BEFORE UPDATE ON order_events FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE order_events ENABLE ALWAYS TRIGGER tg_order_events_update;

CREATE TRIGGER tg_order_events_delete BEFORE DELETE ON order_events FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE order_events ENABLE ALWAYS TRIGGER tg_order_events_delete;

CREATE TRIGGER tg_order_events_truncate BEFORE TRUNCATE ON order_events FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE order_events ENABLE ALWAYS TRIGGER tg_order_events_truncate;

CREATE FUNCTION fn_fills_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM fills) THEN
        RAISE EXCEPTION 'fills is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM fills WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'fills does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_fills_append BEFORE INSERT ON fills FOR EACH ROW EXECUTE FUNCTION fn_fills_append();

ALTER TABLE fills ENABLE ALWAYS TRIGGER tg_fills_append;

CREATE TRIGGER tg_fills_update BEFORE UPDATE ON fills FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE fills ENABLE ALWAYS TRIGGER tg_fills_update;

CREATE TRIGGER tg_fills_delete BEFORE DELETE ON fills FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE fills ENABLE ALWAYS TRIGGER tg_fills_delete;

CREATE TRIGGER tg_fills_truncate BEFORE TRUNCATE ON fills FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE fills ENABLE ALWAYS TRIGGER tg_fills_truncate;

CREATE FUNCTION fn_venue_fills_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM venue_fills) THEN
        RAISE EXCEPTION 'venue_fills is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM venue_fills WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'venue_fills does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_venue_fills_append BEFORE INSERT ON venue_fills FOR EACH ROW EXECUTE FUNCTION fn_venue_fills_append();

ALTER TABLE venue_fills ENABLE ALWAYS TRIGGER tg_venue_fills_append;

CREATE TRIGGER tg_venue_fills_update BEFORE UPDATE ON venue_fills FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE venue_fills ENABLE ALWAYS TRIGGER tg_venue_fills_update;

CREATE TRIGGER tg_venue_fills_delete BEFORE DELETE ON venue_fills FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE venue_fills ENABLE ALWAYS TRIGGER tg_venue_fills_delete;

CREATE TRIGGER tg_venue_fills_truncate BEFORE TRUNCATE ON venue_fills FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE venue_fills ENABLE ALWAYS TRIGGER tg_venue_fills_truncate;

CREATE FUNCTION fn_lots_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM lots) THEN
        RAISE EXCEPTION 'lots is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM lots WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'lots does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_lots_append BEFORE INSERT ON lots FOR EACH ROW EXECUTE FUNCTION fn_lots_append();

ALTER TABLE lots ENABLE ALWAYS TRIGGER tg_lots_append;

CREATE TRIGGER tg_lots_update BEFORE UPDATE ON lots FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE lots ENABLE ALWAYS TRIGGER tg_lots_update;

CREATE TRIGGER tg_lots_delete BEFORE DELETE ON lots FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE lots ENABLE ALWAYS TRIGGER tg_lots_delete;

CREATE TRIGGER tg_lots_truncate BEFORE TRUNCATE ON lots FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE lots ENABLE ALWAYS TRIGGER tg_lots_truncate;

CREATE FUNCTION fn_trades_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM trades) THEN
        RAISE EXCEPTION 'trades is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM trades WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'trades does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_trades_append BEFORE INSERT ON trades FOR EACH ROW EXECUTE FUNCTION fn_trades_append();

ALTER TABLE trades ENABLE ALWAYS TRIGGER tg_trades_append;

CREATE TRIGGER tg_trades_update BEFORE UPDATE ON trades FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE trades ENABLE ALWAYS TRIGGER tg_trades_update;

CREATE TRIGGER tg_trades_delete BEFORE DELETE ON trades FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE trades ENABLE ALWAYS TRIGGER tg_trades_delete;

CREATE TRIGGER tg_trades_truncate BEFORE TRUNCATE ON trades FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE trades ENABLE ALWAYS TRIGGER tg_trades_truncate;

CREATE FUNCTION fn_ledger_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM ledger) THEN
        RAISE EXCEPTION 'ledger is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM ledger WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'ledger does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_ledger_append BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION fn_ledger_append();

ALTER TABLE ledger ENABLE ALWAYS TRIGGER tg_ledger_append;

CREATE TRIGGER tg_ledger_update BEFORE UPDATE ON ledger FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE ledger ENABLE ALWAYS TRIGGER tg_ledger_update;

CREATE TRIGGER tg_ledger_delete BEFORE DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE ledger ENABLE ALWAYS TRIGGER tg_ledger_delete;

CREATE TRIGGER tg_ledger_truncate BEFORE TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE ledger ENABLE ALWAYS TRIGGER tg_ledger_truncate;

CREATE FUNCTION fn_movements_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM movements) THEN
        RAISE EXCEPTION 'movements is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM movements WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'movements does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_movements_append BEFORE INSERT ON movements FOR EACH ROW EXECUTE FUNCTION fn_movements_append();

ALTER TABLE movements ENABLE ALWAYS TRIGGER tg_movements_append;

CREATE TRIGGER tg_movements_update BEFORE UPDATE ON movements FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE movements ENABLE ALWAYS TRIGGER tg_movements_update;

CREATE TRIGGER tg_movements_delete BEFORE DELETE ON movements FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE movements ENABLE ALWAYS TRIGGER tg_movements_delete;

CREATE TRIGGER tg_movements_truncate BEFORE TRUNCATE ON movements FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE movements ENABLE ALWAYS TRIGGER tg_movements_truncate;

CREATE FUNCTION fn_reconciles_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM reconciles) THEN
        RAISE EXCEPTION 'reconciles is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM reconciles WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'reconciles does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_reconciles_append BEFORE INSERT ON reconciles FOR EACH ROW EXECUTE FUNCTION fn_reconciles_append();

ALTER TABLE reconciles ENABLE ALWAYS TRIGGER tg_reconciles_append;

CREATE TRIGGER tg_reconciles_update BEFORE UPDATE ON reconciles FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE reconciles ENABLE ALWAYS TRIGGER tg_reconciles_update;

CREATE TRIGGER tg_reconciles_delete BEFORE DELETE ON reconciles FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE reconciles ENABLE ALWAYS TRIGGER tg_reconciles_delete;

CREATE TRIGGER tg_reconciles_truncate BEFORE TRUNCATE ON reconciles FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE reconciles ENABLE ALWAYS TRIGGER tg_reconciles_truncate;

CREATE FUNCTION fn_campaigns_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM campaigns) THEN
        RAISE EXCEPTION 'campaigns is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM campaigns WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'campaigns does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_campaigns_append BEFORE INSERT ON campaigns FOR EACH ROW EXECUTE FUNCTION fn_campaigns_append();

ALTER TABLE campaigns ENABLE ALWAYS TRIGGER tg_campaigns_append;

CREATE TRIGGER tg_campaigns_update BEFORE UPDATE ON campaigns FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE campaigns ENABLE ALWAYS TRIGGER tg_campaigns_update;

CREATE TRIGGER tg_campaigns_delete BEFORE DELETE ON campaigns FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE campaigns ENABLE ALWAYS TRIGGER tg_campaigns_delete;

CREATE TRIGGER tg_campaigns_truncate BEFORE TRUNCATE ON campaigns FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE campaigns ENABLE ALWAYS TRIGGER tg_campaigns_truncate;

CREATE FUNCTION fn_positions_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM positions) THEN
        RAISE EXCEPTION 'positions is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM positions WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'positions does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_positions_append BEFORE INSERT ON positions FOR EACH ROW EXECUTE FUNCTION fn_positions_append();

ALTER TABLE positions ENABLE ALWAYS TRIGGER tg_positions_append;

CREATE TRIGGER tg_positions_update BEFORE UPDATE ON positions FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE positions ENABLE ALWAYS TRIGGER tg_positions_update;

CREATE TRIGGER tg_positions_delete BEFORE DELETE ON positions FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE positions ENABLE ALWAYS TRIGGER tg_positions_delete;

CREATE TRIGGER tg_positions_truncate BEFORE TRUNCATE ON positions FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE positions ENABLE ALWAYS TRIGGER tg_positions_truncate;

CREATE FUNCTION fn_equity_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM equity) THEN
        RAISE EXCEPTION 'equity is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM equity WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'equity does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_equity_append BEFORE INSERT ON equity FOR EACH ROW EXECUTE FUNCTION fn_equity_append();

ALTER TABLE equity ENABLE ALWAYS TRIGGER tg_equity_append;

CREATE TRIGGER tg_equity_update BEFORE UPDATE ON equity FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE equity ENABLE ALWAYS TRIGGER tg_equity_update;

CREATE TRIGGER tg_equity_delete BEFORE DELETE ON equity FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE equity ENABLE ALWAYS TRIGGER tg_equity_delete;

CREATE TRIGGER tg_equity_truncate BEFORE TRUNCATE ON equity FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE equity ENABLE ALWAYS TRIGGER tg_equity_truncate;

CREATE FUNCTION fn_treasury_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM treasury) THEN
        RAISE EXCEPTION 'treasury is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM treasury WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'treasury does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_treasury_append BEFORE INSERT ON treasury FOR EACH ROW EXECUTE FUNCTION fn_treasury_append();

ALTER TABLE treasury ENABLE ALWAYS TRIGGER tg_treasury_append;

CREATE TRIGGER tg_treasury_update BEFORE UPDATE ON treasury FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE treasury ENABLE ALWAYS TRIGGER tg_treasury_update;

CREATE TRIGGER tg_treasury_delete BEFORE DELETE ON treasury FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE treasury ENABLE ALWAYS TRIGGER tg_treasury_delete;

CREATE TRIGGER tg_treasury_truncate BEFORE TRUNCATE ON treasury FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE treasury ENABLE ALWAYS TRIGGER tg_treasury_truncate;

CREATE FUNCTION fn_alerts_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM alerts) THEN
        RAISE EXCEPTION 'alerts is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM alerts WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'alerts does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_alerts_append BEFORE INSERT ON alerts FOR EACH ROW EXECUTE FUNCTION fn_alerts_append();

ALTER TABLE alerts ENABLE ALWAYS TRIGGER tg_alerts_append;

CREATE TRIGGER tg_alerts_update BEFORE UPDATE ON alerts FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE alerts ENABLE ALWAYS TRIGGER tg_alerts_update;

CREATE TRIGGER tg_alerts_delete BEFORE DELETE ON alerts FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE alerts ENABLE ALWAYS TRIGGER tg_alerts_delete;

CREATE TRIGGER tg_alerts_truncate BEFORE TRUNCATE ON alerts FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE alerts ENABLE ALWAYS TRIGGER tg_alerts_truncate;

CREATE FUNCTION fn_alert_acks_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM alert_acks) THEN
        RAISE EXCEPTION 'alert_acks is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM alert_acks WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'alert_acks does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_alert_acks_append BEFORE INSERT ON alert_acks FOR EACH ROW EXECUTE FUNCTION fn_alert_acks_append();

ALTER TABLE alert_acks ENABLE ALWAYS TRIGGER tg_alert_acks_append;

CREATE TRIGGER tg_alert_acks_update BEFORE UPDATE ON alert_acks FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE alert_acks ENABLE ALWAYS TRIGGER tg_alert_acks_update;

CREATE TRIGGER tg_alert_acks_delete BEFORE DELETE ON alert_acks FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE alert_acks ENABLE ALWAYS TRIGGER tg_alert_acks_delete;

CREATE TRIGGER tg_alert_acks_truncate BEFORE TRUNCATE ON alert_acks FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE alert_acks ENABLE ALWAYS TRIGGER tg_alert_acks_truncate;

CREATE FUNCTION fn_snapshots_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM snapshots) THEN
        RAISE EXCEPTION 'snapshots is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM snapshots WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'snapshots does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_snapshots_append BEFORE INSERT ON snapshots FOR EACH ROW EXECUTE FUNCTION fn_snapshots_append();

ALTER TABLE snapshots ENABLE ALWAYS TRIGGER tg_snapshots_append;

CREATE TRIGGER tg_snapshots_update BEFORE UPDATE ON snapshots FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE snapshots ENABLE ALWAYS TRIGGER tg_snapshots_update;

CREATE TRIGGER tg_snapshots_delete BEFORE DELETE ON snapshots FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE snapshots ENABLE ALWAYS TRIGGER tg_snapshots_delete;

CREATE TRIGGER tg_snapshots_truncate BEFORE TRUNCATE ON snapshots FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE snapshots ENABLE ALWAYS TRIGGER tg_snapshots_truncate;

CREATE FUNCTION fn_manifests_append() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) + 1 FROM manifests) THEN
        RAISE EXCEPTION 'manifests is append-only, seq is not the next';
    END IF;
    IF NEW.prev_hash IS DISTINCT FROM
        coalesce((SELECT row_hash FROM manifests WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000')
    THEN
        RAISE EXCEPTION 'manifests does not follow the last row';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_manifests_append BEFORE INSERT ON manifests FOR EACH ROW EXECUTE FUNCTION fn_manifests_append();

ALTER TABLE manifests ENABLE ALWAYS TRIGGER tg_manifests_append;

CREATE TRIGGER tg_manifests_update BEFORE UPDATE ON manifests FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE manifests ENABLE ALWAYS TRIGGER tg_manifests_update;

CREATE TRIGGER tg_manifests_delete BEFORE DELETE ON manifests FOR EACH ROW EXECUTE FUNCTION fn_append_only();

ALTER TABLE manifests ENABLE ALWAYS TRIGGER tg_manifests_delete;

CREATE TRIGGER tg_manifests_truncate BEFORE TRUNCATE ON manifests FOR EACH STATEMENT EXECUTE FUNCTION fn_append_only();

ALTER TABLE manifests ENABLE ALWAYS TRIGGER tg_manifests_truncate;

CREATE FUNCTION fn_order_events_forward() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
DECLARE b record;
BEGIN
    SELECT status, filled_quantity INTO b FROM order_events
    WHERE client_order_id = NEW.client_order_id ORDER BY seq DESC LIMIT 1;
    IF FOUND AND NOT (CASE b.status WHEN 'INTENT' THEN 0 WHEN 'SUBMITTING' THEN 1 WHEN 'UNKNOWN' THEN 2 WHEN 'OPEN' THEN 3 WHEN 'PARTIAL' THEN 4 ELSE 5 END < 5 AND NEW.filled_quantity >= b.filled_quantity AND (NEW.status <> 'WITHHELD' OR b.status = 'INTENT') AND (CASE NEW.status WHEN 'INTENT' THEN 0 WHEN 'SUBMITTING' THEN 1 WHEN 'UNKNOWN' THEN 2 WHEN 'OPEN' THEN 3 WHEN 'PARTIAL' THEN 4 ELSE 5 END > CASE b.status WHEN 'INTENT' THEN 0 WHEN 'SUBMITTING' THEN 1 WHEN 'UNKNOWN' THEN 2 WHEN 'OPEN' THEN 3 WHEN 'PARTIAL' THEN 4 ELSE 5 END OR (NEW.status = 'PARTIAL' AND b.status = 'PARTIAL' AND NEW.filled_quantity > b.filled_quantity))) THEN
        RAISE EXCEPTION 'order_events: an order only moves forward';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_order_events_forward BEFORE INSERT ON order_events FOR EACH ROW EXECUTE FUNCTION fn_order_events_forward();

ALTER TABLE order_events ENABLE ALWAYS TRIGGER tg_order_events_forward;

CREATE FUNCTION fn_chain_heads_ledger() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    IF OLD.table_name <> 'ledger' AND NEW.table_name <> 'ledger' THEN
        RETURN NEW;
    END IF;
    IF NEW.table_name <> OLD.table_name THEN
        RAISE EXCEPTION 'chain_heads: the row of ledger must stay that of ledger';
    END IF;
    IF EXISTS (
        SELECT 1 FROM ledger WHERE seq > OLD.count AND seq <= NEW.count
        GROUP BY txn_id, asset HAVING sum(amount) <> 0
    ) THEN
        RAISE EXCEPTION 'ledger: postings of a transaction do not sum to zero';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_chain_heads_ledger BEFORE UPDATE ON chain_heads FOR EACH ROW EXECUTE FUNCTION fn_chain_heads_ledger();

ALTER TABLE chain_heads ENABLE ALWAYS TRIGGER tg_chain_heads_ledger;

CREATE FUNCTION fn_chain_heads_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = mooring, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'chain_heads: % refused', lower(TG_OP);
    RETURN NEW;
END
$$;

CREATE TRIGGER tg_chain_heads_delete BEFORE DELETE ON chain_heads FOR EACH ROW EXECUTE FUNCTION fn_chain_heads_kept();

ALTER TABLE chain_heads ENABLE ALWAYS TRIGGER tg_chain_heads_delete;

CREATE TRIGGER tg_chain_heads_truncate BEFORE TRUNCATE ON chain_heads FOR EACH STATEMENT EXECUTE FUNCTION fn_chain_heads_kept();

ALTER TABLE chain_heads ENABLE ALWAYS TRIGGER tg_chain_heads_truncate;

CREATE VIEW runs_now AS
SELECT r.*, coalesce((SELECT e.kind FROM run_events e WHERE e.run_id = r.run_id AND e.kind IN ('started', 'ended', 'crash_recovered') ORDER BY e.seq DESC LIMIT 1), 'created') AS status, (SELECT max(m.hour_ts_utc) FROM manifests m WHERE m.run_id = r.run_id) AS last_hour_ts_utc FROM runs r;

CREATE VIEW portfolio_now AS
SELECT e.* FROM equity e JOIN (SELECT account_id, max(hour_ts_utc) AS hour_ts_utc FROM equity GROUP BY account_id) h ON h.account_id = e.account_id AND h.hour_ts_utc = e.hour_ts_utc;

CREATE VIEW positions_now AS
SELECT p.* FROM positions p JOIN (SELECT account_id, max(hour_ts_utc) AS hour_ts_utc FROM equity GROUP BY account_id) h ON h.account_id = p.account_id AND h.hour_ts_utc = p.hour_ts_utc;

CREATE VIEW open_hours AS
SELECT a.account_id, max(e.hour_ts_utc) + 3600 AS hour_ts_utc FROM accounts a JOIN equity e ON e.account_id = a.account_id WHERE a.mode = 'live' GROUP BY a.account_id;

CREATE VIEW orders_now AS
SELECT i.*, (SELECT e.status FROM order_events e WHERE e.client_order_id = i.client_order_id ORDER BY e.seq DESC LIMIT 1) AS status, coalesce((SELECT e.filled_quantity FROM order_events e WHERE e.client_order_id = i.client_order_id ORDER BY e.seq DESC LIMIT 1), 0) AS filled_quantity FROM order_intents i;

CREATE VIEW lots_now AS
SELECT l.account_id, l.lot_id, l.symbol, l.opened_ts, l.quantity - coalesce(t.quantity, 0) AS quantity, l.cost - coalesce(t.cost, 0) AS cost FROM lots l LEFT JOIN (SELECT open_fill_id, CAST(sum(quantity) AS BIGINT) AS quantity, CAST(sum(cost) AS BIGINT) AS cost FROM trades GROUP BY open_fill_id) t ON t.open_fill_id = l.lot_id WHERE l.quantity > coalesce(t.quantity, 0);

CREATE VIEW balances_now AS
SELECT account_id, account, asset, CAST(sum(amount) AS BIGINT) AS balance FROM ledger GROUP BY account_id, account, asset;

CREATE VIEW alerts_open AS
SELECT a.* FROM alerts a WHERE NOT EXISTS (SELECT 1 FROM alert_acks k WHERE k.alert_id = a.alert_id);

CREATE VIEW controls_now AS
SELECT * FROM controls WHERE seq = (SELECT max(seq) FROM controls);

CREATE VIEW settings_now AS
SELECT * FROM settings_versions WHERE version = (SELECT max(version) FROM settings_versions);
