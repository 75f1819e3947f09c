#!/bin/bash
# Starts all servers with the certificates in TLS_CHAIN and the key in TLS_KEY (PEM); ends when one of them does.
set -euo pipefail

mkdir -p /tls /run/vsftpd/empty /run/mysqld /run/slapd /var/lib/starttls-ldap
printf '%s\n' "$TLS_CHAIN" >/tls/chain.pem
printf '%s\n' "$TLS_KEY" >/tls/key.pem
chmod 0644 /tls/chain.pem /tls/key.pem
chown mysql: /run/mysqld
unset TLS_CHAIN TLS_KEY
# MariaDB hangs up on hosts from which nobody may log in, before it offers TLS.
echo "CREATE USER IF NOT EXISTS probed@'%' ACCOUNT LOCK;" >/run/mysqld/init.sql

postfix start-fg &
dovecot -F -c /etc/starttls/dovecot.conf &
vsftpd /etc/starttls/vsftpd.conf &
slapd -d 0 -h ldap:/// -f /etc/starttls/slapd.conf &
mariadbd --user=mysql --init-file=/run/mysqld/init.sql --bind-address=0.0.0.0 --skip-name-resolve \
  --ssl-cert=/tls/chain.pem --ssl-key=/tls/key.pem &
wait -n
