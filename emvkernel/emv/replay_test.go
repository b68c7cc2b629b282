package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/transcript"
)

// Wrong digits again and again, until the card takes no more; or the right ones next.
func TestPINTries(t *testing.T) {
	dir := t.TempDir()
	card := filepath.Join(dir, "a.card")
	if err := os.WriteFile(card, []byte("application visa\npan 4242424242424242\ncvm plain-pin always\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for pin, want := range map[string]struct {
		verify int
		text   string
	}{
		"9999": {3, "PIN try limit exceeded"}, "9999,1234": {2, "method: 01: plaintext PIN"}, "1234": {1, "result: 02: successful"},
	} {
		var out, errs bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
		a.main(t.Context(), []string{"run", "-card", card, "-pin", pin})
		if n := strings.Count(out.String(), "> VERIFY"); n != want.verify || !strings.Contains(out.String(), want.text) {
			t.Errorf("-pin %s: %d times VERIFY, want %d and %q in\n%s%s", pin, n, want.verify, want.text, out.String(), errs.String())
		}
	}
}

// What a reader recorded is played with the reader's terminal, and what a platform had set for it.
func TestReplayOfReader(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	cfg.Terminal.SerialNumber = "DESK0007"
	for i := range cfg.Applications {
		cfg.Applications[i].PINBypass = true
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.emv")
	for name, profile := range map[string]string{
		"list of AIDs": "pse no\napplication visa\npan 4242424242424242\n",
		"bypass":       "application visa\npan 4242424242424242\ncvm plain-pin always or-next\ncvm none always\n",
		"serial":       "application visa\npan 4242424242424242\npdol 9F1E:8\n",
	} {
		p, err := emvtest.ParseProfile(strings.NewReader(profile))
		if err != nil {
			t.Fatal(err)
		}
		card := emvtest.NewCard(p, nil)
		r := transcript.NewRecorder(card, card.ATR())
		params := emvkernel.Params{Amount: 100, Currency: 840, Exponent: 2, Time: time.Now(), RandomSelection: 1, PINPad: bypassing{}}
		tx, err := emvkernel.NewTransaction(&cfg, r.Params(params), r, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		out, err := tx.Collect(t.Context())
		recorded := r.Transcript()
		recorded.Configured(&cfg, tx.Card().AID)
		recorded.End(tx, out, err)
		var text bytes.Buffer
		if err := transcript.Save(&text, recorded, true); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr}
		if got := a.main(t.Context(), []string{"run", "-transcript", path}); got != exitDone || !strings.Contains(stdout.String(), "transcript: as recorded\n") {
			t.Errorf("%s: exit code %d: %s\n%s", name, got, stderr.String(), text.String())
		}
	}
}

// bypassing is a cardholder who goes on without a PIN.
type bypassing struct{}

func (bypassing) VerifyOffline(context.Context, emvkernel.OfflinePIN) (emvkernel.PINVerdict, error) {
	return emvkernel.PINVerdict{Entry: emvkernel.PINBypassed}, nil
}

func (bypassing) EnterOnline(context.Context, emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	return emvkernel.PINBypassed, nil
}

// A card that gives no challenge, and one that is pulled while its PIN is checked, are recorded and played
// again.
func TestRecordOfPIN(t *testing.T) {
	for name, want := range map[string]struct {
		line string
		code int
	}{
		"challenge-fails": {"PIN offline no-challenge ", exitDeclined}, "pulled-at-verify": {"! ", exitUnknown}, "pulled-at-get-challenge": {"! ", exitUnknown},
	} {
		path := filepath.Join(t.TempDir(), "a.transcript")
		var out, errs bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
		if got := a.main(t.Context(), []string{"run", "-card", name, "-pin", "1234", "-clear", "-record", path}); got != want.code {
			t.Errorf("%s: exit code %d, want %d: %s", name, got, want.code, errs.String())
		}
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "\n"+want.line) {
			t.Errorf("%s: no %q in\n%s", name, want.line, text)
		}
		out.Reset()
		if got := a.main(t.Context(), []string{"run", "-transcript", path}); got != want.code || !strings.Contains(out.String(), "transcript: as recorded\n") {
			t.Errorf("%s played: exit code %d, want %d: %s", name, got, want.code, errs.String())
		}
		// A fault of the pad's own command is no exchange of the kernel's.
		out.Reset()
		a.main(t.Context(), []string{"run", "-transcript", path, "-json"})
		if pulled := want.code == exitUnknown; strings.Contains(out.String(), `"name": "PIN pad"`) != pulled {
			t.Errorf("%s: the pad's fault is in the report: %v\n%s", name, !pulled, out.String())
		}
	}
}
