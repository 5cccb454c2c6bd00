-- Today and the latest day with a movement, in the zone of the figures: a subscription's own time may be ahead of ours.
-- What was there before movements were recorded has the sequence 0: the history is exact from then on.
SELECT
    now() AS as_of,
    (now() AT TIME ZONE CAST(:timezone AS text))::date AS today,
    (max(at) AT TIME ZONE CAST(:timezone AS text))::date AS latest,
    (coalesce(max(recorded_at) FILTER (WHERE sequence = 0), min(at)) AT TIME ZONE CAST(:timezone AS text))::date AS since,
    coalesce(array_agg(DISTINCT currency ORDER BY currency) FILTER (WHERE currency IS NOT NULL), '{}') AS currencies,
    coalesce(array_agg(DISTINCT plan ORDER BY plan) FILTER (WHERE plan IS NOT NULL), '{}') AS plans
FROM mrr_movements
WHERE tenant = :tenant
