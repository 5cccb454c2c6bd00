-- One usage event, reverted. $1 to $5 as in record_use.sql; $6 to $9: customer, names of the meter, key, and the
-- quantity if given.
SELECT * FROM tenure_revert_use($1, $2, $3, $4, $5, $6, $7, $8, $9)
