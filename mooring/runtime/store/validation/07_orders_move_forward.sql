-- The status of an order only moves forward, and nothing follows its end.
-- reads: order_events
WITH ranked AS (
    SELECT
        seq,
        client_order_id,
        status,
        filled_quantity,
        CASE status
            WHEN 'INTENT' THEN 0
            WHEN 'SUBMITTING' THEN 1
            WHEN 'UNKNOWN' THEN 2
            WHEN 'OPEN' THEN 3
            WHEN 'PARTIAL' THEN 4
            ELSE 5
        END AS rank
    FROM order_events
),
followed AS (
    SELECT
        seq,
        rank,
        filled_quantity,
        lag(rank) OVER (PARTITION BY client_order_id ORDER BY seq) AS before,
        lag(filled_quantity) OVER (PARTITION BY client_order_id ORDER BY seq) AS filled_before
    FROM ranked
)
SELECT 'order_events', seq, 'status', 'The order went back, or on after its end.'
FROM followed
WHERE filled_quantity < filled_before
    OR rank < before
    OR (rank = before AND NOT (rank = 4 AND filled_quantity > filled_before))
ORDER BY 2
