package transcript_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/transcript"
)

// mute is a pad that talks to the card past the recorder, and ends as it is told.
type mute struct {
	verdict emvkernel.PINVerdict
	err     error
}

func (m mute) VerifyOffline(context.Context, emvkernel.OfflinePIN) (emvkernel.PINVerdict, error) {
	return m.verdict, m.err
}

func (m mute) EnterOnline(context.Context, emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	return m.verdict.Entry, m.err
}

// recordMute is record with such a pad.
func recordMute(t *testing.T, cfg *emvkernel.Config, profile string, m mute) *transcript.Transcript {
	t.Helper()
	card := software(t, profile)
	r := transcript.NewRecorder(card, card.ATR())
	params := payment()
	params.PINPad = m
	tx, err := emvkernel.NewTransaction(cfg, r.Params(params), r, r.Cardholder(holder{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Wipe()
	out, err := tx.Collect(t.Context())
	var answer *emvkernel.Answer
	if err == nil && out.Kind == emvkernel.OnlineRequest {
		answer = &emvkernel.Answer{}
		out, err = tx.Complete(t.Context(), *answer)
	}
	recorded := r.Transcript()
	recorded.Answer = answer
	recorded.Configured(cfg, tx.Card().AID)
	recorded.End(tx, out, err)
	return recorded
}

// What a PIN pad met that talks to the card past the recorder is noted and comes again: a card that gives no
// challenge, one that is pulled out, a payment that is called off meanwhile, an entry that was given up.
func TestPadPastTheRecorder(t *testing.T) {
	cfg := terminal(t)
	const enciphered = "application visa\npan 4242424242424242\ncvm enciphered-pin always or-next\ncvm none always\n"
	const plain = "application visa\npan 4242424242424242\ncvm plain-pin always or-next\ncvm none always\n"
	refused := emvkernel.PINVerdict{Entry: emvkernel.PINEntered, SW: 0x6D00, Challenge: true}
	for _, tt := range []struct {
		profile string
		pad     mute
		want    string
		outcome string
	}{
		{enciphered, mute{verdict: refused}, "PIN offline no-challenge 6D00\n", "declined: "},
		{enciphered, mute{verdict: emvkernel.PINVerdict{Entry: emvkernel.PINEntered, SW: apdu.OK, Challenge: true}}, "PIN offline no-challenge 9000\n", "declined: "},
		{plain, mute{err: errors.New("card removed")}, "\n! card removed\n", "error"},
		{enciphered, mute{err: context.Canceled}, "\n! context canceled\n", "error"},
		{plain, mute{verdict: emvkernel.PINVerdict{Entry: emvkernel.PINCanceled, Challenge: true}}, "PIN offline canceled\n", "canceled: "},
	} {
		clear := recordMute(t, cfg, tt.profile, tt.pad)
		written := text(t, clear)
		if !strings.Contains(written, tt.want) || !strings.Contains(written, "outcome "+tt.outcome) {
			t.Errorf("want %q and outcome %s in\n%s", tt.want, tt.outcome, written)
		}
		r, err := transcript.Replay(t.Context(), cfg, parse(t, written))
		if err != nil || tt.pad.err != nil && !errors.Is(r.Err, transcript.ErrRecorded) {
			t.Errorf("%q: %v, %v\n%s", tt.want, err, r.Err, written)
		}
		if errors.Is(tt.pad.err, context.Canceled) && !errors.Is(r.Err, context.Canceled) {
			t.Errorf("the end of the context is not known again: %v", r.Err)
		}
		if _, err := transcript.Replay(t.Context(), cfg, parse(t, text(t, transcript.Redact(clear)))); err != nil {
			t.Errorf("%q, redacted: %v", tt.want, err)
		}
	}
	// A refused challenge is not an answer to VERIFY, and is not taken for one by a replay either.
	written := text(t, recordMute(t, cfg, enciphered, mute{verdict: refused}))
	if _, err := transcript.Replay(t.Context(), cfg, parse(t, strings.Replace(written, "no-challenge 6D00", "entered 6D00", 1))); err == nil {
		t.Error("no-challenge makes no difference")
	}
}

// A redacted card has no key for a PIN any more: what its pad met is passed over, like the PIN.
func TestPadFaultRedacted(t *testing.T) {
	cfg := terminal(t)
	const profile = "application visa\npan 4242424242424242\noda sda\npin-key own\ncvm enciphered-pin always or-next\ncvm none always\n"
	clear := recordMute(t, cfg, profile, mute{err: errors.New("card removed")})
	r, err := transcript.Replay(t.Context(), cfg, transcript.Redact(clear))
	if err != nil || !strings.Contains(r.Parted, "after the end of the transcript") {
		t.Errorf("%v %q\n%s", err, r.Parted, text(t, clear))
	}
}

// A serial number that is none does not take a card number into a redacted file.
func TestSerialNumberIsRedacted(t *testing.T) {
	tr := &transcript.Transcript{Terminal: transcript.Terminal{SerialNumber: "4242424242424242"}}
	if s := text(t, transcript.Redact(tr)); strings.Contains(s, "4242424242") || !strings.Contains(s, "serial-number") {
		t.Error(s)
	}
}

// A fault that passed the recorder is noted once.
func TestPadFaultOnce(t *testing.T) {
	cfg := terminal(t)
	card := software(t, "pull verify\napplication visa\npan 4242424242424242\ncvm plain-pin always\n")
	written := text(t, record(t, cfg, card, card.ATR(), &pad{entry: emvkernel.PINEntered}, nil))
	if n := strings.Count(written, "\n! "); n != 1 || !strings.Contains(written, "# VERIFY") {
		t.Errorf("%d faults in\n%s", n, written)
	}
	if _, err := transcript.Replay(t.Context(), cfg, parse(t, written)); err != nil {
		t.Error(err)
	}
}

// What a platform sets for its readers travels with the recording: the test terminal, so configured, repeats
// it, and not otherwise.
func TestConfigured(t *testing.T) {
	each := func(change func(*emvkernel.Application)) func(*emvkernel.Config) {
		return func(c *emvkernel.Config) {
			for i := range c.Applications {
				change(&c.Applications[i])
			}
		}
	}
	const visa = "application visa\npan 4242424242424242\n"
	for name, tt := range map[string]struct {
		profile, outcome string
		change           func(*emvkernel.Config)
	}{
		"bypass": {visa + "cvm plain-pin always or-next\ncvm none always\n", "declined", each(func(a *emvkernel.Application) { a.PINBypass = true })},
		"approval": {visa + "cvm none always\nfirst-ac tc\n", "approved", each(func(a *emvkernel.Application) {
			a.OfflineApproval, a.FloorLimit, a.FloorCurrency = true, 5000, 840
		})},
		"serial": {visa + "cvm none always\npdol 9F1E:8\n", "declined", func(c *emvkernel.Config) { c.Terminal.SerialNumber = "DESK0007" }},
	} {
		cfg := terminal(t)
		tt.change(cfg)
		written := text(t, recordMute(t, cfg, tt.profile, mute{verdict: emvkernel.PINVerdict{Entry: emvkernel.PINBypassed}}))
		again := parse(t, written)
		if again.Config != transcript.TestConfig || !strings.HasPrefix(again.Outcome, tt.outcome) {
			t.Errorf("%s: config %q, outcome %q", name, again.Config, again.Outcome)
		}
		plain := terminal(t)
		if _, err := transcript.Replay(t.Context(), plain, again); err == nil {
			t.Errorf("%s: another terminal does the same", name)
		}
		again.Configure(plain)
		if _, err := transcript.Replay(t.Context(), plain, again); err != nil {
			t.Errorf("%s: %v\n%s", name, err, written)
		}
	}
}

// A live terminal does not say that it takes test cards, and the application in use is the one that counts.
func TestConfiguredNotes(t *testing.T) {
	cfg := emvtest.TerminalConfig()
	cfg.Test = false
	cfg.Applications[1].PINBypass, cfg.Applications[1].FloorLimit = true, 100
	tr := &transcript.Transcript{}
	tr.Configured(&cfg, cfg.Applications[1].AID)
	if want := (transcript.Terminal{SerialNumber: "TEST0001", FloorLimit: 100, PINBypass: true}); tr.Config != "live" || tr.Terminal != want {
		t.Errorf("%s %+v", tr.Config, tr.Terminal)
	}
	tr.Configured(&cfg, nil)
	if want := (transcript.Terminal{SerialNumber: "TEST0001"}); tr.Terminal != want {
		t.Errorf("%+v", tr.Terminal)
	}
}
