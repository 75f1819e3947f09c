#!/bin/sh
# Renders the configuration into /tmp, and becomes Alertmanager.
#
#   /run/secrets/alert_webhook_url   where alerts go; with an empty file they are shown only
#   GROUP_WAIT, GROUP_INTERVAL       how long alerts of one kind are gathered (30s, 5m)
set -eu
receiver=nobody
if [ -s /run/secrets/alert_webhook_url ]; then receiver=webhook; fi
sed -e "s/\${RECEIVER}/$receiver/" -e "s/\${GROUP_WAIT}/${GROUP_WAIT:-30s}/" \
  -e "s/\${GROUP_INTERVAL}/${GROUP_INTERVAL:-5m}/" /etc/alertmanager/alertmanager.yml >/tmp/alertmanager.yml
# One Alertmanager alone: no cluster to listen for. Silences are on disk within a minute, and survive a kill.
exec prometheus-alertmanager --config.file=/tmp/alertmanager.yml --storage.path=/var/lib/alertmanager \
  --data.maintenance-interval=1m \
  --web.listen-address=0.0.0.0:9093 --cluster.listen-address=
