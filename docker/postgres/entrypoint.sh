#!/bin/sh
# Creates the database cluster when the data folder is empty, then becomes the server.
#
#   POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE   the superuser's password (needed the first time)
#   POSTGRES_USER                                 the superuser's name (postgres)
#   POSTGRES_AUTH                                 how the server checks passwords (scram-sha-256)
#   POSTGRES_INITDB_ARGS                          more arguments for initdb, separated by spaces
#   /etc/postgresql/init.d/*.sql                  run at every start, before anyone can connect
#   /etc/postgresql/conf.d/*.conf                 settings, read in the order of their names
#   /etc/postgresql/tls/server.{crt,key}          switch TLS on, if there
#   /etc/postgresql/pg_hba.conf                   takes the place of the cluster's own file, if there
set -eu

if [ "$1" != postgres ]; then exec "$@"; fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  password=${POSTGRES_PASSWORD:-}
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then password=$(cat "$POSTGRES_PASSWORD_FILE"); fi
  if [ -z "$password" ]; then
    echo 'entrypoint: the data folder is empty and there is no POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE' >&2
    exit 2
  fi
  auth=${POSTGRES_AUTH:-scram-sha-256}
  pwfile=$(mktemp)
  trap 'rm -f "$pwfile"' EXIT
  printf '%s\n' "$password" >"$pwfile"
  # shellcheck disable=SC2086 # several arguments in one variable, on purpose
  initdb --username="${POSTGRES_USER:-postgres}" --pwfile="$pwfile" --auth="$auth" \
    --encoding=UTF8 --locale=C.UTF-8 ${POSTGRES_INITDB_ARGS:-}
  rm -f "$pwfile"
  trap - EXIT
  for database in all replication; do
    echo "host $database all all $auth"
  done >>"$PGDATA/pg_hba.conf"
  echo "include_dir '/etc/postgresql/conf.d'" >>"$PGDATA/postgresql.conf"
fi
unset POSTGRES_PASSWORD

hba=$PGDATA/pg_hba.conf
if [ -s /etc/postgresql/pg_hba.conf ]; then hba=/etc/postgresql/pg_hba.conf; fi
# The server wants a key that nobody else can read, which a mounted secret seldom is: take a copy.
tls=/etc/postgresql/tls
if [ -s $tls/server.key ]; then
  install -m 0600 $tls/server.key /run/postgresql/server.key
  set -- "$@" -c ssl=on -c ssl_cert_file=$tls/server.crt -c ssl_key_file=/run/postgresql/server.key
fi

set -- "$@" -c hba_file="$hba"

# At every start, so that a first one that was broken off is made good, and changed passwords take hold.
if ls /etc/postgresql/init.d/*.sql >/dev/null 2>&1; then
  private=$(mktemp -d)
  pg_ctl --silent --wait --timeout=86400 --log="$private/log" \
    --options="-c hba_file=$hba -c listen_addresses= -c unix_socket_directories=$private" start ||
    { cat "$private/log" >&2; exit 1; }
  for script in /etc/postgresql/init.d/*.sql; do
    psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --host="$private" --dbname=postgres --file="$script"
  done
  pg_ctl --silent --wait --mode=fast stop
  rm -rf "$private"
fi

exec "$@" -c listen_addresses='*' -c unix_socket_directories=/run/postgresql
