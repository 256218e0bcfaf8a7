-- What is left of the lots of each account and symbol is the position stated last, in quantity and in cost.
-- reads: lots trades positions equity accounts
-- What a live account bought and sold in the hour that is open is left out: its position is not stated yet.
WITH sold AS (
    SELECT t.open_fill_id, sum(t.quantity) AS quantity, sum(t.cost) AS cost
    FROM trades t
    LEFT JOIN open_hours o ON o.account_id = t.account_id AND o.hour_ts_utc = t.hour_ts_utc
    WHERE o.account_id IS NULL
    GROUP BY t.open_fill_id
),
left_of AS (
    SELECT l.account_id, l.symbol, l.seq, l.quantity - coalesce(s.quantity, 0) AS quantity,
        l.cost - coalesce(s.cost, 0) AS cost
    FROM lots l
    LEFT JOIN sold s ON s.open_fill_id = l.lot_id
    LEFT JOIN open_hours o ON o.account_id = l.account_id AND o.hour_ts_utc = l.hour_ts_utc
    WHERE o.account_id IS NULL AND l.quantity > coalesce(s.quantity, 0)
),
open_lots AS (
    SELECT account_id, symbol, sum(quantity) AS quantity, sum(cost) AS cost
    FROM left_of
    GROUP BY account_id, symbol
)
SELECT 'positions', p.seq, 'quantity', 'The position stated is not the sum of the open lots.'
FROM positions_now p
LEFT JOIN open_lots o ON o.account_id = p.account_id AND o.symbol = p.symbol
WHERE p.quantity <> coalesce(o.quantity, 0) OR p.cost <> coalesce(o.cost, 0)
UNION ALL
SELECT 'lots', l.seq, 'quantity', 'It is open, but no position is stated for it.'
FROM left_of l
LEFT JOIN positions_now p ON p.account_id = l.account_id AND p.symbol = l.symbol
WHERE p.seq IS NULL
ORDER BY 2
