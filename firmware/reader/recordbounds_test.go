package reader

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel/transcript"
	"smartreader/store"
)

func recordingReader(t *testing.T) (*Reader, *bytes.Buffer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Signer: key, MinFreeBytes: 1, ReserveBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	var log bytes.Buffer
	return &Reader{
		opt:   Options{RecordDir: filepath.Join(t.TempDir(), "recordings"), RecordClear: true, Now: time.Now},
		store: ledger,
		log:   slog.New(slog.NewTextHandler(&log, nil)),
	}, &log
}

// exchanged is a recording of a card's answer to READ RECORD.
func exchanged(answer []byte) *transcript.Transcript {
	return &transcript.Transcript{
		Payment: transcript.Payment{Amount: 100, Currency: 840, Exponent: 2, Time: time.Now()},
		Events:  []transcript.Event{{Kind: transcript.Command, Bytes: []byte{0, 0xB2, 1, 0x0C, 0}}, {Kind: transcript.Response, Bytes: answer}},
	}
}

// The newest are kept, and none that a card made long to fill the disk.
func TestRecordingsAreBounded(t *testing.T) {
	r, log := recordingReader(t)
	record := r.recorder()
	record(store.Payment{LocalID: "pl_long"}, exchanged(bytes.Repeat([]byte{0x55}, maxRecordBytes)))
	if !strings.Contains(log.String(), "pl_long") {
		t.Errorf("a long one: %s", log)
	}
	if err := os.MkdirAll(r.opt.RecordDir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range maxRecordings + 3 {
		if err := os.WriteFile(filepath.Join(r.opt.RecordDir, fmt.Sprintf("2020-%04d.emv", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	note := filepath.Join(r.opt.RecordDir, "2000-note.txt") // somebody's own
	if err := os.WriteFile(note, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	record(store.Payment{LocalID: "pl_new"}, exchanged([]byte{0x90, 0}))
	files, err := filepath.Glob(filepath.Join(r.opt.RecordDir, "*.emv"))
	if err != nil || len(files) != maxRecordings || !strings.Contains(files[len(files)-1], "pl_new") || !strings.HasSuffix(files[0], "2020-0004.emv") {
		t.Errorf("%d files, from %s, %v\n%s", len(files), files[0], err, log)
	}
	if _, err := os.Stat(note); err != nil {
		t.Error(err)
	}
}

// In live mode nothing is written in clear, whatever was asked for, and whatever mode the reader is in by now.
func TestLiveRecordingsAreRedacted(t *testing.T) {
	account := []byte{0x70, 0x0A, 0x5A, 0x08, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x90, 0}
	for _, livemode := range []bool{true, false} {
		r, log := recordingReader(t)
		r.recorder()(store.Payment{LocalID: "pl_1", Livemode: livemode}, exchanged(bytes.Clone(account)))
		files, _ := filepath.Glob(filepath.Join(r.opt.RecordDir, "*.emv"))
		if len(files) != 1 {
			t.Fatalf("%d files\n%s", len(files), log)
		}
		text, err := os.ReadFile(files[0])
		if err != nil || strings.Contains(string(text), "4242424242424242") != !livemode {
			t.Errorf("live mode %v: %s, %v", livemode, text, err)
		}
	}
}
