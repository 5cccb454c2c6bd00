-- The trials that began and ended in each period, of all plans or one, together or by plan. What had begun and ended
-- before the first period is in no figure.
WITH lives AS (
    SELECT
        trial_plan, trial_with_card, trial_outcome,
        (trial_started_at AT TIME ZONE CAST(:timezone AS text))::date AS started_on,
        (trial_ended_at AT TIME ZONE CAST(:timezone AS text))::date AS ended_on,
        CASE WHEN trial_outcome = 'converted'
            THEN extract(epoch FROM first_paid_at - trial_started_at)::double precision / 86400 END AS days
    FROM subscription_outcomes
    WHERE tenant = :tenant AND :plan IN ('', trial_plan)
      AND trial_started_at < CAST(:beyond AS date)::timestamp AT TIME ZONE CAST(:timezone AS text)
      AND (trial_ended_at IS NULL
           OR trial_ended_at >= CAST(:first AS date)::timestamp AT TIME ZONE CAST(:timezone AS text))
), events AS (
    SELECT trial_plan, started_on AS day, TRUE AS is_start, NULL AS outcome, NULL::boolean AS with_card, NULL AS days
    FROM lives
    UNION ALL
    SELECT trial_plan, ended_on, FALSE, trial_outcome, trial_with_card, days
    FROM lives
    WHERE ended_on IS NOT NULL
)
SELECT
    CASE WHEN day < :first THEN NULL ELSE date_trunc(:interval, day)::date END AS period,
    CASE WHEN :by_plan THEN trial_plan ELSE '' END AS "group",
    count(*) FILTER (WHERE is_start) AS started,
    count(*) FILTER (WHERE NOT is_start) AS ended,
    count(*) FILTER (WHERE outcome = 'converted') AS converted,
    count(*) FILTER (WHERE outcome = 'expired') AS expired,
    count(*) FILTER (WHERE outcome = 'canceled') AS canceled,
    count(*) FILTER (WHERE outcome = 'free') AS free,
    count(*) FILTER (WHERE outcome = 'declined') AS declined,
    count(*) FILTER (WHERE with_card) AS ended_with_card,
    count(*) FILTER (WHERE with_card AND outcome = 'converted') AS converted_with_card,
    count(*) FILTER (WHERE NOT with_card) AS ended_without_card,
    count(*) FILTER (WHERE NOT with_card AND outcome = 'converted') AS converted_without_card,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS median_days,
    avg(days) AS mean_days
FROM events
WHERE day < :beyond
GROUP BY 1, 2
