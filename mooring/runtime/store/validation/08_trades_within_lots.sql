-- What was sold of a lot is never more than the lot had, and each trade names fills of its own account and symbol.
-- reads: trades lots fills
SELECT 'trades', max(t.seq), 'quantity', 'More was sold of the lot than it had.'
FROM trades t
JOIN lots l ON l.lot_id = t.open_fill_id
GROUP BY t.open_fill_id, l.quantity, l.cost
HAVING sum(t.quantity) > l.quantity OR sum(t.cost) > l.cost
    OR (sum(t.quantity) = l.quantity AND sum(t.cost) <> l.cost)
UNION ALL
SELECT 'trades', t.seq, 'close_fill_id', 'It names a fill of another symbol or account, or of another side.'
FROM trades t
LEFT JOIN fills f ON f.fill_id = t.close_fill_id
LEFT JOIN lots l ON l.lot_id = t.open_fill_id
WHERE f.seq IS NULL OR l.seq IS NULL OR f.side <> 'sell' OR f.symbol <> t.symbol OR l.symbol <> t.symbol
    OR f.account_id <> t.account_id OR l.account_id <> t.account_id
UNION ALL
SELECT 'lots', l.seq, 'lot_id', 'It is not the buy that it names.'
FROM lots l
LEFT JOIN fills f ON f.fill_id = l.lot_id
WHERE f.seq IS NULL OR f.side <> 'buy' OR f.symbol <> l.symbol OR f.quantity <> l.quantity
    OR f.notional + f.fee <> l.cost
ORDER BY 2
