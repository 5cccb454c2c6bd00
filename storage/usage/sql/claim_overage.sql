-- Claims the next usage to report, and skips what another process is claiming. Takes the limit, and how much of it is
-- reserved for reports that were interrupted more than an hour ago. Each part follows its own index, so the length of
-- the queue does not matter. The picked rows are found by ctid, because the planner expects many of them and would
-- otherwise scan the table.
WITH overdue AS (
    SELECT e.ctid AS place, e.report_began_at AS began, c.customer_ref
    FROM usage_events e JOIN customers c ON c.tenant = e.tenant AND c.external_id = e.customer
    WHERE e.overage > 0 AND e.reported_at IS NULL AND e.report_trouble IS NULL AND c.customer_ref <> ''
        AND e.report_began_at < now() - interval '1 hour'
    ORDER BY e.report_began_at
    LIMIT :overdue
    FOR UPDATE OF e SKIP LOCKED
), fresh AS (
    SELECT e.ctid AS place, e.report_began_at AS began, c.customer_ref
    FROM usage_events e JOIN customers c ON c.tenant = e.tenant AND c.external_id = e.customer
    WHERE e.overage > 0 AND e.reported_at IS NULL AND e.report_trouble IS NULL AND c.customer_ref <> ''
        AND e.report_began_at IS NULL
    ORDER BY e.recorded_at
    LIMIT :limit - (SELECT count(*) FROM overdue)
    FOR UPDATE OF e SKIP LOCKED
), begun AS (
    SELECT e.ctid AS place, e.report_began_at AS began, c.customer_ref
    FROM usage_events e JOIN customers c ON c.tenant = e.tenant AND c.external_id = e.customer
    WHERE e.overage > 0 AND e.reported_at IS NULL AND e.report_trouble IS NULL AND c.customer_ref <> ''
        AND e.report_began_at IS NOT NULL AND NOT EXISTS (SELECT FROM overdue WHERE overdue.place = e.ctid)
    ORDER BY e.report_began_at
    LIMIT :limit - (SELECT count(*) FROM overdue) - (SELECT count(*) FROM fresh)
    FOR UPDATE OF e SKIP LOCKED
), picked AS (
    TABLE overdue UNION ALL TABLE fresh UNION ALL TABLE begun
)
UPDATE usage_events e
SET report_began_at = coalesce(e.report_began_at, clock_timestamp())
FROM picked p
WHERE e.ctid = p.place AND e.ctid = ANY (ARRAY(SELECT place FROM picked))
RETURNING
    e.tenant, e.key, e.catalog, e.overage_of, e.overage, e.at, e.recorded_at, p.customer_ref,
    e.report_began_at AS began, clock_timestamp() - p.began AS began_before
