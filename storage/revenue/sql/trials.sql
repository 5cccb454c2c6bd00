-- The trials that began and ended in each period, of all plans or one, together or by plan. What had begun and ended
-- before the first period is in no figure.
WITH lives AS NOT MATERIALIZED (
    SELECT
        CASE WHEN :by_plan THEN trial_plan ELSE '' END AS "group",
        trial_started_at AT TIME ZONE CAST(:timezone AS text) AS started,
        trial_ended_at AT TIME ZONE CAST(:timezone AS text) AS ended,
        trial_outcome AS outcome, trial_with_card AS with_card, first_paid_at - trial_started_at AS until_paid
    FROM subscription_outcomes
    WHERE tenant = :tenant AND :plan IN ('', trial_plan)
      AND trial_started_at < CAST(:beyond AS date)::timestamp AT TIME ZONE CAST(:timezone AS text)
      AND (trial_ended_at IS NULL
           OR trial_ended_at >= CAST(:first AS date)::timestamp AT TIME ZONE CAST(:timezone AS text))
), begun AS (
    SELECT CASE WHEN started >= CAST(:first AS date) THEN date_trunc(:interval, started) END AS period, "group",
           count(*) AS started
    FROM lives
    GROUP BY 1, 2
), over AS (
    SELECT date_trunc(:interval, ended) AS period, "group", outcome, with_card, count(*) AS ended
    FROM lives
    WHERE ended < CAST(:beyond AS date)
    GROUP BY 1, 2, 3, 4
), paid AS (
    SELECT date_trunc(:interval, ended) AS period, "group",
           percentile_cont(0.5) WITHIN GROUP (ORDER BY until_paid) AS median, avg(until_paid) AS mean
    FROM lives
    WHERE ended < CAST(:beyond AS date) AND outcome = 'converted' AND until_paid IS NOT NULL
    GROUP BY 1, 2
), sums AS (
    SELECT period, "group", started, 0 AS ended, NULL AS outcome, NULL::boolean AS with_card, NULL::interval AS median,
           NULL::interval AS mean
    FROM begun
    UNION ALL SELECT period, "group", 0, ended, outcome, with_card, NULL, NULL FROM over
    UNION ALL SELECT period, "group", 0, 0, NULL, NULL, median, mean FROM paid
)
SELECT
    period::date AS period, "group",
    sum(started)::integer AS started,
    sum(ended)::integer AS ended,
    coalesce(sum(ended) FILTER (WHERE outcome = 'converted'), 0)::integer AS converted,
    coalesce(sum(ended) FILTER (WHERE outcome = 'expired'), 0)::integer AS expired,
    coalesce(sum(ended) FILTER (WHERE outcome = 'canceled'), 0)::integer AS canceled,
    coalesce(sum(ended) FILTER (WHERE outcome = 'free'), 0)::integer AS free,
    coalesce(sum(ended) FILTER (WHERE outcome = 'declined'), 0)::integer AS declined,
    coalesce(sum(ended) FILTER (WHERE with_card), 0)::integer AS ended_with_card,
    coalesce(sum(ended) FILTER (WHERE with_card AND outcome = 'converted'), 0)::integer AS converted_with_card,
    coalesce(sum(ended) FILTER (WHERE NOT with_card), 0)::integer AS ended_without_card,
    coalesce(sum(ended) FILTER (WHERE NOT with_card AND outcome = 'converted'), 0)::integer AS converted_without_card,
    (extract(epoch FROM max(median)) / 86400)::double precision AS median_days,
    (extract(epoch FROM max(mean)) / 86400)::double precision AS mean_days
FROM sums
GROUP BY 1, 2
