module smartreader

go 1.26.0

require (
	github.com/beevik/ntp v1.6.0 // a device's clock: SNTP client
	github.com/bojanz/currency v1.4.4 // currency digits and numeric codes from current CLDR/ISO 4217 data, which we would otherwise maintain by hand
	github.com/dgraph-io/badger/v4 v4.9.6 // the owner's choice of store: stored payments and Location configuration
	github.com/gorilla/websocket v1.5.3 // the owner's choice of WebSocket, for the POS
	github.com/insomniacslk/dhcp v0.0.0-20260901064844-234b97448fae // a device's network: DHCP client
	github.com/landlock-lsm/go-landlock v0.11.0 // what a device's worker may do at most, applied to all its threads
	github.com/rogpeppe/go-internal v1.16.0 // testscript: whole-program tests of our commands (tests only)
	github.com/sourcegraph/jsonrpc2 v0.2.3 // JSON-RPC 2.0 both ways over one socket, so we do not write request matching again
	github.com/vishvananda/netlink v1.3.1 // a device's network: addresses and routes
	golang.org/x/image v0.47.0 // OpenType rendering and the embedded Go fonts for the reader's screen
	golang.org/x/sys v0.49.0 // statfs, fallocate, fdatasync and flock: disk reserve, head slots, one process per folder
	golang.org/x/text v0.43.0 // ISO 8859 alphabets of application names, which EMV cards use
	periph.io/x/conn/v3 v3.7.2 // the owner's choice of hardware contracts (I2C, SPI, GPIO)
	periph.io/x/devices/v3 v3.7.4 // the SSD1306 display driver of the same project, behind hal/ssd1306
	periph.io/x/host/v3 v3.8.5 // the owner's choice of board support; imported by hal/board only
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/cockroachdb/apd/v3 v3.2.1 // indirect
	github.com/dgraph-io/ristretto/v2 v2.2.0 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/go-logr/logr v1.4.3 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/google/flatbuffers v25.2.10+incompatible // indirect
	github.com/josharian/native v1.1.0 // indirect
	github.com/klauspost/compress v1.18.0 // indirect
	github.com/mdlayher/packet v1.1.2 // indirect
	github.com/mdlayher/socket v0.4.1 // indirect
	github.com/pierrec/lz4/v4 v4.1.14 // indirect
	github.com/u-root/uio v0.0.0-20230220225925-ffce2a382923 // indirect
	github.com/vishvananda/netns v0.0.5 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel v1.41.0 // indirect
	go.opentelemetry.io/otel/metric v1.41.0 // indirect
	go.opentelemetry.io/otel/trace v1.41.0 // indirect
	golang.org/x/net v0.59.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	google.golang.org/protobuf v1.36.7 // indirect
	kernel.org/pub/linux/libs/security/libcap/psx v1.2.77 // indirect
)
