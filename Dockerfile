# syntax=docker/dockerfile:1
# One image for every role: `up` (the default), `gateway`, `portal`, `migrate` and the small commands.
# Build with BuildKit: docker build -t portunus .

FROM rust:1-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates gcc libc6-dev make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
ENV CARGO_TARGET_DIR=/target
# The caches outlive the build; what the image takes is copied out of them in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target \
    cargo xtask front \
 && cargo build --locked --profile dist --package portunus \
 && install -D -s /target/dist/portunus /image/opt/portunus/portunus \
 && cp -r /target/site /image/opt/portunus/site \
 && install -D /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
 && install -d -o 65532 -g 65532 -m 0700 /image/data

FROM debian:bookworm-slim
COPY --from=build /image/ /
ENV PATH=/opt/portunus:$PATH \
    PORTUNUS_DATA=/data \
    PORTUNUS_PORTAL=0.0.0.0:3000 \
    PORTUNUS_GATEWAY=0.0.0.0:8080 \
    PORTUNUS_ADMIN=0.0.0.0:9090
USER 65532:65532
# Nothing but /data is written, so the root may be read-only; a portunus.toml there is read, too.
WORKDIR /data
VOLUME /data
EXPOSE 3000 8080
# SIGTERM drains: no new connections, requests in flight have PORTUNUS_DRAIN (30 s) to end.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=3 CMD ["portunus", "health"]
ENTRYPOINT ["portunus"]
CMD ["up"]
