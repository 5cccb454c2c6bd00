-- Of the runs that heal; they are kept for 30 days.
SELECT extract(epoch FROM max(ended_at))::float8 FROM reconciliation_runs WHERE heals
