-- What is stated to be held at an hour is what the postings of the account up to then come to; what a live account got since is stated at its next.
-- reads: positions ledger instruments equity accounts
WITH bases AS (
    SELECT DISTINCT symbol, base FROM instruments
),
told AS (
    SELECT l.account_id, l.asset, l.hour_ts_utc, l.amount, l.seq AS posting, NULL AS seq, NULL AS quantity
    FROM ledger l
    WHERE l.account = 'position'
    UNION ALL
    SELECT p.account_id, b.base, p.hour_ts_utc, 0, NULL, p.seq, p.quantity
    FROM positions p
    JOIN bases b ON b.symbol = p.symbol
),
summed AS (
    SELECT
        account_id,
        hour_ts_utc,
        seq,
        quantity,
        sum(amount) OVER (PARTITION BY account_id, asset ORDER BY hour_ts_utc) AS posted,
        max(posting) OVER (PARTITION BY account_id, asset, hour_ts_utc) AS posting,
        max(seq) OVER (PARTITION BY account_id, asset, hour_ts_utc) AS stated
    FROM told
)
SELECT 'positions', seq, 'quantity', 'The position stated is not what the postings come to.'
FROM summed
WHERE quantity <> posted
UNION
SELECT 'ledger', posting, 'amount', 'It leaves something held that no position is stated for.'
FROM summed s
WHERE posted <> 0 AND stated IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM open_hours o WHERE o.account_id = s.account_id AND o.hour_ts_utc = s.hour_ts_utc
    )
ORDER BY 2
