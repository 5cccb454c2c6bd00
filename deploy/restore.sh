#!/bin/sh
# Restores a backup of deploy/backup.sh, and erases everybody from it who was erased since:
#
#   TENURE_DATABASE_URL=... TENURE_TEMPORAL_ADDRESS=... TENURE_TRIAL_KEY=... \
#   TENURE_ERASURES_FILE=/backups/erasures.jsonl deploy/restore.sh /backups/tenure-20261129T213000Z.dump
#
# Stop the API and the workers before, and start them afterwards: nothing must read what was erased.
set -eu
dump=${1:?usage: deploy/restore.sh DUMP}
: "${TENURE_DATABASE_URL:?set it: the database to restore into}"
: "${TENURE_ERASURES_FILE:?set it: the newest list of erased customers}"

pg_restore --clean --if-exists --no-owner --exit-on-error --dbname="$TENURE_DATABASE_URL" "$dump"
tenure migrate
tenure erasures apply "$TENURE_ERASURES_FILE"
