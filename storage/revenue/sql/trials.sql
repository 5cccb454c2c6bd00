-- The trials that began and ended in each period, of all plans or one, together or by plan. The days before the first
-- period are one, without a period. Once they were counted, by days and what has changed since; before, by themselves.
WITH counted AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM installation WHERE name = 'outcomes_counted' AND value = :timezone) AS is_so
), facts AS (
    SELECT day, plan, parts, count
    FROM outcome_daily
    WHERE tenant = :tenant AND fact = 'trial' AND (SELECT is_so FROM counted)
    UNION ALL
    SELECT (at AT TIME ZONE CAST(:timezone AS text))::date, plan, parts, count
    FROM outcome_changes
    WHERE tenant = :tenant AND fact = 'trial' AND (SELECT is_so FROM counted)
    UNION ALL
    SELECT (own.at AT TIME ZONE CAST(:timezone AS text))::date, own.plan, own.parts, 1
    FROM subscription_outcomes AS o, tenure_facts_of(o) AS own
    WHERE o.tenant = :tenant AND NOT (SELECT is_so FROM counted)
), trials AS (
    SELECT CASE WHEN day >= CAST(:first AS date) THEN date_trunc(:interval, day)::date END AS period,
           CASE WHEN :by_plan THEN plan ELSE '' END AS "group",
           parts[1] AS what, parts[2] AS card, parts[3] AS minutes, sum(count)::bigint AS trials
    FROM facts
    WHERE :plan IN ('', plan) AND day < CAST(:beyond AS date)
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(count) <> 0
), paid AS (
    SELECT period, "group", minutes::bigint AS minutes, sum(trials) AS trials,
           sum(sum(trials)) OVER (PARTITION BY period, "group" ORDER BY minutes::bigint) AS up_to,
           sum(sum(trials)) OVER (PARTITION BY period, "group") AS all_of_them
    FROM trials
    WHERE minutes <> ''
    GROUP BY 1, 2, 3
), days AS (
    -- The middle one, or what is between the middle two.
    SELECT period, "group", sum(minutes * trials) / max(all_of_them) / 1440 AS mean,
           (min(minutes) FILTER (WHERE up_to >= div(all_of_them + 1, 2))
            + min(minutes) FILTER (WHERE up_to >= div(all_of_them, 2) + 1)) / 2.0 / 1440 AS median
    FROM paid
    WHERE period IS NOT NULL
    GROUP BY 1, 2
), sums AS (
    SELECT
        period, "group",
        coalesce(sum(trials) FILTER (WHERE what = 'started'), 0)::integer AS started,
        coalesce(sum(trials) FILTER (WHERE what <> 'started'), 0)::integer AS ended,
        coalesce(sum(trials) FILTER (WHERE what = 'converted'), 0)::integer AS converted,
        coalesce(sum(trials) FILTER (WHERE what = 'expired'), 0)::integer AS expired,
        coalesce(sum(trials) FILTER (WHERE what = 'canceled'), 0)::integer AS canceled,
        coalesce(sum(trials) FILTER (WHERE what = 'free'), 0)::integer AS free,
        coalesce(sum(trials) FILTER (WHERE what = 'declined'), 0)::integer AS declined,
        coalesce(sum(trials) FILTER (WHERE card = 'yes'), 0)::integer AS ended_with_card,
        coalesce(sum(trials) FILTER (WHERE card = 'yes' AND what = 'converted'), 0)::integer AS converted_with_card,
        coalesce(sum(trials) FILTER (WHERE card = 'no'), 0)::integer AS ended_without_card,
        coalesce(sum(trials) FILTER (WHERE card = 'no' AND what = 'converted'), 0)::integer AS converted_without_card
    FROM trials
    GROUP BY 1, 2
)
SELECT sums.*, median::double precision AS median_days, mean::double precision AS mean_days
FROM sums
LEFT JOIN days ON days.period = sums.period AND days."group" = sums."group"
