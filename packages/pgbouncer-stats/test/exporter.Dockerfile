# prometheus-community's pgbouncer_exporter as Debian packages it: trixie has 0.10.2, sid 0.12.0.
ARG SUITE=trixie
FROM debian:${SUITE}-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends prometheus-pgbouncer-exporter \
 && rm -rf /var/lib/apt/lists/*
USER nobody
ENTRYPOINT ["prometheus-pgbouncer-exporter"]
