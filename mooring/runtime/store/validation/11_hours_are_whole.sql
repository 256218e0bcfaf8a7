-- Each hour that was done has its inputs, its portfolio and its manifest, once.
-- reads: cycles equity manifests
SELECT 'cycles', c.seq, 'hour_ts_utc', 'The hour has no manifest.'
FROM cycles c
LEFT JOIN manifests m ON m.run_id = c.run_id AND m.account_id = c.account_id AND m.hour_ts_utc = c.hour_ts_utc
WHERE m.seq IS NULL
UNION ALL
SELECT 'manifests', m.seq, 'hour_ts_utc', 'The hour has a manifest, but not what it was made from.'
FROM manifests m
LEFT JOIN cycles c ON c.run_id = m.run_id AND c.account_id = m.account_id AND c.hour_ts_utc = m.hour_ts_utc
LEFT JOIN equity e ON e.run_id = m.run_id AND e.account_id = m.account_id AND e.hour_ts_utc = m.hour_ts_utc
WHERE c.seq IS NULL OR e.seq IS NULL
ORDER BY 2
