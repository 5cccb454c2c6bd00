-- Today and the latest day with a movement, a trial, a recovery or a cancellation, in the zone of the figures: a subscription's own time may be ahead of our own.
-- What was there before movements were recorded has the sequence 0, and was recorded first: the history is exact from
-- then on.
WITH summed AS (
    SELECT recorded_until FROM mrr_roll_up WHERE timezone = :timezone
), seen AS (
    SELECT currency, plan FROM mrr_daily WHERE tenant = :tenant AND EXISTS (SELECT FROM summed)
    UNION
    SELECT currency, plan FROM mrr_movements
    WHERE tenant = :tenant AND recorded_at >= :since
      AND recorded_at >= coalesce((SELECT recorded_until FROM summed), '-infinity')
), oldest AS (
    SELECT sequence, recorded_at FROM mrr_movements WHERE tenant = :tenant ORDER BY recorded_at, sequence LIMIT 1
), moments AS (
    SELECT
        now() AS as_of,
        greatest(
            (SELECT max(at) FROM mrr_movements WHERE tenant = :tenant),
            (SELECT max(trial_started_at) FROM subscription_outcomes WHERE tenant = :tenant),
            (SELECT max(trial_ended_at) FROM subscription_outcomes WHERE tenant = :tenant),
            (SELECT max(began_at) FROM recoveries WHERE tenant = :tenant),
            (SELECT max(asked_at) FROM cancellations WHERE tenant = :tenant)
        ) AS latest,
        CASE (SELECT sequence FROM oldest)
            WHEN 0 THEN (SELECT recorded_at FROM oldest)
            ELSE (SELECT min(at) FROM mrr_movements WHERE tenant = :tenant)
        END AS since
)
SELECT
    as_of,
    (as_of AT TIME ZONE CAST(:timezone AS text))::date AS today,
    (latest AT TIME ZONE CAST(:timezone AS text))::date AS latest,
    (since AT TIME ZONE CAST(:timezone AS text))::date AS since,
    coalesce((SELECT array_agg(DISTINCT currency ORDER BY currency) FROM seen), '{}') AS currencies,
    coalesce((SELECT array_agg(DISTINCT plan ORDER BY plan) FROM seen), '{}') AS plans
FROM moments
