-- Each fill is posted once, with its value, its fee and its quantity, and nothing else is posted as a fill.
-- reads: fills ledger
WITH posted AS (
    SELECT
        txn_id,
        account_id,
        sum(CASE WHEN account = 'cash' THEN amount ELSE 0 END) AS cash,
        sum(CASE WHEN account = 'fees' THEN amount ELSE 0 END) AS fee,
        sum(CASE WHEN account = 'position' THEN amount ELSE 0 END) AS quantity
    FROM ledger
    WHERE kind = 'fill'
    GROUP BY txn_id, account_id
)
SELECT 'fills', f.seq, 'notional', 'What was posted for it is not what it says.'
FROM fills f
LEFT JOIN posted p ON p.txn_id = f.fill_id AND p.account_id = f.account_id
WHERE p.txn_id IS NULL
    OR p.fee <> f.fee
    OR p.cash <> CASE f.side WHEN 'buy' THEN -f.notional - f.fee ELSE f.notional - f.fee END
    OR p.quantity <> CASE f.side WHEN 'buy' THEN f.quantity ELSE -f.quantity END
UNION ALL
SELECT 'ledger', min(l.seq), 'txn_id', 'It is posted as a fill, and there is none.'
FROM ledger l
LEFT JOIN fills f ON f.fill_id = l.txn_id
WHERE l.kind = 'fill' AND f.seq IS NULL
GROUP BY l.txn_id
ORDER BY 2
