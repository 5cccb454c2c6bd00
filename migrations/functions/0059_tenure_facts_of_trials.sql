-- What a row counts for in `outcome_daily`: a trial when it began and when it ended, a recovery when it began, and a
-- cancellation when it was asked for; `parts` tells apart what the reports of each tell apart.
-- Of a trial: `started`, or what became of it; whether there was a card; minutes until it was paid for.
CREATE OR REPLACE FUNCTION tenure_facts_of(o subscription_outcomes)
RETURNS TABLE (fact text, at timestamptz, currency text, plan text, parts text[], amount bigint)
LANGUAGE sql IMMUTABLE AS $$
    SELECT 'trial', o.trial_started_at, '', o.trial_plan, ARRAY['started', '', ''], 0::bigint
    WHERE o.trial_started_at IS NOT NULL
    UNION ALL
    SELECT 'trial', o.trial_ended_at, '', o.trial_plan, ARRAY[
        coalesce(o.trial_outcome, ''),
        CASE WHEN o.trial_with_card THEN 'yes' WHEN NOT o.trial_with_card THEN 'no' ELSE '' END,
        CASE WHEN o.trial_outcome = 'converted' AND o.first_paid_at IS NOT NULL
            THEN round(extract(epoch FROM o.first_paid_at - o.trial_started_at) / 60)::bigint::text ELSE '' END
    ], 0
    WHERE o.trial_started_at IS NOT NULL AND o.trial_ended_at IS NOT NULL
$$
