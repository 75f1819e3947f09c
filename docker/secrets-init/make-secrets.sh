#!/bin/sh
# Makes what is missing in /secrets (docker/secrets on the host), renews certificates that have less than
# a third of their year left or another name, and copies to /for/SERVICE what that service needs, readable by it alone.
# What is there is kept: to change a password, delete its file, and start the stack again.
#
# It runs as root, without the network, because the copies belong to other users than the files do.
set -eu
umask 077
cd /secrets

for password in postgres app backup monitoring pgbouncer_auth pgbouncer_stats s3_secret_key grafana; do
  [ -s "$password" ] || openssl rand -hex 20 >"$password"
done
# An address that takes Alertmanager's webhooks; with an empty file alerts are shown, and sent nowhere.
[ -e alert_webhook_url ] || : >alert_webhook_url

if [ ! -s ca.crt ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -subj '/CN=ops stack authority' -addext basicConstraints=critical,CA:TRUE \
    -addext keyUsage=critical,keyCertSign,cRLSign -keyout ca.key -out ca.crt 2>/dev/null
fi
certificate() {
  if [ -s "$1.crt" ] && openssl x509 -in "$1.crt" -noout -checkend $((122 * 86400)) >/dev/null &&
    openssl x509 -in "$1.crt" -noout -checkhost "$2" | grep -q 'does match'; then return; fi
  issue-certificate.sh "$1" 366 "$2" localhost
}
certificate postgres postgres
certificate pgbouncer pgbouncer
certificate site "${SITE:-api.localhost}"

# PgBouncer reads its users from a file of its own kind.
printf '"pgbouncer_auth" "%s"\n"pgbouncer_stats" "%s"\n' "$(cat pgbouncer_auth)" "$(cat pgbouncer_stats)" >/tmp/userlist.txt

# give SERVICE UID FILE…
give() {
  service=$1 uid=$2
  shift 2
  for file; do
    install -m 0400 -o "$uid" -g "$uid" "$file" "/for/$service/.new"
    mv "/for/$service/.new" "/for/$service/$(basename "$file")"
  done
  chown "$uid:$uid" "/for/$service"
  chmod 0500 "/for/$service"
}
give postgres 999 postgres app backup monitoring pgbouncer_auth postgres.crt postgres.key
give pgbouncer 999 ca.crt pgbouncer.crt pgbouncer.key /tmp/userlist.txt
give s3 64045 s3_secret_key
give ops-worker 1000 ca.crt backup pgbouncer_stats s3_secret_key
give demo-api 1000 ca.crt app
give caddy 10001 site.crt site.key
give postgres-exporter 10002 ca.crt monitoring
give alertmanager 10004 alert_webhook_url
give grafana 472 grafana

# Files made here belong to whom the folder belongs to.
chown "$(stat -c %u:%g .)" ./*
