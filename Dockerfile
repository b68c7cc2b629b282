# The simulated reader with its payments platform, for POS developers' CI.
# Two commands, the first needs only Go:
#
#   go run ./build/container
#   docker build -t smartreader-simulator .
#   docker run --rm --network host -v smartreader:/data smartreader-simulator
#
# Its addresses are loopback only, hence --network host; -help lists the flags.
# TARGETARCH is amd64 or arm64, chosen by --platform.
FROM scratch
ARG TARGETARCH
COPY out/container/${TARGETARCH}/simulator /simulator
COPY --chown=65532:65532 out/container/data /data
VOLUME /data
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/simulator", "status"]
ENTRYPOINT ["/simulator", "-data", "/data"]
