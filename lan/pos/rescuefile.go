package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"smartreader/lan/wire"
)

// errExport is returned for a file that is no export of a ledger.
var errExport = errors.New("not an export of a reader's ledger")

// maxExportLine bounds one line of an export, in bytes.
const maxExportLine = 256 << 10

// rescuable is an export as far as rescuing needs it. Signatures are checked by
// the platform, which knows the reader's key.
type rescuable struct {
	reader string
	whole  bool     // the last line is the signed entry that ends an export
	wait   []rescue // payments whose money is still out, in the order of their sequence
	empty  int      // payments that wait, but whose sealed data is not in the file
}

// rescue is one payment of another reader, with what a person wants to know.
type rescue struct {
	wire.RescuePayment
	sequence uint64
	amount   int64
	currency string
}

// exportLine is a line of an export. See package store for the format.
type exportLine struct {
	Ledger *struct {
		Version int    `json:"version"`
		Reader  string `json:"reader"`
	} `json:"ledger"`
	Entry *struct {
		Header    []byte `json:"header"`
		Signature []byte `json:"signature"`
	} `json:"entry"`
	LocalID  string `json:"localId"`
	Envelope []byte `json:"envelope"`
}

// exportEntry is the header of a ledger entry.
type exportEntry struct {
	Kind    string          `json:"kind"`
	LocalID string          `json:"localId"`
	Body    json.RawMessage `json:"body"`
}

// exportPayment is a payment's state in an entry.
type exportPayment struct {
	LocalID     string `json:"localId"`
	Sequence    uint64 `json:"sequence"`
	NaturalKey  string `json:"naturalKey"`
	PayloadHash string `json:"payloadHash"`
	State       string `json:"state"`
	Amount      int64  `json:"amount"`
	Currency    string `json:"currency"`
	StoredAtMs  int64  `json:"storedAtMs"`
	ChargeID    string `json:"chargeId"`
}

// waits reports whether its money was taken from the cardholder's hand and has
// not arrived, as far as the ledger knows.
func (p exportPayment) waits() bool {
	switch p.State {
	case wire.OfflineStored, wire.OfflineSending, wire.OfflineUnknown, wire.OfflineFailed, wire.OfflineRescued:
		return p.StoredAtMs > 0 && p.ChargeID == ""
	}
	return false
}

// newest is a payment's newest entry, and the envelope that its state names.
type newest struct {
	exportPayment
	header, signature []byte
}

// readExport finds the payments in an export that can be rescued.
func readExport(r io.Reader) (*rescuable, error) {
	all := new(rescuable)
	payments := make(map[string]newest)
	envelopes := make(map[string][]byte) // by the hex of their hash
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxExportLine)
	n := 0
	for lines.Scan() {
		n++
		var line exportLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("%w: line %d is not JSON of one", errExport, n)
		}
		all.whole = false
		switch {
		case n == 1:
			if line.Ledger == nil || line.Ledger.Version != 1 || line.Ledger.Reader == "" {
				return nil, fmt.Errorf("%w of version 1: its first line does not name the reader", errExport)
			}
			all.reader = line.Ledger.Reader
		case line.Entry != nil:
			var e exportEntry
			if json.Unmarshal(line.Entry.Header, &e) != nil {
				continue // damaged on the reader's disk; what else there is may be whole
			}
			all.whole = e.Kind == "export"
			var p exportPayment
			if (e.Kind == "payment" || e.Kind == "carried") && json.Unmarshal(e.Body, &p) == nil && p.LocalID == e.LocalID {
				payments[p.LocalID] = newest{p, line.Entry.Header, line.Entry.Signature}
			}
		case len(line.Envelope) > 0:
			hash := sha256.Sum256(line.Envelope)
			envelopes[hex.EncodeToString(hash[:])] = line.Envelope
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: line %d: %w", errExport, n+1, err)
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: it is empty", errExport)
	}
	for _, p := range payments {
		switch envelope := envelopes[p.PayloadHash]; {
		case !p.waits():
		case envelope == nil:
			all.empty++
		default:
			all.wait = append(all.wait, rescue{
				RescuePayment: wire.RescuePayment{
					ReaderID: all.reader, LocalID: p.LocalID, NaturalKey: p.NaturalKey, Envelope: envelope,
					StoredAtMs: p.StoredAtMs, Entry: p.header, Signature: p.signature,
				},
				sequence: p.Sequence, amount: p.Amount, currency: p.Currency,
			})
		}
	}
	slices.SortFunc(all.wait, func(a, b rescue) int {
		switch {
		case a.sequence < b.sequence:
			return -1
		case a.sequence > b.sequence:
			return 1
		}
		return 0
	})
	return all, nil
}

// maxBatch is how many bytes of payments go into one call, in base64 and well
// under wire.MaxMessage.
const maxBatch = 58 << 10

// batch is how many of the first payments go into one call; at least one.
func batch(wait []rescue) int {
	room := maxBatch
	for i, p := range wait {
		room -= base64.StdEncoding.EncodedLen(len(p.Envelope)) + base64.StdEncoding.EncodedLen(len(p.Entry)) + 1024
		if i == wire.MaxRescued || (i > 0 && room < 0) {
			return i
		}
	}
	return len(wait)
}
