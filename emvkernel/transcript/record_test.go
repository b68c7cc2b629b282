package transcript_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/transcript"
)

// terminal is a test terminal of its own, so that the golden transcripts change with the kernel and the
// cards only.
func terminal(t testing.TB) *emvkernel.Config {
	t.Helper()
	cfg := emvtest.TerminalConfig()
	cfg.Terminal.Type, cfg.Terminal.Capabilities = 0x22, [3]byte{0x20, 0xB8, 0xC8}
	cfg.Terminal.AdditionalCapabilities = [5]byte{0x60, 0x00, 0x00, 0xA0, 0x01}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return &cfg
}

func payment() emvkernel.Params {
	return emvkernel.Params{
		Amount: 1250, Currency: 840, Exponent: 2, Time: time.Date(2026, time.November, 21, 12, 34, 56, 0, time.UTC),
		UnpredictableNumber: [4]byte{0x01, 0x02, 0x03, 0x04}, RandomSelection: 50, Counter: 7,
	}
}

// pad enters a PIN, or does what entry says.
type pad struct {
	card  emvkernel.Transceiver
	entry emvkernel.PINEntry
	err   error
}

func (p *pad) VerifyOffline(ctx context.Context, pin emvkernel.OfflinePIN) (emvkernel.PINVerdict, error) {
	if p.err != nil {
		return emvkernel.PINVerdict{}, p.err
	}
	if p.entry != emvkernel.PINEntered {
		return emvkernel.PINVerdict{Entry: p.entry}, nil
	}
	if pin.Enciphered {
		return emvkernel.PINVerdict{}, emvkernel.ErrPINPad
	}
	raw, _ := apdu.Verify(0x80, []byte{0x24, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}).Bytes()
	answer, err := p.card.Transceive(ctx, raw)
	if err != nil {
		return emvkernel.PINVerdict{}, err
	}
	resp, err := apdu.ParseResponse(answer)
	return emvkernel.PINVerdict{Entry: emvkernel.PINEntered, SW: resp.SW}, err
}

func (p *pad) EnterOnline(context.Context, emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	return p.entry, p.err
}

// holder takes the last application.
type holder struct{}

func (holder) ChooseApplication(_ context.Context, labels []string) (int, error) {
	return len(labels) - 1, nil
}
func (holder) ConfirmApplication(context.Context, string) (bool, error) { return true, nil }

// record runs a payment with a card that demands nothing of the test but to be a card.
func record(t testing.TB, cfg *emvkernel.Config, card emvkernel.Transceiver, atr []byte, p *pad, issuer *emvtest.Issuer) *transcript.Transcript {
	t.Helper()
	r := transcript.NewRecorder(card, atr)
	defer r.Wipe()
	params := payment()
	if p != nil {
		p.card = r
		params.PINPad = p
	}
	tx, err := emvkernel.NewTransaction(cfg, r.Params(params), r, r.Cardholder(holder{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tx.Collect(t.Context())
	var answer *emvkernel.Answer
	if err == nil && out.Kind == emvkernel.OnlineRequest {
		answer = &emvkernel.Answer{}
		if issuer != nil {
			check, err := issuer.Check(tx.ACData())
			if err != nil {
				t.Fatal(err)
			}
			data, err := issuer.Respond(tx.ACData(), check.Decision.ARC)
			if err == nil {
				answer = &emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: check.Decision.ARC, IssuerAuthenticationData: data}
			}
		}
		out, err = tx.Complete(t.Context(), *answer)
	}
	recorded := r.Transcript()
	recorded.Config, recorded.Answer = "golden", answer
	recorded.End(tx, out, err)
	return recorded
}

func software(t testing.TB, profile string) *emvtest.Card {
	t.Helper()
	p, err := emvtest.ParseProfile(strings.NewReader(profile))
	if err != nil {
		t.Fatal(err)
	}
	return emvtest.NewCard(p, nil)
}

func text(t testing.TB, tr *transcript.Transcript) string {
	t.Helper()
	var b bytes.Buffer
	if err := transcript.Write(&b, tr); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func parse(t testing.TB, s string) *transcript.Transcript {
	t.Helper()
	tr, err := transcript.Parse(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// Every card: what was recorded can be written, read and replayed to the byte; redacted, it can be replayed
// as far as a card without certificates goes, and nothing of the cardholder is in it.
func TestEveryCard(t *testing.T) {
	issuer := emvtest.NewIssuer()
	cfg := terminal(t)
	parted, compared := 0, 0
	for _, name := range emvtest.Profiles() {
		profile, err := emvtest.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		entries := []*pad{nil}
		if strings.Contains(name, "pin") {
			entries = append(entries, &pad{entry: emvkernel.PINEntered})
		}
		for _, enter := range entries {
			card := emvtest.NewCard(profile, nil)
			var clear *transcript.Transcript
			synctest.Test(t, func(t *testing.T) { // a slow card takes no time
				clear = record(t, cfg, card, card.ATR(), enter, issuer)
			})
			again := parse(t, text(t, clear))
			if got, want := text(t, again), text(t, clear); got != want {
				t.Errorf("%s: written %s\nread and written %s", name, want, got)
			}
			if _, err := transcript.Replay(t.Context(), cfg, again); err != nil {
				t.Errorf("%s: %v\n%s", name, err, text(t, again))
			}
			redacted := parse(t, text(t, transcript.Redact(clear)))
			for _, s := range secretsOf(clear) {
				if err := s.in(redacted); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			r, err := transcript.Replay(t.Context(), cfg, redacted)
			if err != nil {
				t.Errorf("%s, redacted: %v\n%s", name, err, text(t, redacted))
			}
			if r.Parted != "" {
				parted++
			} else {
				compared++
			}
		}
	}
	if compared < parted {
		t.Errorf("only %d redacted transcripts were comparable to their end, %d were not", compared, parted)
	}
}

// A recording notes what came instead of an answer, and a replay gives it back.
func TestFaults(t *testing.T) {
	cfg := terminal(t)
	const visa = "application visa\npan 4242424242424242\n"
	pulled := errors.New("card removed")
	for _, tt := range []struct {
		err  error
		want string
	}{{pulled, "! card removed"}, {fmt.Errorf("slot: %w", context.DeadlineExceeded), "! context deadline exceeded"}, {context.Canceled, "! context canceled"}} {
		for after := range 8 {
			card := software(t, visa)
			clear := record(t, cfg, &breaking{card: card, left: after, err: tt.err}, card.ATR(), nil, nil)
			written := text(t, clear)
			if !strings.Contains(written, tt.want) || !strings.Contains(written, "outcome error") {
				t.Fatalf("after %d commands: no %q in\n%s", after, tt.want, written)
			}
			r, err := transcript.Replay(t.Context(), cfg, parse(t, written))
			if err != nil || !errors.Is(r.Err, transcript.ErrRecorded) {
				t.Errorf("after %d commands: %v, %v", after, r.Err, err)
			}
			if errors.Is(tt.err, context.DeadlineExceeded) && !errors.Is(r.Err, context.DeadlineExceeded) {
				t.Errorf("the end of the context is not known again: %v", r.Err)
			}
		}
	}
}

type breaking struct {
	card emvkernel.Transceiver
	left int
	err  error
}

func (b *breaking) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	if b.left--; b.left < 0 {
		return nil, b.err
	}
	return b.card.Transceive(ctx, command)
}

// However a PIN entry ended, it ends so again, without the digits being anywhere.
func TestPIN(t *testing.T) {
	cfg := terminal(t)
	const profile = "application visa\npan 4242424242424242\ncvm plain-pin always\n"
	for _, tt := range []struct {
		pad  pad
		want string
	}{
		{pad{entry: emvkernel.PINEntered}, "PIN offline entered 9000"},
		{pad{entry: emvkernel.PINBypassed}, "PIN offline bypassed"},
		{pad{entry: emvkernel.PINCanceled}, "PIN offline canceled"},
		{pad{entry: emvkernel.PINTimedOut}, "PIN offline timed-out"},
		{pad{err: emvkernel.ErrPINPad}, "PIN offline broken"},
	} {
		card := software(t, profile)
		clear := record(t, cfg, card, card.ATR(), &tt.pad, nil)
		written := text(t, clear)
		if !strings.Contains(written, tt.want+"\n") || strings.Contains(written, "241234") {
			t.Errorf("want %q and no PIN in\n%s", tt.want, written)
		}
		if _, err := transcript.Replay(t.Context(), cfg, parse(t, written)); err != nil {
			t.Errorf("%s: %v\n%s", tt.want, err, written)
		}
	}
}

// What the cardholder chose is chosen again.
func TestCardholder(t *testing.T) {
	cfg := terminal(t)
	card := software(t, "application visa\npan 4242424242424242\napplication mastercard\npan 5555555555554444\n")
	clear := record(t, cfg, card, card.ATR(), nil, nil)
	written := text(t, clear)
	if !strings.Contains(written, "CHOOSE 1\n") {
		t.Fatalf("no choice in\n%s", written)
	}
	if _, err := transcript.Replay(t.Context(), cfg, parse(t, written)); err != nil {
		t.Error(err)
	}
	if _, err := transcript.Replay(t.Context(), cfg, parse(t, strings.Replace(written, "CHOOSE 1\n", "CHOOSE 0\n", 1))); err == nil {
		t.Error("another choice was replayed to the same end")
	}
}

// Nothing prints what was recorded.
func TestMasked(t *testing.T) {
	card := software(t, "application visa\npan 4242424242424242\n")
	r := transcript.NewRecorder(card, card.ATR())
	tr := record(t, terminal(t), card, nil, nil, nil)
	for _, v := range []any{tr, *tr, r, transcript.NewPlayer(tr), transcript.NewRedactor()} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "4242") || len(s) > 20 {
				t.Errorf("%T as %s: %s", v, verb, s)
			}
		}
	}
}
