-- The realised result and the fees stated at each hour are those of the trades and fills of the account up to then; those of a live account's open hour are stated at its close.
-- reads: equity trades fills accounts
WITH told AS (
    SELECT account_id, hour_ts_utc, seq, realised_pnl, fees_paid, 0 AS pnl, 0 AS fee, 0 AS trade, 0 AS fill
    FROM equity
    UNION ALL
    SELECT account_id, hour_ts_utc, NULL, NULL, NULL, pnl, 0, seq, 0
    FROM trades
    UNION ALL
    SELECT account_id, hour_ts_utc, NULL, NULL, NULL, 0, fee, 0, seq
    FROM fills
),
summed AS (
    SELECT
        account_id,
        hour_ts_utc,
        seq,
        realised_pnl,
        fees_paid,
        sum(pnl) OVER (PARTITION BY account_id ORDER BY hour_ts_utc) AS gained,
        sum(fee) OVER (PARTITION BY account_id ORDER BY hour_ts_utc) AS paid,
        max(trade) OVER (PARTITION BY account_id, hour_ts_utc) AS trade,
        max(fill) OVER (PARTITION BY account_id, hour_ts_utc) AS fill,
        max(seq) OVER (PARTITION BY account_id, hour_ts_utc) AS stated
    FROM told
)
SELECT 'equity', seq, CASE WHEN realised_pnl <> gained THEN 'realised_pnl' ELSE 'fees_paid' END,
    'It is not what the trades and fills of the account come to.'
FROM summed
WHERE realised_pnl <> gained OR fees_paid <> paid
UNION
SELECT 'fills', fill, 'hour_ts_utc', 'It is of an hour for which no result is stated.'
FROM summed s
WHERE stated IS NULL AND fill > 0
    AND NOT EXISTS (
        SELECT 1 FROM open_hours o WHERE o.account_id = s.account_id AND o.hour_ts_utc = s.hour_ts_utc
    )
UNION
SELECT 'trades', trade, 'hour_ts_utc', 'It is of an hour for which no result is stated.'
FROM summed s
WHERE stated IS NULL AND trade > 0
    AND NOT EXISTS (
        SELECT 1 FROM open_hours o WHERE o.account_id = s.account_id AND o.hour_ts_utc = s.hour_ts_utc
    )
ORDER BY 2
