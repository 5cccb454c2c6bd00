-- Where the window of the calendar begins, and that of a gauge, in which a moment lies, by UTC.
CREATE FUNCTION tenure_calendar(p_per text, p_at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE p_per
        WHEN 'gauge' THEN 'epoch'::timestamptz
        WHEN 'billing_period' THEN date_trunc('month', p_at, 'UTC')
        ELSE date_trunc(p_per, p_at, 'UTC')
    END
$$
