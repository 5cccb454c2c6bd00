-- The border between two months of the log of usage that is within an hour of this moment, or NULL. An hour is longer
-- than any use takes to be counted.
CREATE OR REPLACE FUNCTION tenure_usage_border(p_at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN date_trunc('month', p_at - interval '1 hour', 'UTC') < date_trunc('month', p_at + interval '1 hour', 'UTC')
        THEN date_trunc('month', p_at + interval '1 hour', 'UTC')
    END
$$
