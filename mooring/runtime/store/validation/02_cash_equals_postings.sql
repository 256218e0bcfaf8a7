-- The cash stated at each hour is what the postings of the account up to then come to.
-- reads: equity ledger accounts
WITH posted AS (
    SELECT l.account_id, l.hour_ts_utc, sum(l.amount) AS amount
    FROM ledger l
    JOIN accounts a ON a.account_id = l.account_id AND a.quote = l.asset
    WHERE l.account = 'cash'
    GROUP BY l.account_id, l.hour_ts_utc
),
stated AS (
    SELECT
        e.seq,
        e.cash,
        sum(coalesce(p.amount, 0)) OVER (PARTITION BY e.account_id ORDER BY e.hour_ts_utc) AS posted
    FROM equity e
    LEFT JOIN posted p ON p.account_id = e.account_id AND p.hour_ts_utc = e.hour_ts_utc
)
SELECT 'equity', seq, 'cash', 'The cash stated is not what the postings come to.'
FROM stated
WHERE cash <> posted
ORDER BY 2
