-- How many movements there are within some days and a day around them: as many are read to count the customers of its
-- periods.
SELECT count(*)
FROM mrr_movements
WHERE at >= (CAST(:first AS date) - 1)::timestamp AT TIME ZONE CAST(:timezone AS text)
  AND at < (CAST(:beyond AS date) + 1)::timestamp AT TIME ZONE CAST(:timezone AS text)
