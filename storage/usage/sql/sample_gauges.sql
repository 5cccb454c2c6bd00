-- Records the level of a page of gauges for today, and returns the last one of the page.
-- `period_end IS NULL` is the condition of the index for gauges.
WITH page AS (
    SELECT tenant, customer, feature, used
    FROM usage
    WHERE period_end IS NULL AND (tenant, customer, feature) > (:tenant, :customer, :feature)
    ORDER BY tenant, customer, feature
    LIMIT :page
), put AS (
    INSERT INTO usage_samples AS s (tenant, customer, feature, day, lowest, highest, latest)
    SELECT tenant, customer, feature, (now() AT TIME ZONE 'UTC')::date, used, used, used FROM page
    ON CONFLICT (tenant, customer, feature, day) DO UPDATE
    SET lowest = least(s.lowest, excluded.lowest), highest = greatest(s.highest, excluded.highest),
        latest = excluded.latest
)
SELECT tenant, customer, feature, count(*) OVER () AS gauges
FROM page
ORDER BY tenant DESC, customer DESC, feature DESC
LIMIT 1
