#!/bin/sh
# Run once by the PostgreSQL image, in an empty cluster: a database and a plain role for Evenkeel. A superuser would walk past
# row-level security, so the servers never sign in as one.
set -eu
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres --set=password="$EVENKEEL_DB_PASSWORD" <<'SQL'
CREATE ROLE evenkeel LOGIN PASSWORD :'password';
CREATE DATABASE evenkeel OWNER evenkeel;
SQL
