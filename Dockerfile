# A small image with the broker: docker build -t quorate .
# Its data is in the volume /data; MQTT on 1883, health and metrics on 9890.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends build-essential \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package quorate-node \
 && mkdir -p /image/data \
 && cp target/release/quorate /image/quorate \
 && strip --strip-debug /image/quorate

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="quorate" \
      org.opencontainers.image.description="A durable MQTT broker" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/quorate /usr/local/bin/quorate
# Nobody in particular; a new volume takes the owner of the directory it covers.
COPY --from=build --chown=10001:10001 /image/data /data
USER 10001:10001
VOLUME /data
EXPOSE 1883 9890
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/quorate"]
# Needs users before anybody gets in: mount a password file and set QUORATE_AUTH_PASSWORD_FILE.
CMD ["serve", "--data", "/data", "--listen", "mqtt://0.0.0.0:1883", "--http", "0.0.0.0:9890"]
