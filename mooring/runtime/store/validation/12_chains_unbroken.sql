-- The chains of money and of manifests go on from row to row, and each manifest from the one before it of its run.
-- reads: ledger fills venue_fills trades lots order_intents order_events movements reconciles manifests
SELECT 'ledger', c.seq, 'prev_hash', 'It does not name the hash of the row before it.'
FROM ledger c JOIN ledger p ON p.seq = c.seq - 1 WHERE c.prev_hash <> p.row_hash
UNION ALL
SELECT 'fills', c.seq, 'prev_hash', 'It does not name the hash of the row before it.'
FROM fills c JOIN fills p ON p.seq = c.seq - 1 WHERE c.prev_hash <> p.row_hash
UNION ALL
SELECT 'trades', c.seq, 'prev_hash', 'It does not name the hash of the row before it.'
FROM trades c JOIN trades p ON p.seq = c.seq - 1 WHERE c.prev_hash <> p.row_hash
UNION ALL
SELECT 'lots', c.seq, 'prev_hash', 'It does not name the hash of the row before it.'
FROM lots c JOIN lots p ON p.seq = c.seq - 1 WHERE c.prev_hash <> p.row_hash
UNION ALL
SELECT 'order_intents', c.seq, 'prev_hash', 'It does not name the hash of the row before it.'
FROM order_intents c JOIN order_intents p ON p.seq = c.seq - 1 WHERE c.prev_hash <> p.row_hash
UNION ALL
SELECT 'order_events', c.seq, 'prev_hash', 'It does not name the hash of the row before it.'
FROM order_events c JOIN order_events p ON p.seq = c.seq - 1 WHERE c.prev_hash <> p.row_hash
UNION ALL
SELECT 'venue_fills', c.seq, 'prev_hash', 'It does not name the hash of the row before it.'
FROM venue_fills c JOIN venue_fills p ON p.seq = c.seq - 1 WHERE c.prev_hash <> p.row_hash
UNION ALL
SELECT 'movements', c.seq, 'prev_hash', 'It does not name the hash of the row before it.'
FROM movements c JOIN movements p ON p.seq = c.seq - 1 WHERE c.prev_hash <> p.row_hash
UNION ALL
SELECT 'reconciles', c.seq, 'prev_hash', 'It does not name the hash of the row before it.'
FROM reconciles c JOIN reconciles p ON p.seq = c.seq - 1 WHERE c.prev_hash <> p.row_hash
UNION ALL
SELECT 'manifests', c.seq, 'prev_hash', 'It does not name the hash of the row before it.'
FROM manifests c JOIN manifests p ON p.seq = c.seq - 1 WHERE c.prev_hash <> p.row_hash
UNION ALL
SELECT 'manifests', seq, 'previous_root', 'It does not name the root of the hour of its run before it.'
FROM (
    SELECT seq, previous_root, lag(root) OVER (PARTITION BY run_id ORDER BY hour_ts_utc) AS before FROM manifests
) m
WHERE before IS NOT NULL AND previous_root <> before
ORDER BY 2
