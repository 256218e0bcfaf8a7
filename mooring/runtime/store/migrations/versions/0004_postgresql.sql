DROP TABLE model_outputs;

DROP FUNCTION fn_model_outputs_append;

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
