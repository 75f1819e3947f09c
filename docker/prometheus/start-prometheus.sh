#!/bin/sh
# Renders the configuration and the rules into /tmp, and becomes Prometheus.
#
#   SCRAPE_INTERVAL    how often metrics are read and rules evaluated (15s)
#   ALERT_TIME_SCALE   a factor for the `for:` of each alert and for windows such as [10m] (1). With 0.01,
#                      fifteen minutes become nine seconds: made for drills, wrong for production.
set -eu
rendered=/tmp/prometheus
mkdir -p $rendered/alerts
sed "s/\${SCRAPE_INTERVAL}/${SCRAPE_INTERVAL:-15s}/" /etc/prometheus/prometheus.yml >$rendered/prometheus.yml
for rules in /etc/prometheus/alerts/*.yml; do
  perl -pe '
    BEGIN { %seconds = (s => 1, m => 60, h => 3600, d => 86400); $scale = $ENV{ALERT_TIME_SCALE} // 1 }
    # Four seconds hold the two samples that rate() and increase() want, at one sample a second.
    sub scaled { my ($least, $n, $unit) = @_; my $ms = int($n * $seconds{$unit} * 1000 * $scale); ($ms < $least ? $least : $ms) . "ms" }
    s/^(\s+for: )(\d+)([smhd])$/$1 . scaled(0, $2, $3)/e;
    s/\[(\d+)([smhd])\]/"[" . scaled(4000, $1, $2) . "]"/ge;
  ' "$rules" >"$rendered/alerts/$(basename "$rules")"
done
promtool check config $rendered/prometheus.yml >/dev/null
exec prometheus --config.file=$rendered/prometheus.yml --storage.tsdb.path=/var/lib/prometheus \
  --storage.tsdb.retention.time="${RETENTION_TIME:-30d}" --web.listen-address=0.0.0.0:9090
