-- Evidence of Mooring: tables, indexes, triggers and views, as every database of SQLite has them.
-- Made from the code by `python -m mooring.runtime.store.canonical`; a change here changes nothing else.

CREATE TABLE accounts (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    account_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    venue TEXT NOT NULL,
    quote TEXT NOT NULL,
    principal INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    CONSTRAINT pk_accounts PRIMARY KEY (seq),
    CONSTRAINT uq_accounts_account_id UNIQUE (account_id),
    CONSTRAINT ck_accounts_mode CHECK (mode IN ('paper', 'shadow', 'live')),
    CONSTRAINT ck_accounts_principal CHECK (principal >= 0)
)
 STRICT;

CREATE TABLE assets (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    asset TEXT NOT NULL,
    decimals INTEGER NOT NULL,
    CONSTRAINT pk_assets PRIMARY KEY (seq),
    CONSTRAINT uq_assets_asset_decimals UNIQUE (asset, decimals),
    CONSTRAINT ck_assets_decimals CHECK (decimals BETWEEN 0 AND 18)
)
 STRICT;

CREATE TABLE instruments (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    symbol TEXT NOT NULL,
    version INTEGER NOT NULL,
    base TEXT NOT NULL,
    quote TEXT NOT NULL,
    pair_decimals INTEGER NOT NULL,
    lot_decimals INTEGER NOT NULL,
    order_min INTEGER NOT NULL,
    cost_min INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    CONSTRAINT pk_instruments PRIMARY KEY (seq),
    CONSTRAINT ck_instruments_estimated CHECK (estimated IN (0, 1)),
    CONSTRAINT uq_instruments_symbol_version UNIQUE (symbol, version),
    CONSTRAINT ck_instruments_version CHECK (version >= 1),
    CONSTRAINT ck_instruments_amounts CHECK (order_min >= 0 AND cost_min >= 0 AND pair_decimals >= 0 AND lot_decimals >= 0)
)
 STRICT;

CREATE TABLE settings_versions (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    settings_hash TEXT NOT NULL,
    settings TEXT NOT NULL,
    note TEXT NOT NULL,
    CONSTRAINT pk_settings_versions PRIMARY KEY (seq),
    CONSTRAINT uq_settings_versions_version UNIQUE (version),
    CONSTRAINT ck_settings_versions_version CHECK (version >= 1)
)
 STRICT;

CREATE TABLE risk_profiles (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    profile TEXT NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    profile_hash TEXT NOT NULL,
    limits TEXT NOT NULL,
    bounds TEXT NOT NULL,
    CONSTRAINT pk_risk_profiles PRIMARY KEY (seq),
    CONSTRAINT uq_risk_profiles_profile_version UNIQUE (profile, version),
    CONSTRAINT ck_risk_profiles_version CHECK (version >= 1)
)
 STRICT;

CREATE TABLE bundle_events (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    bundle_id TEXT NOT NULL,
    detail TEXT NOT NULL,
    CONSTRAINT pk_bundle_events PRIMARY KEY (seq)
)
 STRICT;

CREATE INDEX ix_bundle_events_bundle_id ON bundle_events (bundle_id);

CREATE TABLE runs (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    code_version TEXT NOT NULL,
    lock_hash TEXT NOT NULL,
    settings_hash TEXT NOT NULL,
    settings_version INTEGER NOT NULL,
    bundle TEXT,
    market TEXT NOT NULL,
    market_hash TEXT NOT NULL,
    seed INTEGER NOT NULL,
    universe TEXT NOT NULL,
    params TEXT NOT NULL,
    parent_run_id TEXT,
    quote TEXT NOT NULL,
    starting_cash INTEGER NOT NULL,
    CONSTRAINT pk_runs PRIMARY KEY (seq),
    CONSTRAINT uq_runs_run_id UNIQUE (run_id),
    CONSTRAINT uq_runs_run_id_account_id UNIQUE (run_id, account_id),
    CONSTRAINT ck_runs_mode CHECK (mode IN ('paper', 'shadow', 'live')),
    CONSTRAINT ck_runs_starting_cash CHECK (starting_cash >= 0),
    CONSTRAINT fk_runs_account_id FOREIGN KEY(account_id) REFERENCES accounts (account_id),
    CONSTRAINT fk_runs_settings_version FOREIGN KEY(settings_version) REFERENCES settings_versions (version),
    CONSTRAINT fk_runs_parent_run_id FOREIGN KEY(parent_run_id) REFERENCES runs (run_id)
)
 STRICT;

CREATE TABLE run_events (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    CONSTRAINT pk_run_events PRIMARY KEY (seq),
    CONSTRAINT fk_run_events_run_id FOREIGN KEY(run_id) REFERENCES runs (run_id)
)
 STRICT;

CREATE INDEX ix_run_events_run_id ON run_events (run_id);

CREATE TABLE control_actions (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    result TEXT NOT NULL,
    CONSTRAINT pk_control_actions PRIMARY KEY (seq)
)
 STRICT;

CREATE TABLE controls (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    kill_active INTEGER NOT NULL,
    kill_reason TEXT NOT NULL,
    kill_since INTEGER,
    paused INTEGER NOT NULL,
    pause_reason TEXT NOT NULL,
    pause_since INTEGER,
    wanted TEXT NOT NULL,
    rebase INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT pk_controls PRIMARY KEY (seq),
    CONSTRAINT ck_controls_kill_active CHECK (kill_active IN (0, 1)),
    CONSTRAINT ck_controls_paused CHECK (paused IN (0, 1)),
    CONSTRAINT ck_controls_rebase CHECK (rebase IN (0, 1))
)
 STRICT;

CREATE TABLE bars (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    open INTEGER NOT NULL,
    high INTEGER NOT NULL,
    low INTEGER NOT NULL,
    close INTEGER NOT NULL,
    volume INTEGER NOT NULL,
    CONSTRAINT pk_bars PRIMARY KEY (seq),
    CONSTRAINT ck_bars_prices CHECK (low > 0 AND low <= open AND low <= close AND high >= open AND high >= close),
    CONSTRAINT ck_bars_volume CHECK (volume >= 0),
    CONSTRAINT fk_bars_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_bars_run_id_account_id_hour_ts_utc_symbol UNIQUE (run_id, account_id, hour_ts_utc, symbol)
)
 STRICT;

CREATE TABLE cycles (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    kill INTEGER NOT NULL,
    paused INTEGER NOT NULL,
    cancel_all INTEGER NOT NULL,
    rebase INTEGER NOT NULL,
    flatten INTEGER NOT NULL,
    catch_up INTEGER NOT NULL,
    blocked INTEGER NOT NULL,
    bars_present INTEGER NOT NULL,
    warmed_up INTEGER NOT NULL,
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
)
 STRICT;

CREATE TABLE features (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    schema_id TEXT NOT NULL,
    vector TEXT NOT NULL,
    CONSTRAINT pk_features PRIMARY KEY (seq),
    CONSTRAINT fk_features_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_features_run_id_account_id_hour_ts_utc_symbol UNIQUE (run_id, account_id, hour_ts_utc, symbol)
)
 STRICT;

CREATE TABLE model_outputs (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    bundle TEXT NOT NULL,
    state TEXT NOT NULL,
    global_score INTEGER,
    specialist_score INTEGER,
    ensemble_score INTEGER,
    schema_id TEXT NOT NULL,
    vector TEXT NOT NULL,
    CONSTRAINT pk_model_outputs PRIMARY KEY (seq),
    CONSTRAINT ck_model_outputs_state CHECK (state IN ('no_model', 'ok', 'missing', 'fault')),
    CONSTRAINT ck_model_outputs_bundle CHECK (bundle <> '' OR state = 'no_model'),
    CONSTRAINT ck_model_outputs_scores CHECK (coalesce(global_score, 0) BETWEEN -1000000 AND 1000000 AND coalesce(specialist_score, 0) BETWEEN -1000000 AND 1000000 AND coalesce(ensemble_score, 0) BETWEEN -1000000 AND 1000000),
    CONSTRAINT ck_model_outputs_ok_has_scores CHECK ((state = 'ok') = (coalesce(global_score, specialist_score, ensemble_score) IS NOT NULL)),
    CONSTRAINT fk_model_outputs_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_model_outputs_run_id_account_id_hour_ts_utc_symbol UNIQUE (run_id, account_id, hour_ts_utc, symbol)
)
 STRICT;

CREATE TABLE signals (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    producer TEXT NOT NULL,
    direction INTEGER NOT NULL,
    conviction INTEGER NOT NULL,
    value_micro INTEGER NOT NULL,
    reason TEXT NOT NULL,
    CONSTRAINT pk_signals PRIMARY KEY (seq),
    CONSTRAINT ck_signals_direction CHECK (direction IN (-1, 0, 1)),
    CONSTRAINT ck_signals_conviction CHECK (conviction BETWEEN 0 AND 10),
    CONSTRAINT fk_signals_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_signals_run_id_account_id_hour_ts_utc_symbol_producer UNIQUE (run_id, account_id, hour_ts_utc, symbol, producer)
)
 STRICT;

CREATE TABLE decisions (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    score INTEGER NOT NULL,
    quantity INTEGER NOT NULL,
    price INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    target INTEGER NOT NULL,
    limit_value INTEGER NOT NULL,
    observed INTEGER NOT NULL,
    CONSTRAINT pk_decisions PRIMARY KEY (seq),
    CONSTRAINT ck_decisions_quantity CHECK (quantity >= 0),
    CONSTRAINT fk_decisions_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_decisions_run_id_account_id_hour_ts_utc_symbol UNIQUE (run_id, account_id, hour_ts_utc, symbol)
)
 STRICT;

CREATE TABLE risk_states (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    profile TEXT NOT NULL,
    profile_version INTEGER NOT NULL,
    tier TEXT NOT NULL,
    halted INTEGER NOT NULL,
    drawdown_bps INTEGER NOT NULL,
    caution_bps INTEGER NOT NULL,
    defensive_bps INTEGER NOT NULL,
    halt_bps INTEGER NOT NULL,
    cap_bps INTEGER NOT NULL,
    cap_value INTEGER NOT NULL,
    exposure INTEGER NOT NULL,
    entry_value INTEGER NOT NULL,
    day_start INTEGER NOT NULL,
    day_loss_bps INTEGER NOT NULL,
    entries_today INTEGER NOT NULL,
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
)
 STRICT;

CREATE TABLE order_intents (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    order_type TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    price INTEGER NOT NULL,
    stop_price INTEGER NOT NULL,
    target_price INTEGER NOT NULL,
    reason TEXT NOT NULL,
    parent_id TEXT,
    intent_hash TEXT NOT NULL,
    CONSTRAINT pk_order_intents PRIMARY KEY (seq),
    CONSTRAINT uq_order_intents_client_order_id UNIQUE (client_order_id),
    CONSTRAINT ck_order_intents_side CHECK (side IN ('buy', 'sell')),
    CONSTRAINT ck_order_intents_quantity CHECK (quantity > 0),
    CONSTRAINT ck_order_intents_prices CHECK (price >= 0 AND stop_price >= 0 AND target_price >= 0),
    CONSTRAINT fk_order_intents_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT fk_order_intents_parent_id FOREIGN KEY(parent_id) REFERENCES order_intents (client_order_id) DEFERRABLE INITIALLY DEFERRED
)
 STRICT;

CREATE INDEX ix_order_intents_run_id_account_id_hour_ts_utc ON order_intents (run_id, account_id, hour_ts_utc);

CREATE TABLE order_events (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    client_order_id TEXT NOT NULL,
    status TEXT NOT NULL,
    filled_quantity INTEGER NOT NULL,
    reason TEXT NOT NULL,
    CONSTRAINT pk_order_events PRIMARY KEY (seq),
    CONSTRAINT ck_order_events_status CHECK (status IN ('INTENT', 'SUBMITTING', 'UNKNOWN', 'OPEN', 'PARTIAL', 'FILLED', 'CANCELLED', 'EXPIRED', 'REJECTED', 'WITHHELD')),
    CONSTRAINT ck_order_events_filled_quantity CHECK (filled_quantity >= 0),
    CONSTRAINT fk_order_events_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT fk_order_events_client_order_id FOREIGN KEY(client_order_id) REFERENCES order_intents (client_order_id)
)
 STRICT;

CREATE INDEX ix_order_events_client_order_id ON order_events (client_order_id);

CREATE INDEX ix_order_events_run_id_account_id_hour_ts_utc ON order_events (run_id, account_id, hour_ts_utc);

CREATE TABLE fills (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    fill_id TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    price INTEGER NOT NULL,
    notional INTEGER NOT NULL,
    fee INTEGER NOT NULL,
    liquidity TEXT NOT NULL,
    filled_ts INTEGER NOT NULL,
    CONSTRAINT pk_fills PRIMARY KEY (seq),
    CONSTRAINT uq_fills_fill_id UNIQUE (fill_id),
    CONSTRAINT ck_fills_side CHECK (side IN ('buy', 'sell')),
    CONSTRAINT ck_fills_liquidity CHECK (liquidity IN ('maker', 'taker')),
    CONSTRAINT ck_fills_amounts CHECK (quantity > 0 AND price > 0 AND notional >= 0),
    CONSTRAINT fk_fills_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT fk_fills_client_order_id FOREIGN KEY(client_order_id) REFERENCES order_intents (client_order_id)
)
 STRICT;

CREATE INDEX ix_fills_client_order_id ON fills (client_order_id);

CREATE INDEX ix_fills_run_id_account_id_hour_ts_utc ON fills (run_id, account_id, hour_ts_utc);

CREATE TABLE venue_fills (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    fill_id TEXT NOT NULL,
    trade_id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    traded_ms INTEGER NOT NULL,
    CONSTRAINT pk_venue_fills PRIMARY KEY (seq),
    CONSTRAINT uq_venue_fills_fill_id UNIQUE (fill_id),
    CONSTRAINT uq_venue_fills_account_id_trade_id UNIQUE (account_id, trade_id),
    CONSTRAINT fk_venue_fills_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT fk_venue_fills_fill_id FOREIGN KEY(fill_id) REFERENCES fills (fill_id)
)
 STRICT;

CREATE INDEX ix_venue_fills_run_id_account_id_hour_ts_utc ON venue_fills (run_id, account_id, hour_ts_utc);

CREATE TABLE lots (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    lot_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    opened_ts INTEGER NOT NULL,
    CONSTRAINT pk_lots PRIMARY KEY (seq),
    CONSTRAINT uq_lots_lot_id UNIQUE (lot_id),
    CONSTRAINT ck_lots_amounts CHECK (quantity > 0 AND cost >= 0),
    CONSTRAINT fk_lots_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT fk_lots_lot_id FOREIGN KEY(lot_id) REFERENCES fills (fill_id)
)
 STRICT;

CREATE INDEX ix_lots_run_id_account_id_hour_ts_utc ON lots (run_id, account_id, hour_ts_utc);

CREATE TABLE trades (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    trade_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    proceeds INTEGER NOT NULL,
    pnl INTEGER NOT NULL,
    opened_ts INTEGER NOT NULL,
    closed_ts INTEGER NOT NULL,
    open_fill_id TEXT NOT NULL,
    close_fill_id TEXT NOT NULL,
    CONSTRAINT pk_trades PRIMARY KEY (seq),
    CONSTRAINT uq_trades_trade_id UNIQUE (trade_id),
    CONSTRAINT ck_trades_quantity CHECK (quantity > 0),
    CONSTRAINT ck_trades_pnl CHECK (pnl = proceeds - cost),
    CONSTRAINT ck_trades_times CHECK (closed_ts >= opened_ts),
    CONSTRAINT fk_trades_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT fk_trades_open_fill_id FOREIGN KEY(open_fill_id) REFERENCES lots (lot_id),
    CONSTRAINT fk_trades_close_fill_id FOREIGN KEY(close_fill_id) REFERENCES fills (fill_id)
)
 STRICT;

CREATE INDEX ix_trades_run_id_account_id_hour_ts_utc ON trades (run_id, account_id, hour_ts_utc);

CREATE TABLE ledger (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    txn_id TEXT NOT NULL,
    line INTEGER NOT NULL,
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount INTEGER NOT NULL,
    CONSTRAINT pk_ledger PRIMARY KEY (seq),
    CONSTRAINT uq_ledger_txn_id_line UNIQUE (txn_id, line),
    CONSTRAINT fk_ledger_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id)
)
 STRICT;

CREATE INDEX ix_ledger_run_id_account_id_hour_ts_utc ON ledger (run_id, account_id, hour_ts_utc);

CREATE TABLE movements (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    movement_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount TEXT NOT NULL,
    entry_id TEXT NOT NULL,
    moved_ms INTEGER NOT NULL,
    text TEXT NOT NULL,
    CONSTRAINT pk_movements PRIMARY KEY (seq),
    CONSTRAINT uq_movements_movement_id UNIQUE (movement_id),
    CONSTRAINT ck_movements_kind CHECK (kind IN ('opening', 'before', 'deposit', 'withdrawal', 'staking', 'transfer', 'trade', 'other', 'rounding', 'accepted')),
    CONSTRAINT ck_movements_amount CHECK (length(amount) <= 60 AND replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(amount, '0', ''), '1', ''), '2', ''), '3', ''), '4', ''), '5', ''), '6', ''), '7', ''), '8', ''), '9', '') IN ('', '-', '.', '-.') AND replace(substr(amount, 2), '-', '') = substr(amount, 2) AND substr(replace(amount, '-', ''), 1, 1) NOT IN ('', '.') AND substr(amount, length(amount), 1) <> '.'),
    CONSTRAINT fk_movements_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id)
)
 STRICT;

CREATE INDEX ix_movements_account_id_asset ON movements (account_id, asset);

CREATE INDEX ix_movements_run_id_account_id_hour_ts_utc ON movements (run_id, account_id, hour_ts_utc);

CREATE TABLE reconciles (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    cause TEXT NOT NULL,
    equal INTEGER NOT NULL,
    breaks TEXT NOT NULL,
    detail TEXT NOT NULL,
    CONSTRAINT pk_reconciles PRIMARY KEY (seq),
    CONSTRAINT ck_reconciles_equal CHECK (equal IN (0, 1)),
    CONSTRAINT ck_reconciles_equal_without_breaks CHECK ((equal = 1) = (breaks = '[]')),
    CONSTRAINT fk_reconciles_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id)
)
 STRICT;

CREATE INDEX ix_reconciles_run_id_account_id_hour_ts_utc ON reconciles (run_id, account_id, hour_ts_utc);

CREATE TABLE campaigns (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    campaign_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    event TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    realised_pnl INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    target INTEGER NOT NULL,
    CONSTRAINT pk_campaigns PRIMARY KEY (seq),
    CONSTRAINT ck_campaigns_event CHECK (event IN ('opened', 'added', 'reduced', 'closed')),
    CONSTRAINT ck_campaigns_amounts CHECK (quantity >= 0 AND cost >= 0 AND stop >= 0 AND target >= 0),
    CONSTRAINT ck_campaigns_closed_is_empty CHECK (event <> 'closed' OR (quantity = 0 AND cost = 0)),
    CONSTRAINT fk_campaigns_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_campaigns_run_id_account_id_hour_ts_utc_campaign_id_event UNIQUE (run_id, account_id, hour_ts_utc, campaign_id, event)
)
 STRICT;

CREATE INDEX ix_campaigns_campaign_id ON campaigns (campaign_id);

CREATE TABLE positions (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    price INTEGER NOT NULL,
    value INTEGER NOT NULL,
    CONSTRAINT pk_positions PRIMARY KEY (seq),
    CONSTRAINT ck_positions_quantity CHECK (quantity >= 0),
    CONSTRAINT ck_positions_amounts CHECK (cost >= 0 AND price >= 0 AND value >= 0),
    CONSTRAINT fk_positions_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_positions_run_id_account_id_hour_ts_utc_symbol UNIQUE (run_id, account_id, hour_ts_utc, symbol)
)
 STRICT;

CREATE TABLE equity (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    cash INTEGER NOT NULL,
    positions_value INTEGER NOT NULL,
    equity INTEGER NOT NULL,
    peak INTEGER NOT NULL,
    drawdown_bps INTEGER NOT NULL,
    tier TEXT NOT NULL,
    realised_pnl INTEGER NOT NULL,
    unrealised_pnl INTEGER NOT NULL,
    fees_paid INTEGER NOT NULL,
    CONSTRAINT pk_equity PRIMARY KEY (seq),
    CONSTRAINT ck_equity_cash CHECK (cash >= 0),
    CONSTRAINT ck_equity_positions_value CHECK (positions_value >= 0),
    CONSTRAINT ck_equity_total CHECK (equity = cash + positions_value),
    CONSTRAINT ck_equity_drawdown_bps CHECK (drawdown_bps BETWEEN 0 AND 10000),
    CONSTRAINT ck_equity_tier CHECK (tier IN ('normal', 'caution', 'defensive', 'halt')),
    CONSTRAINT fk_equity_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_equity_run_id_account_id_hour_ts_utc UNIQUE (run_id, account_id, hour_ts_utc)
)
 STRICT;

CREATE TABLE treasury (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    monthly_costs INTEGER NOT NULL,
    protect INTEGER NOT NULL,
    minimum_transfer INTEGER NOT NULL,
    principal INTEGER NOT NULL,
    fees_day INTEGER NOT NULL,
    realised_day INTEGER NOT NULL,
    surplus_day INTEGER NOT NULL,
    surplus_30d INTEGER NOT NULL,
    protected INTEGER NOT NULL,
    recommended INTEGER NOT NULL,
    reason TEXT NOT NULL,
    CONSTRAINT pk_treasury PRIMARY KEY (seq),
    CONSTRAINT ck_treasury_protect CHECK (protect IN (0, 1)),
    CONSTRAINT ck_treasury_amounts CHECK (principal >= 0 AND protected >= 0 AND recommended >= 0),
    CONSTRAINT ck_treasury_settings CHECK (monthly_costs >= 0 AND minimum_transfer >= 0),
    CONSTRAINT fk_treasury_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_treasury_run_id_account_id_hour_ts_utc UNIQUE (run_id, account_id, hour_ts_utc)
)
 STRICT;

CREATE TABLE alerts (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    alert_id TEXT NOT NULL,
    severity TEXT NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    CONSTRAINT pk_alerts PRIMARY KEY (seq),
    CONSTRAINT uq_alerts_alert_id UNIQUE (alert_id),
    CONSTRAINT ck_alerts_severity CHECK (severity IN ('info', 'warning', 'critical')),
    CONSTRAINT fk_alerts_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id)
)
 STRICT;

CREATE INDEX ix_alerts_run_id_account_id_hour_ts_utc ON alerts (run_id, account_id, hour_ts_utc);

CREATE TABLE alert_acks (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    CONSTRAINT pk_alert_acks PRIMARY KEY (seq),
    CONSTRAINT fk_alert_acks_alert_id FOREIGN KEY(alert_id) REFERENCES alerts (alert_id)
)
 STRICT;

CREATE INDEX ix_alert_acks_alert_id ON alert_acks (alert_id);

CREATE TABLE snapshots (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    state BLOB NOT NULL,
    CONSTRAINT pk_snapshots PRIMARY KEY (seq),
    CONSTRAINT fk_snapshots_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id)
)
 STRICT;

CREATE INDEX ix_snapshots_run_id_account_id_hour_ts_utc ON snapshots (run_id, account_id, hour_ts_utc);

CREATE TABLE manifests (
    seq INTEGER NOT NULL,
    prev_hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    decision_hash TEXT NOT NULL,
    state_hash TEXT NOT NULL,
    blob_hash TEXT,
    heads TEXT NOT NULL,
    previous_root TEXT NOT NULL,
    root TEXT NOT NULL,
    CONSTRAINT pk_manifests PRIMARY KEY (seq),
    CONSTRAINT uq_manifests_root UNIQUE (root),
    CONSTRAINT fk_manifests_run_id_account_id FOREIGN KEY(run_id, account_id) REFERENCES runs (run_id, account_id),
    CONSTRAINT uq_manifests_run_id_account_id_hour_ts_utc UNIQUE (run_id, account_id, hour_ts_utc)
)
 STRICT;

CREATE TABLE chain_heads (
    table_name TEXT NOT NULL,
    count INTEGER NOT NULL,
    head TEXT NOT NULL,
    CONSTRAINT pk_chain_heads PRIMARY KEY (table_name)
)
 STRICT;

CREATE TABLE state_latest (
    run_id TEXT NOT NULL,
    hour_ts_utc INTEGER NOT NULL,
    cycles INTEGER NOT NULL,
    state BLOB NOT NULL,
    state_hash TEXT NOT NULL,
    manifest_hash TEXT,
    CONSTRAINT pk_state_latest PRIMARY KEY (run_id),
    CONSTRAINT fk_state_latest_run_id FOREIGN KEY(run_id) REFERENCES runs (run_id)
)
 STRICT;

CREATE TRIGGER tg_accounts_append BEFORE INSERT ON accounts
BEGIN
    SELECT RAISE(ABORT, 'accounts is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM accounts);
    SELECT RAISE(ABORT, 'accounts does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM accounts WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'accounts has this account_id already') WHERE EXISTS (SELECT 1 FROM accounts WHERE account_id = NEW.account_id);
END;

CREATE TRIGGER tg_accounts_update BEFORE UPDATE ON accounts
BEGIN
    SELECT RAISE(ABORT, 'accounts is append-only, update refused');
END;

CREATE TRIGGER tg_accounts_delete BEFORE DELETE ON accounts
BEGIN
    SELECT RAISE(ABORT, 'accounts is append-only, delete refused');
END;

CREATE TRIGGER tg_assets_append BEFORE INSERT ON assets
BEGIN
    SELECT RAISE(ABORT, 'assets is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM assets);
    SELECT RAISE(ABORT, 'assets does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM assets WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'assets has this asset + decimals already') WHERE EXISTS (SELECT 1 FROM assets WHERE asset = NEW.asset AND decimals = NEW.decimals);
END;

CREATE TRIGGER tg_assets_update BEFORE UPDATE ON assets
BEGIN
    SELECT RAISE(ABORT, 'assets is append-only, update refused');
END;

CREATE TRIGGER tg_assets_delete BEFORE DELETE ON assets
BEGIN
    SELECT RAISE(ABORT, 'assets is append-only, delete refused');
END;

CREATE TRIGGER tg_instruments_append BEFORE INSERT ON instruments
BEGIN
    SELECT RAISE(ABORT, 'instruments is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM instruments);
    SELECT RAISE(ABORT, 'instruments does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM instruments WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'instruments has this symbol + version already') WHERE EXISTS (SELECT 1 FROM instruments WHERE symbol = NEW.symbol AND version = NEW.version);
END;

CREATE TRIGGER tg_instruments_update BEFORE UPDATE ON instruments
BEGIN
    SELECT RAISE(ABORT, 'instruments is append-only, update refused');
END;

CREATE TRIGGER tg_instruments_delete BEFORE DELETE ON instruments
BEGIN
    SELECT RAISE(ABORT, 'instruments is append-only, delete refused');
END;

CREATE TRIGGER tg_settings_versions_append BEFORE INSERT ON settings_versions
BEGIN
    SELECT RAISE(ABORT, 'settings_versions is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM settings_versions);
    SELECT RAISE(ABORT, 'settings_versions does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM settings_versions WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'settings_versions has this version already') WHERE EXISTS (SELECT 1 FROM settings_versions WHERE version = NEW.version);
END;

CREATE TRIGGER tg_settings_versions_update BEFORE UPDATE ON settings_versions
BEGIN
    SELECT RAISE(ABORT, 'settings_versions is append-only, update refused');
END;

CREATE TRIGGER tg_settings_versions_delete BEFORE DELETE ON settings_versions
BEGIN
    SELECT RAISE(ABORT, 'settings_versions is append-only, delete refused');
END;

CREATE TRIGGER tg_risk_profiles_append BEFORE INSERT ON risk_profiles
BEGIN
    SELECT RAISE(ABORT, 'risk_profiles is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM risk_profiles);
    SELECT RAISE(ABORT, 'risk_profiles does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM risk_profiles WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'risk_profiles has this profile + version already') WHERE EXISTS (SELECT 1 FROM risk_profiles WHERE profile = NEW.profile AND version = NEW.version);
END;

CREATE TRIGGER tg_risk_profiles_update BEFORE UPDATE ON risk_profiles
BEGIN
    SELECT RAISE(ABORT, 'risk_profiles is append-only, update refused');
END;

CREATE TRIGGER tg_risk_profiles_delete BEFORE DELETE ON risk_profiles
BEGIN
    SELECT RAISE(ABORT, 'risk_profiles is append-only, delete refused');
END;

CREATE TRIGGER tg_bundle_events_append BEFORE INSERT ON bundle_events
BEGIN
    SELECT RAISE(ABORT, 'bundle_events is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM bundle_events);
    SELECT RAISE(ABORT, 'bundle_events does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM bundle_events WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
END;

CREATE TRIGGER tg_bundle_events_update BEFORE UPDATE ON bundle_events
BEGIN
    SELECT RAISE(ABORT, 'bundle_events is append-only, update refused');
END;

CREATE TRIGGER tg_bundle_events_delete BEFORE DELETE ON bundle_events
BEGIN
    SELECT RAISE(ABORT, 'bundle_events is append-only, delete refused');
END;

CREATE TRIGGER tg_runs_append BEFORE INSERT ON runs
BEGIN
    SELECT RAISE(ABORT, 'runs is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM runs);
    SELECT RAISE(ABORT, 'runs does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM runs WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'runs has this run_id already') WHERE EXISTS (SELECT 1 FROM runs WHERE run_id = NEW.run_id);
    SELECT RAISE(ABORT, 'runs has this run_id + account_id already') WHERE EXISTS (SELECT 1 FROM runs WHERE run_id = NEW.run_id AND account_id = NEW.account_id);
END;

CREATE TRIGGER tg_runs_update BEFORE UPDATE ON runs
BEGIN
    SELECT RAISE(ABORT, 'runs is append-only, update refused');
END;

CREATE TRIGGER tg_runs_delete BEFORE DELETE ON runs
BEGIN
    SELECT RAISE(ABORT, 'runs is append-only, delete refused');
END;

CREATE TRIGGER tg_run_events_append BEFORE INSERT ON run_events
BEGIN
    SELECT RAISE(ABORT, 'run_events is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM run_events);
    SELECT RAISE(ABORT, 'run_events does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM run_events WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
END;

CREATE TRIGGER tg_run_events_update BEFORE UPDATE ON run_events
BEGIN
    SELECT RAISE(ABORT, 'run_events is append-only, update refused');
END;

CREATE TRIGGER tg_run_events_delete BEFORE DELETE ON run_events
BEGIN
    SELECT RAISE(ABORT, 'run_events is append-only, delete refused');
END;

CREATE TRIGGER tg_control_actions_append BEFORE INSERT ON control_actions
BEGIN
    SELECT RAISE(ABORT, 'control_actions is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM control_actions);
    SELECT RAISE(ABORT, 'control_actions does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM control_actions WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
END;

CREATE TRIGGER tg_control_actions_update BEFORE UPDATE ON control_actions
BEGIN
    SELECT RAISE(ABORT, 'control_actions is append-only, update refused');
END;

CREATE TRIGGER tg_control_actions_delete BEFORE DELETE ON control_actions
BEGIN
    SELECT RAISE(ABORT, 'control_actions is append-only, delete refused');
END;

CREATE TRIGGER tg_controls_append BEFORE INSERT ON controls
BEGIN
    SELECT RAISE(ABORT, 'controls is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM controls);
    SELECT RAISE(ABORT, 'controls does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM controls WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
END;

CREATE TRIGGER tg_controls_update BEFORE UPDATE ON controls
BEGIN
    SELECT RAISE(ABORT, 'controls is append-only, update refused');
END;

CREATE TRIGGER tg_controls_delete BEFORE DELETE ON controls
BEGIN
    SELECT RAISE(ABORT, 'controls is append-only, delete refused');
END;

CREATE TRIGGER tg_bars_append BEFORE INSERT ON bars
BEGIN
    SELECT RAISE(ABORT, 'bars is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM bars);
    SELECT RAISE(ABORT, 'bars does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM bars WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'bars has this run_id + account_id + hour_ts_utc + symbol already') WHERE EXISTS (SELECT 1 FROM bars WHERE run_id = NEW.run_id AND account_id = NEW.account_id AND hour_ts_utc = NEW.hour_ts_utc AND symbol = NEW.symbol);
END;

CREATE TRIGGER tg_bars_update BEFORE UPDATE ON bars
BEGIN
    SELECT RAISE(ABORT, 'bars is append-only, update refused');
END;

CREATE TRIGGER tg_bars_delete BEFORE DELETE ON bars
BEGIN
    SELECT RAISE(ABORT, 'bars is append-only, delete refused');
END;

CREATE TRIGGER tg_cycles_append BEFORE INSERT ON cycles
BEGIN
    SELECT RAISE(ABORT, 'cycles is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM cycles);
    SELECT RAISE(ABORT, 'cycles does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM cycles WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'cycles has this run_id + account_id + hour_ts_utc already') WHERE EXISTS (SELECT 1 FROM cycles WHERE run_id = NEW.run_id AND account_id = NEW.account_id AND hour_ts_utc = NEW.hour_ts_utc);
END;

CREATE TRIGGER tg_cycles_update BEFORE UPDATE ON cycles
BEGIN
    SELECT RAISE(ABORT, 'cycles is append-only, update refused');
END;

CREATE TRIGGER tg_cycles_delete BEFORE DELETE ON cycles
BEGIN
    SELECT RAISE(ABORT, 'cycles is append-only, delete refused');
END;

CREATE TRIGGER tg_features_append BEFORE INSERT ON features
BEGIN
    SELECT RAISE(ABORT, 'features is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM features);
    SELECT RAISE(ABORT, 'features does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM features WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'features has this run_id + account_id + hour_ts_utc + symbol already') WHERE EXISTS (SELECT 1 FROM features WHERE run_id = NEW.run_id AND account_id = NEW.account_id AND hour_ts_utc = NEW.hour_ts_utc AND symbol = NEW.symbol);
END;

CREATE TRIGGER tg_features_update BEFORE UPDATE ON features
BEGIN
    SELECT RAISE(ABORT, 'features is append-only, update refused');
END;

CREATE TRIGGER tg_features_delete BEFORE DELETE ON features
BEGIN
    SELECT RAISE(ABORT, 'features is append-only, delete refused');
END;

CREATE TRIGGER tg_model_outputs_append BEFORE INSERT ON model_outputs
BEGIN
    SELECT RAISE(ABORT, 'model_outputs is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM model_outputs);
    SELECT RAISE(ABORT, 'model_outputs does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM model_outputs WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'model_outputs has this run_id + account_id + hour_ts_utc + symbol already') WHERE EXISTS (SELECT 1 FROM model_outputs WHERE run_id = NEW.run_id AND account_id = NEW.account_id AND hour_ts_utc = NEW.hour_ts_utc AND symbol = NEW.symbol);
END;

CREATE TRIGGER tg_model_outputs_update BEFORE UPDATE ON model_outputs
BEGIN
    SELECT RAISE(ABORT, 'model_outputs is append-only, update refused');
END;

CREATE TRIGGER tg_model_outputs_delete BEFORE DELETE ON model_outputs
BEGIN
    SELECT RAISE(ABORT, 'model_outputs is append-only, delete refused');
END;

CREATE TRIGGER tg_signals_append BEFORE INSERT ON signals
BEGIN
    SELECT RAISE(ABORT, 'signals is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM signals);
    SELECT RAISE(ABORT, 'signals does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM signals WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'signals has this run_id + account_id + hour_ts_utc + symbol + producer already') WHERE EXISTS (SELECT 1 FROM signals WHERE run_id = NEW.run_id AND account_id = NEW.account_id AND hour_ts_utc = NEW.hour_ts_utc AND symbol = NEW.symbol AND producer = NEW.producer);
END;

CREATE TRIGGER tg_signals_update BEFORE UPDATE ON signals
BEGIN
    SELECT RAISE(ABORT, 'signals is append-only, update refused');
END;

CREATE TRIGGER tg_signals_delete BEFORE DELETE ON signals
BEGIN
    SELECT RAISE(ABORT, 'signals is append-only, delete refused');
END;

CREATE TRIGGER tg_decisions_append BEFORE INSERT ON decisions
BEGIN
    SELECT RAISE(ABORT, 'decisions is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM decisions);
    SELECT RAISE(ABORT, 'decisions does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM decisions WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'decisions has this run_id + account_id + hour_ts_utc + symbol already') WHERE EXISTS (SELECT 1 FROM decisions WHERE run_id = NEW.run_id AND account_id = NEW.account_id AND hour_ts_utc = NEW.hour_ts_utc AND symbol = NEW.symbol);
END;

CREATE TRIGGER tg_decisions_update BEFORE UPDATE ON decisions
BEGIN
    SELECT RAISE(ABORT, 'decisions is append-only, update refused');
END;

CREATE TRIGGER tg_decisions_delete BEFORE DELETE ON decisions
BEGIN
    SELECT RAISE(ABORT, 'decisions is append-only, delete refused');
END;

CREATE TRIGGER tg_risk_states_append BEFORE INSERT ON risk_states
BEGIN
    SELECT RAISE(ABORT, 'risk_states is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM risk_states);
    SELECT RAISE(ABORT, 'risk_states does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM risk_states WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'risk_states has this run_id + account_id + hour_ts_utc already') WHERE EXISTS (SELECT 1 FROM risk_states WHERE run_id = NEW.run_id AND account_id = NEW.account_id AND hour_ts_utc = NEW.hour_ts_utc);
END;

CREATE TRIGGER tg_risk_states_update BEFORE UPDATE ON risk_states
BEGIN
    SELECT RAISE(ABORT, 'risk_states is append-only, update refused');
END;

CREATE TRIGGER tg_risk_states_delete BEFORE DELETE ON risk_states
BEGIN
    SELECT RAISE(ABORT, 'risk_states is append-only, delete refused');
END;

CREATE TRIGGER tg_order_intents_append BEFORE INSERT ON order_intents
BEGIN
    SELECT RAISE(ABORT, 'order_intents is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM order_intents);
    SELECT RAISE(ABORT, 'order_intents does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM order_intents WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'order_intents has this client_order_id already') WHERE EXISTS (SELECT 1 FROM order_intents WHERE client_order_id = NEW.client_order_id);
END;

CREATE TRIGGER tg_order_intents_update BEFORE UPDATE ON order_intents
BEGIN
    SELECT RAISE(ABORT, 'order_intents is append-only, update refused');
END;

CREATE TRIGGER tg_order_intents_delete BEFORE DELETE ON order_intents
BEGIN
    SELECT RAISE(ABORT, 'order_intents is append-only, delete refused');
END;

CREATE TRIGGER tg_order_events_append BEFORE INSERT ON order_events
BEGIN
    SELECT RAISE(ABORT, 'order_events is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM order_events);
    SELECT RAISE(ABORT, 'order_events does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM order_events WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
END;

CREATE TRIGGER tg_order_events_update BEFORE UPDATE ON order_events
BEGIN
    SELECT RAISE(ABORT, 'order_events is append-only, update refused');
END;

CREATE TRIGGER tg_order_events_delete BEFORE DELETE ON order_events
BEGIN
    SELECT RAISE(ABORT, 'order_events is append-only, delete refused');
END;

CREATE TRIGGER tg_fills_append BEFORE INSERT ON fills
BEGIN
    SELECT RAISE(ABORT, 'fills is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM fills);
    SELECT RAISE(ABORT, 'fills does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM fills WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'fills has this fill_id already') WHERE EXISTS (SELECT 1 FROM fills WHERE fill_id = NEW.fill_id);
END;

CREATE TRIGGER tg_fills_update BEFORE UPDATE ON fills
BEGIN
    SELECT RAISE(ABORT, 'fills is append-only, update refused');
END;

CREATE TRIGGER tg_fills_delete BEFORE DELETE ON fills
BEGIN
    SELECT RAISE(ABORT, 'fills is append-only, delete refused');
END;

CREATE TRIGGER tg_venue_fills_append BEFORE INSERT ON venue_fills
BEGIN
    SELECT RAISE(ABORT, 'venue_fills is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM venue_fills);
    SELECT RAISE(ABORT, 'venue_fills does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM venue_fills WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'venue_fills has this account_id + trade_id already') WHERE EXISTS (SELECT 1 FROM venue_fills WHERE account_id = NEW.account_id AND trade_id = NEW.trade_id);
    SELECT RAISE(ABORT, 'venue_fills has this fill_id already') WHERE EXISTS (SELECT 1 FROM venue_fills WHERE fill_id = NEW.fill_id);
END;

CREATE TRIGGER tg_venue_fills_update BEFORE UPDATE ON venue_fills
BEGIN
    SELECT RAISE(ABORT, 'venue_fills is append-only, update refused');
END;

CREATE TRIGGER tg_venue_fills_delete BEFORE DELETE ON venue_fills
BEGIN
    SELECT RAISE(ABORT, 'venue_fills is append-only, delete refused');
END;

CREATE TRIGGER tg_lots_append BEFORE INSERT ON lots
BEGIN
    SELECT RAISE(ABORT, 'lots is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM lots);
    SELECT RAISE(ABORT, 'lots does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM lots WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'lots has this lot_id already') WHERE EXISTS (SELECT 1 FROM lots WHERE lot_id = NEW.lot_id);
END;

CREATE TRIGGER tg_lots_update BEFORE UPDATE ON lots
BEGIN
    SELECT RAISE(ABORT, 'lots is append-only, update refused');
END;

CREATE TRIGGER tg_lots_delete BEFORE DELETE ON lots
BEGIN
    SELECT RAISE(ABORT, 'lots is append-only, delete refused');
END;

CREATE TRIGGER tg_trades_append BEFORE INSERT ON trades
BEGIN
    SELECT RAISE(ABORT, 'trades is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM trades);
    SELECT RAISE(ABORT, 'trades does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM trades WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'trades has this trade_id already') WHERE EXISTS (SELECT 1 FROM trades WHERE trade_id = NEW.trade_id);
END;

CREATE TRIGGER tg_trades_update BEFORE UPDATE ON trades
BEGIN
    SELECT RAISE(ABORT, 'trades is append-only, update refused');
END;

CREATE TRIGGER tg_trades_delete BEFORE DELETE ON trades
BEGIN
    SELECT RAISE(ABORT, 'trades is append-only, delete refused');
END;

CREATE TRIGGER tg_ledger_append BEFORE INSERT ON ledger
BEGIN
    SELECT RAISE(ABORT, 'ledger is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM ledger);
    SELECT RAISE(ABORT, 'ledger does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM ledger WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'ledger has this txn_id + line already') WHERE EXISTS (SELECT 1 FROM ledger WHERE txn_id = NEW.txn_id AND line = NEW.line);
END;

CREATE TRIGGER tg_ledger_update BEFORE UPDATE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'ledger is append-only, update refused');
END;

CREATE TRIGGER tg_ledger_delete BEFORE DELETE ON ledger
BEGIN
    SELECT RAISE(ABORT, 'ledger is append-only, delete refused');
END;

CREATE TRIGGER tg_movements_append BEFORE INSERT ON movements
BEGIN
    SELECT RAISE(ABORT, 'movements is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM movements);
    SELECT RAISE(ABORT, 'movements does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM movements WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'movements has this movement_id already') WHERE EXISTS (SELECT 1 FROM movements WHERE movement_id = NEW.movement_id);
END;

CREATE TRIGGER tg_movements_update BEFORE UPDATE ON movements
BEGIN
    SELECT RAISE(ABORT, 'movements is append-only, update refused');
END;

CREATE TRIGGER tg_movements_delete BEFORE DELETE ON movements
BEGIN
    SELECT RAISE(ABORT, 'movements is append-only, delete refused');
END;

CREATE TRIGGER tg_reconciles_append BEFORE INSERT ON reconciles
BEGIN
    SELECT RAISE(ABORT, 'reconciles is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM reconciles);
    SELECT RAISE(ABORT, 'reconciles does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM reconciles WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
END;

CREATE TRIGGER tg_reconciles_update BEFORE UPDATE ON reconciles
BEGIN
    SELECT RAISE(ABORT, 'reconciles is append-only, update refused');
END;

CREATE TRIGGER tg_reconciles_delete BEFORE DELETE ON reconciles
BEGIN
    SELECT RAISE(ABORT, 'reconciles is append-only, delete refused');
END;

CREATE TRIGGER tg_campaigns_append BEFORE INSERT ON campaigns
BEGIN
    SELECT RAISE(ABORT, 'campaigns is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM campaigns);
    SELECT RAISE(ABORT, 'campaigns does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM campaigns WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'campaigns has this run_id + account_id + hour_ts_utc + campaign_id + event already') WHERE EXISTS (SELECT 1 FROM campaigns WHERE run_id = NEW.run_id AND account_id = NEW.account_id AND hour_ts_utc = NEW.hour_ts_utc AND campaign_id = NEW.campaign_id AND event = NEW.event);
END;

CREATE TRIGGER tg_campaigns_update BEFORE UPDATE ON campaigns
BEGIN
    SELECT RAISE(ABORT, 'campaigns is append-only, update refused');
END;

CREATE TRIGGER tg_campaigns_delete BEFORE DELETE ON campaigns
BEGIN
    SELECT RAISE(ABORT, 'campaigns is append-only, delete refused');
END;

CREATE TRIGGER tg_positions_append BEFORE INSERT ON positions
BEGIN
    SELECT RAISE(ABORT, 'positions is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM positions);
    SELECT RAISE(ABORT, 'positions does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM positions WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'positions has this run_id + account_id + hour_ts_utc + symbol already') WHERE EXISTS (SELECT 1 FROM positions WHERE run_id = NEW.run_id AND account_id = NEW.account_id AND hour_ts_utc = NEW.hour_ts_utc AND symbol = NEW.symbol);
END;

CREATE TRIGGER tg_positions_update BEFORE UPDATE ON positions
BEGIN
    SELECT RAISE(ABORT, 'positions is append-only, update refused');
END;

CREATE TRIGGER tg_positions_delete BEFORE DELETE ON positions
BEGIN
    SELECT RAISE(ABORT, 'positions is append-only, delete refused');
END;

CREATE TRIGGER tg_equity_append BEFORE INSERT ON equity
BEGIN
    SELECT RAISE(ABORT, 'equity is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM equity);
    SELECT RAISE(ABORT, 'equity does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM equity WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'equity has this run_id + account_id + hour_ts_utc already') WHERE EXISTS (SELECT 1 FROM equity WHERE run_id = NEW.run_id AND account_id = NEW.account_id AND hour_ts_utc = NEW.hour_ts_utc);
END;

CREATE TRIGGER tg_equity_update BEFORE UPDATE ON equity
BEGIN
    SELECT RAISE(ABORT, 'equity is append-only, update refused');
END;

CREATE TRIGGER tg_equity_delete BEFORE DELETE ON equity
BEGIN
    SELECT RAISE(ABORT, 'equity is append-only, delete refused');
END;

CREATE TRIGGER tg_treasury_append BEFORE INSERT ON treasury
BEGIN
    SELECT RAISE(ABORT, 'treasury is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM treasury);
    SELECT RAISE(ABORT, 'treasury does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM treasury WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'treasury has this run_id + account_id + hour_ts_utc already') WHERE EXISTS (SELECT 1 FROM treasury WHERE run_id = NEW.run_id AND account_id = NEW.account_id AND hour_ts_utc = NEW.hour_ts_utc);
END;

CREATE TRIGGER tg_treasury_update BEFORE UPDATE ON treasury
BEGIN
    SELECT RAISE(ABORT, 'treasury is append-only, update refused');
END;

CREATE TRIGGER tg_treasury_delete BEFORE DELETE ON treasury
BEGIN
    SELECT RAISE(ABORT, 'treasury is append-only, delete refused');
END;

CREATE TRIGGER tg_alerts_append BEFORE INSERT ON alerts
BEGIN
    SELECT RAISE(ABORT, 'alerts is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM alerts);
    SELECT RAISE(ABORT, 'alerts does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM alerts WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'alerts has this alert_id already') WHERE EXISTS (SELECT 1 FROM alerts WHERE alert_id = NEW.alert_id);
END;

CREATE TRIGGER tg_alerts_update BEFORE UPDATE ON alerts
BEGIN
    SELECT RAISE(ABORT, 'alerts is append-only, update refused');
END;

CREATE TRIGGER tg_alerts_delete BEFORE DELETE ON alerts
BEGIN
    SELECT RAISE(ABORT, 'alerts is append-only, delete refused');
END;

CREATE TRIGGER tg_alert_acks_append BEFORE INSERT ON alert_acks
BEGIN
    SELECT RAISE(ABORT, 'alert_acks is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM alert_acks);
    SELECT RAISE(ABORT, 'alert_acks does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM alert_acks WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
END;

CREATE TRIGGER tg_alert_acks_update BEFORE UPDATE ON alert_acks
BEGIN
    SELECT RAISE(ABORT, 'alert_acks is append-only, update refused');
END;

CREATE TRIGGER tg_alert_acks_delete BEFORE DELETE ON alert_acks
BEGIN
    SELECT RAISE(ABORT, 'alert_acks is append-only, delete refused');
END;

CREATE TRIGGER tg_snapshots_append BEFORE INSERT ON snapshots
BEGIN
    SELECT RAISE(ABORT, 'snapshots is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM snapshots);
    SELECT RAISE(ABORT, 'snapshots does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM snapshots WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
END;

CREATE TRIGGER tg_snapshots_update BEFORE UPDATE ON snapshots
BEGIN
    SELECT RAISE(ABORT, 'snapshots is append-only, update refused');
END;

CREATE TRIGGER tg_snapshots_delete BEFORE DELETE ON snapshots
BEGIN
    SELECT RAISE(ABORT, 'snapshots is append-only, delete refused');
END;

CREATE TRIGGER tg_manifests_append BEFORE INSERT ON manifests
BEGIN
    SELECT RAISE(ABORT, 'manifests is append-only, seq is not the next')
    WHERE NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM manifests);
    SELECT RAISE(ABORT, 'manifests does not follow the last row')
    WHERE NEW.prev_hash IS NOT coalesce((SELECT row_hash FROM manifests WHERE seq = NEW.seq - 1), '0000000000000000000000000000000000000000000000000000000000000000');
    SELECT RAISE(ABORT, 'manifests has this root already') WHERE EXISTS (SELECT 1 FROM manifests WHERE root = NEW.root);
    SELECT RAISE(ABORT, 'manifests has this run_id + account_id + hour_ts_utc already') WHERE EXISTS (SELECT 1 FROM manifests WHERE run_id = NEW.run_id AND account_id = NEW.account_id AND hour_ts_utc = NEW.hour_ts_utc);
END;

CREATE TRIGGER tg_manifests_update BEFORE UPDATE ON manifests
BEGIN
    SELECT RAISE(ABORT, 'manifests is append-only, update refused');
END;

CREATE TRIGGER tg_manifests_delete BEFORE DELETE ON manifests
BEGIN
    SELECT RAISE(ABORT, 'manifests is append-only, delete refused');
END;

CREATE TRIGGER tg_order_events_forward BEFORE INSERT ON order_events
WHEN NEW.seq = (SELECT coalesce(max(seq), 0) + 1 FROM order_events)
BEGIN
    SELECT RAISE(ABORT, 'order_events: an order only moves forward') FROM (
        SELECT status, filled_quantity FROM order_events
        WHERE client_order_id = NEW.client_order_id ORDER BY seq DESC LIMIT 1
    ) b
    WHERE NOT (CASE b.status WHEN 'INTENT' THEN 0 WHEN 'SUBMITTING' THEN 1 WHEN 'UNKNOWN' THEN 2 WHEN 'OPEN' THEN 3 WHEN 'PARTIAL' THEN 4 ELSE 5 END < 5 AND NEW.filled_quantity >= b.filled_quantity AND (NEW.status <> 'WITHHELD' OR b.status = 'INTENT') AND (CASE NEW.status WHEN 'INTENT' THEN 0 WHEN 'SUBMITTING' THEN 1 WHEN 'UNKNOWN' THEN 2 WHEN 'OPEN' THEN 3 WHEN 'PARTIAL' THEN 4 ELSE 5 END > CASE b.status WHEN 'INTENT' THEN 0 WHEN 'SUBMITTING' THEN 1 WHEN 'UNKNOWN' THEN 2 WHEN 'OPEN' THEN 3 WHEN 'PARTIAL' THEN 4 ELSE 5 END OR (NEW.status = 'PARTIAL' AND b.status = 'PARTIAL' AND NEW.filled_quantity > b.filled_quantity)));
END;

CREATE TRIGGER tg_chain_heads_ledger BEFORE UPDATE ON chain_heads
WHEN OLD.table_name = 'ledger' OR NEW.table_name = 'ledger'
BEGIN
    SELECT RAISE(ABORT, 'chain_heads: the row of ledger must stay that of ledger')
    WHERE NEW.table_name IS NOT OLD.table_name;
    SELECT RAISE(ABORT, 'ledger: postings of a transaction do not sum to zero') WHERE EXISTS (
        SELECT 1 FROM ledger WHERE seq > OLD.count AND seq <= NEW.count
        GROUP BY txn_id, asset HAVING sum(amount) <> 0
    );
END;

CREATE TRIGGER tg_chain_heads_delete BEFORE DELETE ON chain_heads
BEGIN
    SELECT RAISE(ABORT, 'chain_heads: delete refused');
END;

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
