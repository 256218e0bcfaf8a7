-- The value and the unrealised result stated at each hour are those of the positions stated.
-- reads: equity positions
WITH held AS (
    SELECT account_id, hour_ts_utc, sum(value) AS value, sum(value - cost) AS result
    FROM positions
    GROUP BY account_id, hour_ts_utc
)
SELECT 'equity', e.seq, CASE WHEN e.positions_value <> coalesce(h.value, 0) THEN 'positions_value' ELSE 'unrealised_pnl' END,
    'It is not the sum of the positions.'
FROM equity e
LEFT JOIN held h ON h.account_id = e.account_id AND h.hour_ts_utc = e.hour_ts_utc
WHERE e.positions_value <> coalesce(h.value, 0) OR e.unrealised_pnl <> coalesce(h.result, 0)
ORDER BY 2
