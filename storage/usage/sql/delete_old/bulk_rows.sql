-- The subscriptions of ended bulk runs, before the runs: a run may have very many.
DELETE FROM bulk_rows
WHERE ctid = ANY (ARRAY(
    SELECT chosen.ctid
    FROM bulk_runs
    CROSS JOIN LATERAL (
        SELECT ctid FROM bulk_rows WHERE run = bulk_runs.id ORDER BY position LIMIT :batch
    ) chosen
    WHERE ended_at < now() - CAST(:age AS interval)
    LIMIT :batch
))
