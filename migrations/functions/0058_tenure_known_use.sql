-- What is known of a key: NULL when it is new, 'repeated' when it stands for this very use, else 'key_reused'; also of a
-- use that was given back: told that it was counted, whoever tries again would be served for nothing.
CREATE OR REPLACE FUNCTION tenure_known_use(
    p_tenant text, p_key text, p_customer text, p_meter text, p_action text, p_quantity bigint, p_at timestamptz
) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    known record;
BEGIN
    -- By every month of the log but those to come, which are empty; what was counted before there was one, and what is
    -- billed for longer than the log is kept, are among the events.
    SELECT l.customer, l.meter, l.action, l.quantity, l.at, l.given_back INTO known
        FROM usage_log l
        WHERE l.tenant = p_tenant AND l.key = p_key AND l.recorded_at < statement_timestamp() + interval '31 days';
    IF NOT FOUND THEN
        SELECT e.customer, e.meter, e.action, e.quantity, e.at, e.given_back INTO known
            FROM usage_events e WHERE e.tenant = p_tenant AND e.key = p_key;
    END IF;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN CASE
        WHEN known.customer = p_customer AND known.meter = p_meter AND known.action = p_action
            AND known.given_back IS NULL AND known.quantity = p_quantity AND (p_at IS NULL OR known.at = p_at)
        THEN 'repeated' ELSE 'key_reused' END;
END
$$
