-- Many usage events in one transaction, each by itself. $1 to $5 as in record_use.sql; $6 to $13 are arrays of customer,
-- meter, action, quantity, key, time, reason and actor.
SELECT * FROM tenure_count_uses($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
