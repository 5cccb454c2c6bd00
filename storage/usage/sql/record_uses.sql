-- Many usage events in one transaction, each by itself. $1 to $5 as in record_use.sql; $6 to $13 are arrays of customer,
-- meter, action, quantity, key, time, reason and actor. Ordered by customer, meter and time, so that two batches hardly
-- ever wait for each other.
SELECT number, (counted).*
FROM (
    SELECT
        e.number,
        tenure_use(
            $1, e.customer, e.meter, e.action, e.quantity, e.key, e.at, e.reason, e.actor, $2, $3, $4, $5
        ) AS counted
    FROM (
        SELECT * FROM unnest(
            $6::text[], $7::text[], $8::text[], $9::bigint[], $10::text[], $11::timestamptz[], $12::text[], $13::text[]
        ) WITH ORDINALITY AS given (customer, meter, action, quantity, key, at, reason, actor, number)
        ORDER BY customer, meter, coalesce(at, statement_timestamp()), number
    ) e
) each
