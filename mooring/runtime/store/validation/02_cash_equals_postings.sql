-- The cash stated at each hour is what the postings of the account up to then come to, and no posting is after the last, or in a live account after the hour that is open.
-- reads: equity ledger accounts
WITH told AS (
    SELECT l.account_id, l.hour_ts_utc, l.amount, l.seq AS posting, NULL AS seq, NULL AS cash
    FROM ledger l
    JOIN accounts a ON a.account_id = l.account_id AND a.quote = l.asset
    WHERE l.account = 'cash'
    UNION ALL
    SELECT e.account_id, e.hour_ts_utc, 0, NULL, e.seq, e.cash
    FROM equity e
),
summed AS (
    SELECT
        account_id,
        hour_ts_utc,
        seq,
        cash,
        sum(amount) OVER (PARTITION BY account_id ORDER BY hour_ts_utc) AS posted,
        max(posting) OVER (PARTITION BY account_id, hour_ts_utc) AS posting,
        max(seq) OVER (PARTITION BY account_id, hour_ts_utc) AS stated
    FROM told
)
SELECT 'equity', seq, 'cash', 'The cash stated is not what the postings come to.'
FROM summed
WHERE cash <> posted
UNION
SELECT 'ledger', posting, 'hour_ts_utc', 'It is of an hour for which no cash is stated.'
FROM summed s
WHERE stated IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM open_hours o WHERE o.account_id = s.account_id AND o.hour_ts_utc = s.hour_ts_utc
    )
ORDER BY 2
