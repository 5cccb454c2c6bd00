-- Records the level of a page of gauges for today, and returns the last one of the page.
-- `period_end IS NULL` is the condition of the index for gauges.
--
-- A level holds until the next sample. So it is recorded when it has changed, and once a month: what is older than its
-- retention can be deleted by age alone, and the level of any day is found in the month before it.
WITH today AS (
    SELECT (now() AT TIME ZONE 'UTC')::date AS day
), page AS (
    SELECT tenant, customer, feature, used, updated_at
    FROM usage
    WHERE period_end IS NULL AND (tenant, customer, feature) > (:tenant, :customer, :feature)
    ORDER BY tenant, customer, feature
    LIMIT :page
), put AS (
    INSERT INTO usage_samples AS s (tenant, customer, feature, day, lowest, highest, latest, holds)
    SELECT p.tenant, p.customer, p.feature, t.day, least(p.used, c.level), greatest(p.used, c.level), p.used, true
    FROM page p
    CROSS JOIN today t
    LEFT JOIN LATERAL (
        SELECT l.day, l.latest, l.holds
        FROM usage_samples l
        WHERE l.tenant = p.tenant AND l.customer = p.customer AND l.feature = p.feature
        ORDER BY l.day DESC
        LIMIT 1
    ) known ON true
    -- The level with which the day began, unless it had changed before.
    CROSS JOIN LATERAL (
        SELECT CASE WHEN known.holds AND (p.updated_at AT TIME ZONE 'UTC')::date >= t.day THEN known.latest END AS level
    ) c
    WHERE known.holds IS NOT TRUE OR known.latest <> p.used OR known.day < date_trunc('month', t.day::timestamp)
    ON CONFLICT (tenant, customer, feature, day) DO UPDATE
    SET lowest = least(s.lowest, excluded.lowest), highest = greatest(s.highest, excluded.highest),
        latest = excluded.latest, holds = true
)
SELECT tenant, customer, feature, count(*) OVER () AS gauges
FROM page
ORDER BY tenant DESC, customer DESC, feature DESC
LIMIT 1
