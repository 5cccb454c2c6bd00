-- The days of a gauge, oldest first. A level that holds is that of each day until the next sample, or until today;
-- samples of earlier releases were taken every day, and say nothing of days that have none.
WITH known AS (
    SELECT day, lowest, highest, latest, holds, lead(day) OVER (ORDER BY day) AS next_day
    FROM usage_samples
    WHERE tenant = :tenant AND customer = :customer AND feature = :feature AND day >= coalesce((
        SELECT max(day)
        FROM usage_samples
        WHERE tenant = :tenant AND customer = :customer AND feature = :feature AND day <= now() - CAST(:back AS interval)
    ), '-infinity')
)
SELECT
    each.day::date AS day,
    CASE WHEN each.day = known.day THEN lowest ELSE latest END AS lowest,
    CASE WHEN each.day = known.day THEN highest ELSE latest END AS highest,
    latest
FROM known
CROSS JOIN LATERAL generate_series(
    known.day::timestamp,
    CASE
        WHEN holds THEN coalesce(next_day - 1, greatest(known.day, (now() AT TIME ZONE 'UTC')::date))
        ELSE known.day
    END::timestamp,
    '1 day'
) AS each(day)
WHERE each.day::date > now() - CAST(:back AS interval)
ORDER BY each.day
