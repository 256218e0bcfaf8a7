DROP TABLE model_outputs;

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
