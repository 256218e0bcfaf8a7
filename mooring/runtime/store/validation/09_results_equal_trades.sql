-- The realised result and the fees stated at each hour are those of the trades and fills of the account up to then.
-- reads: equity trades fills
WITH gained AS (
    SELECT account_id, hour_ts_utc, sum(pnl) AS amount FROM trades GROUP BY account_id, hour_ts_utc
),
paid AS (
    SELECT account_id, hour_ts_utc, sum(fee) AS amount FROM fills GROUP BY account_id, hour_ts_utc
),
stated AS (
    SELECT
        e.seq,
        e.realised_pnl,
        e.fees_paid,
        sum(coalesce(g.amount, 0)) OVER (PARTITION BY e.account_id ORDER BY e.hour_ts_utc) AS gained,
        sum(coalesce(p.amount, 0)) OVER (PARTITION BY e.account_id ORDER BY e.hour_ts_utc) AS paid
    FROM equity e
    LEFT JOIN gained g ON g.account_id = e.account_id AND g.hour_ts_utc = e.hour_ts_utc
    LEFT JOIN paid p ON p.account_id = e.account_id AND p.hour_ts_utc = e.hour_ts_utc
)
SELECT 'equity', seq, CASE WHEN realised_pnl <> gained THEN 'realised_pnl' ELSE 'fees_paid' END,
    'It is not what the trades and fills of the account come to.'
FROM stated
WHERE realised_pnl <> gained OR fees_paid <> paid
ORDER BY 2
