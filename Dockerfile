# One small image with the broker and the operator: docker build -t quorate .
# It holds the two programs, the libraries they are linked to, and nothing else: no shell, no package manager.
# The broker's data is in the volume /data; MQTT on 1883, health and metrics on 9890. The root file system may be read-only.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package quorate-node --package quorate-operator \
 && e2e/kubernetes/collect /image/root /usr/local/bin target/release/quorate target/release/quorate-operator \
 && mkdir /image/data

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="quorate" \
      org.opencontainers.image.description="A durable MQTT broker cluster for Kubernetes: broker and operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /image/root /
# Nobody in particular; a new volume takes the owner of the directory it covers.
COPY --from=build --chown=10001:10001 /image/data /data
ENV PATH=/usr/local/bin
USER 10001:10001
VOLUME /data
EXPOSE 1883 9890
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/quorate"]
# Needs users before anybody gets in: mount a password file and set QUORATE_AUTH_PASSWORD_FILE.
CMD ["serve", "--data", "/data", "--listen", "mqtt://0.0.0.0:1883", "--http", "0.0.0.0:9890"]
