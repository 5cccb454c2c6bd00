SELECT kind, outcome, count(*) AS number FROM discrepancies WHERE closed_at IS NULL GROUP BY kind, outcome
