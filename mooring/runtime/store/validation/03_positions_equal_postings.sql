-- In each hour that moved a position, what is stated to be held is what the postings come to.
-- reads: positions ledger instruments
WITH moved AS (
    SELECT l.account_id, l.asset, l.hour_ts_utc, sum(l.amount) AS amount, max(l.seq) AS seq
    FROM ledger l
    WHERE l.account = 'position'
    GROUP BY l.account_id, l.asset, l.hour_ts_utc
),
held AS (
    SELECT
        account_id,
        asset,
        hour_ts_utc,
        seq,
        sum(amount) OVER (PARTITION BY account_id, asset ORDER BY hour_ts_utc) AS quantity
    FROM moved
),
stated AS (
    SELECT p.account_id, p.hour_ts_utc, i.base, p.quantity
    FROM positions p
    JOIN (SELECT DISTINCT symbol, base FROM instruments) i ON i.symbol = p.symbol
)
SELECT 'ledger', h.seq, 'amount', 'The position stated in ' || h.asset || ' is not what the postings come to.'
FROM held h
LEFT JOIN stated s ON s.account_id = h.account_id AND s.hour_ts_utc = h.hour_ts_utc AND s.base = h.asset
WHERE h.quantity <> coalesce(s.quantity, 0)
ORDER BY 2
