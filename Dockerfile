# The simulated reader with its payments platform, for POS developers' CI.
# Build the program first, then the image from it:
#
#   CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o out/simulator ./build/simulator && mkdir -p out/data
#   docker build -t smartreader-simulator .
#   docker run --rm --network host -v smartreader:/data smartreader-simulator
#
# Its addresses are loopback only, hence --network host; -help lists the flags.
FROM scratch
COPY out/simulator /simulator
COPY --chown=65532:65532 out/data /data
VOLUME /data
USER 65532:65532
ENTRYPOINT ["/simulator", "-data", "/data"]
