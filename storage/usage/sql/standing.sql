-- What entitles a customer, and the counters of the current periods. $1 to $5 as in record_use.sql; $6: the customer.
SELECT * FROM tenure_read_usage($1, $2, $3, $4, $5, $6)
