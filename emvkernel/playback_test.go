package emvkernel_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
)

// playback is a card that knows one conversation by heart. A transcript has a line "> command" and a
// line "< answer" for each frame, in hexadecimal; spaces do not count, "#" begins a comment. Another
// command than the expected one fails the test at once: a soft error would look like a card's fault
// and be handled.
type playback struct {
	t      testing.TB
	frames []frame
	next   int
}

type frame struct{ command, answer []byte }

func play(t testing.TB, transcript string) *playback {
	t.Helper()
	p := &playback{t: t}
	for line := range strings.Lines(transcript) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.ReplaceAll(strings.TrimSpace(line), " ", "")
		if line == "" {
			continue
		}
		b, err := hex.DecodeString(line[1:])
		if err != nil {
			t.Fatalf("transcript line %q: %v", line, err)
		}
		switch {
		case line[0] == '>':
			p.frames = append(p.frames, frame{command: b})
		case line[0] == '<' && len(p.frames) > 0 && p.frames[len(p.frames)-1].answer == nil:
			p.frames[len(p.frames)-1].answer = b
		default:
			t.Fatalf("transcript line %q out of place", line)
		}
	}
	t.Cleanup(p.close)
	return p
}

func (p *playback) Transceive(_ context.Context, command []byte) ([]byte, error) {
	if p.next == len(p.frames) {
		p.t.Fatalf("command %X after the end of the transcript", command)
	}
	f := p.frames[p.next]
	if !bytes.Equal(command, f.command) {
		p.t.Fatalf("frame %d: command %X, want %X", p.next, command, f.command)
	}
	p.next++
	return bytes.Clone(f.answer), nil
}

func (p *playback) close() {
	if p.next != len(p.frames) && !p.t.Failed() {
		p.t.Errorf("%d frames of the transcript were not asked for, the next is %X", len(p.frames)-p.next, p.frames[p.next].command)
	}
}

// recorder notes what passes between kernel and card.
type recorder struct {
	card   emvkernel.Transceiver
	frames []frame
}

func (r *recorder) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := r.card.Transceive(ctx, command)
	r.frames = append(r.frames, frame{bytes.Clone(command), bytes.Clone(answer)})
	return answer, err
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// noon is the day every test takes place on.
var noon = time.Date(2026, time.November, 21, 12, 34, 56, 0, time.UTC)

// payment is 12.50 US dollars.
func payment() emvkernel.Params {
	return emvkernel.Params{
		Amount: 1250, Currency: 840, Exponent: 2, Time: noon,
		UnpredictableNumber: [4]byte{0x01, 0x02, 0x03, 0x04}, Counter: 7,
	}
}

// terminal accepts two applications, the first by the beginning of its name, and can do signature and
// no CVM.
func terminal() *emvkernel.Config {
	return &emvkernel.Config{
		Terminal: emvkernel.Terminal{
			Type: 0x22, Capabilities: [3]byte{0x20, 0x28, 0xC8}, AdditionalCapabilities: [5]byte{0x60, 0, 0, 0xA0, 1},
			Country: 840, SerialNumber: "00000042", MerchantID: "SHOP", TerminalID: "T1", MCC: 5999,
		},
		Applications: []emvkernel.Application{
			{AID: []byte{0xA0, 0, 0, 0, 3, 0x10, 0x10}, PartialMatch: true, Version: [2]byte{0x00, 0x96}, FloorLimit: 5000, Brand: "visa"},
			{AID: []byte{0xA0, 0, 0, 0, 4, 0x10, 0x10}, Version: [2]byte{0x00, 0x02}, FloorLimit: 5000, Brand: "mastercard"},
		},
	}
}

// person answers the kernel's questions.
type person struct {
	choose  int
	confirm bool
	err     error
	labels  []string // what was offered
	asked   string   // what was to be confirmed
}

func (p *person) ChooseApplication(_ context.Context, labels []string) (int, error) {
	p.labels = labels
	return p.choose, p.err
}

func (p *person) ConfirmApplication(_ context.Context, label string) (bool, error) {
	p.asked = label
	return p.confirm, p.err
}

func begin(t testing.TB, cfg *emvkernel.Config, p emvkernel.Params, card emvkernel.Transceiver, holder emvkernel.Cardholder) *emvkernel.Transaction {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	tx, err := emvkernel.NewTransaction(cfg, p, card, holder, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func collect(t testing.TB, tx *emvkernel.Transaction) emvkernel.Outcome {
	t.Helper()
	out, err := tx.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var errPulled = errors.New("card pulled")
