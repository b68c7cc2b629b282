package reader_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/transcript"
	"smartreader/firmware/reader"
	"smartreader/lan/wire"
)

// What passed between kernel and card is a file for each transaction: without the cardholder, unless it is
// a test card and somebody asked for it; and the kernel goes the same way with it again.
func TestRecordedTransactions(t *testing.T) {
	for _, inClear := range []bool{false, true} {
		s := openShop(t)
		dir := filepath.Join(t.TempDir(), "recordings")
		s.must(s.open(func(o *reader.Options) { o.RecordDir, o.RecordClear = dir, inClear }))
		s.connect()
		s.pay(1200, wire.PreferOnline, "visa")
		s.cut()
		s.pay(1300, wire.ForceOffline, "mastercard")
		s.close() // the last one is written when its card is gone

		files, err := filepath.Glob(filepath.Join(dir, "*.emv"))
		s.must(err)
		if len(files) != 2 {
			t.Fatalf("in clear %v: %d recordings, want 2", inClear, len(files))
		}
		cfg := emvtest.TerminalConfig()
		for i, file := range files {
			text, err := os.ReadFile(file)
			s.must(err)
			number := []string{"4242424242424242", "5555555555554444"}[i]
			if found := bytes.Contains(text, []byte(number)); found != inClear {
				t.Errorf("%s: the card number is there: %v, in clear: %v", filepath.Base(file), found, inClear)
			}
			recorded, err := transcript.Parse(bytes.NewReader(text))
			s.must(err)
			if recorded.Redacted == inClear || recorded.Answer == nil || recorded.Outcome == "" || recorded.Config != transcript.TestConfig {
				t.Errorf("redacted %v, answer %v, outcome %q, config %q", recorded.Redacted, recorded.Answer, recorded.Outcome, recorded.Config)
			}
			result, err := transcript.Replay(t.Context(), &cfg, recorded)
			if err != nil || inClear && !result.Authenticated {
				t.Errorf("%s: played again: %v, authenticated %v", filepath.Base(file), err, result.Authenticated)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("readable by others: %v, %v", info.Mode(), err)
			}
		}
	}
}

// A folder that cannot be written costs the recording, never the payment.
func TestRecordingThatFailsHarmsNoPayment(t *testing.T) {
	s := openShop(t)
	file := filepath.Join(t.TempDir(), "recordings")
	s.must(os.WriteFile(file, nil, 0o600)) // where the folder should be
	s.must(s.open(func(o *reader.Options) { o.RecordDir = file }))
	s.connect()
	if paid := s.pay(1200, wire.PreferOnline, "visa"); paid.Status != wire.StatusSucceeded {
		t.Errorf("%+v", paid)
	}
	s.close()
	if !bytes.Contains(s.log.Bytes(), []byte("transaction not recorded")) {
		t.Error("nobody is told that nothing is recorded")
	}
}
