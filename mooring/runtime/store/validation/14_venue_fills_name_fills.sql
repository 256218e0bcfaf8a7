-- Each fill of a live account has the venue's name and time of it, of its own run and second, and no other fill has one.
-- reads: venue_fills fills accounts
SELECT 'fills', f.seq, 'fill_id', 'What the venue calls it is not there.'
FROM fills f
JOIN accounts a ON a.account_id = f.account_id
LEFT JOIN venue_fills v ON v.fill_id = f.fill_id
WHERE a.mode = 'live' AND v.seq IS NULL
UNION ALL
SELECT 'venue_fills', v.seq, 'fill_id', 'It names no fill of its own run in a live account.'
FROM venue_fills v
LEFT JOIN fills f ON f.fill_id = v.fill_id
LEFT JOIN accounts a ON a.account_id = v.account_id
WHERE f.seq IS NULL OR a.seq IS NULL OR a.mode <> 'live' OR f.account_id <> v.account_id OR f.run_id <> v.run_id
UNION ALL
SELECT 'venue_fills', v.seq, 'traded_ms', 'The fill is of another second.'
FROM venue_fills v
JOIN fills f ON f.fill_id = v.fill_id
WHERE v.traded_ms / 1000 <> f.filled_ts
ORDER BY 2
