-- Every fill is of an order that was intended, on its side and symbol, and never more than was intended.
-- reads: fills order_intents
SELECT 'fills', f.seq, 'client_order_id', 'It is of no order that was intended like this.'
FROM fills f
LEFT JOIN order_intents i ON i.client_order_id = f.client_order_id
WHERE i.seq IS NULL OR i.symbol <> f.symbol OR i.side <> f.side OR i.account_id <> f.account_id
UNION ALL
SELECT 'fills', max(f.seq), 'quantity', 'More of the order was filled than was intended.'
FROM fills f
JOIN order_intents i ON i.client_order_id = f.client_order_id
GROUP BY f.client_order_id, i.quantity
HAVING sum(f.quantity) > i.quantity
ORDER BY 2
