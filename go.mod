module smartreader

go 1.26.0

require (
	github.com/bojanz/currency v1.4.4 // currency digits and numeric codes from current CLDR/ISO 4217 data, which we would otherwise maintain by hand
	github.com/dgraph-io/badger/v4 v4.9.6 // the owner's choice of store: stored payments and Location configuration
	github.com/gorilla/websocket v1.5.3 // the owner's choice of WebSocket, for the POS
	github.com/rogpeppe/go-internal v1.16.0 // testscript: whole-program tests of our commands (tests only)
	github.com/sourcegraph/jsonrpc2 v0.2.3 // JSON-RPC 2.0 both ways over one socket, so we do not write request matching again
	golang.org/x/image v0.47.0 // OpenType rendering and the embedded Go fonts for the reader's screen
	golang.org/x/sys v0.49.0 // statfs, fallocate, fdatasync and flock: disk reserve, head slots, one process per folder
	periph.io/x/conn/v3 v3.7.2 // the owner's choice of hardware contracts (I2C, SPI, GPIO)
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
	github.com/klauspost/compress v1.18.0 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel v1.41.0 // indirect
	go.opentelemetry.io/otel/metric v1.41.0 // indirect
	go.opentelemetry.io/otel/trace v1.41.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	google.golang.org/protobuf v1.36.7 // indirect
)
