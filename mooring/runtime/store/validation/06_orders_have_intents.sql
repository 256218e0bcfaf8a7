-- Nothing happens to an order that was never intended, and what is said to be filled is what the fills come to.
-- reads: order_events order_intents fills
SELECT 'order_events', e.seq, 'client_order_id', 'It is of no order that was intended.'
FROM order_events e
LEFT JOIN order_intents i ON i.client_order_id = e.client_order_id
WHERE i.seq IS NULL
UNION ALL
SELECT 'order_events', l.seq, 'filled_quantity', 'What is said to be filled is not what the fills come to.'
FROM (SELECT client_order_id, max(seq) AS seq, max(filled_quantity) AS filled FROM order_events GROUP BY client_order_id) l
LEFT JOIN (SELECT client_order_id, sum(quantity) AS filled FROM fills GROUP BY client_order_id) f
    ON f.client_order_id = l.client_order_id
WHERE l.filled <> coalesce(f.filled, 0)
ORDER BY 2
