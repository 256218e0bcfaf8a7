-- Each transaction's postings sum to zero in each asset.
-- reads: ledger
SELECT 'ledger', min(seq), 'amount', 'The postings of ' || txn_id || ' do not sum to zero in ' || asset || '.'
FROM ledger
GROUP BY txn_id, asset
HAVING sum(amount) <> 0
ORDER BY 2
