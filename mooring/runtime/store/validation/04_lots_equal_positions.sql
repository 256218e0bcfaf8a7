-- What is left of the lots of each account and symbol is the position stated last, in quantity and in cost.
-- reads: lots trades positions equity
WITH open_lots AS (
    SELECT account_id, symbol, sum(quantity) AS quantity, sum(cost) AS cost
    FROM lots_now
    GROUP BY account_id, symbol
)
SELECT 'positions', p.seq, 'quantity', 'The position stated is not the sum of the open lots.'
FROM positions_now p
LEFT JOIN open_lots o ON o.account_id = p.account_id AND o.symbol = p.symbol
WHERE p.quantity <> coalesce(o.quantity, 0) OR p.cost <> coalesce(o.cost, 0)
UNION ALL
SELECT 'lots', l.seq, 'quantity', 'It is open, but no position is stated for it.'
FROM lots l
JOIN lots_now n ON n.lot_id = l.lot_id
LEFT JOIN positions_now p ON p.account_id = l.account_id AND p.symbol = l.symbol
WHERE p.seq IS NULL
ORDER BY 2
