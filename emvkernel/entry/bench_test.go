package entry_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// Names of applications.
const (
	visa       = "A0000000031010"
	mastercard = "A0000000041010"
	maestro    = "A0000000043060"
	jcb        = "A0000000651010"
	interac    = "A0000002771010"
	ppse       = "325041592E5359532E4444463031" // 2PAY.SYS.DDF01
)

var errGone = errors.New("card left the field")

// bench is what a payment runs in, and a journal of all that happens in it:
//
//	ui 15/02 1250      a user interface request: message, status, amount, language
//	on, on: ...        the field is on and a card there; or why not
//	off, removed       switched off; no card answers any more
//	hold 1.3s          the field stays off
//	> A0000000031010   SELECT, by hexadecimal name, or PPSE
//	kernel 3 at A      a kernel is started
type bench struct {
	journal []string
	cards   []any  // what Activate finds, one after the other: *card or error; behind the last: the end of ctx
	hold    error  // of Hold
	removal error  // of WaitRemoval
	dead    error  // of Off
	drawn   uint32 // unpredictable numbers so far
	un      error  // of UN
	active  *card  // in the field
}

func (b *bench) note(format string, args ...any) {
	b.journal = append(b.journal, fmt.Sprintf(format, args...))
}

func (b *bench) environment() entry.Environment {
	return entry.Environment{
		Field: b,
		UI: func(r tap.UIRequest) {
			line := fmt.Sprintf("ui %02X/%02X", byte(r.Message), byte(r.Status))
			if r.Qualifier == tap.Amount {
				line += fmt.Sprintf(" %d", r.Value)
			}
			if r.Languages != "" {
				line += " " + r.Languages
			}
			b.note("%s", line)
		},
		UN: func() (un [4]byte, err error) {
			b.drawn++
			binary.BigEndian.PutUint32(un[:], b.drawn)
			return un, b.un
		},
		Hold: func(_ context.Context, d time.Duration) error {
			b.note("hold %v", d)
			return b.hold
		},
	}
}

func (b *bench) Activate(ctx context.Context) (emvkernel.Transceiver, error) {
	if len(b.cards) == 0 {
		b.note("on: no card")
		return nil, fmt.Errorf("polling: %w", context.DeadlineExceeded)
	}
	next := b.cards[0]
	b.cards = b.cards[1:]
	if err, bad := next.(error); bad {
		b.note("on: %v", err)
		return nil, fmt.Errorf("antenna: %w", err)
	}
	b.note("on")
	b.active = next.(*card)
	b.active.bench = b
	return b.active, nil
}

func (b *bench) WaitRemoval(context.Context) error {
	b.note("removed")
	return b.removal
}

func (b *bench) Off() error {
	b.note("off")
	b.active = nil
	return b.dead
}

// card answers SELECT from its table and nothing else.
type card struct {
	bench    *bench
	answers  map[string][]string // by name in hexadecimal, one answer after the other, the last again and again; "gone": it leaves
	commands []string
}

func (c *card) Transceive(_ context.Context, command []byte) ([]byte, error) {
	cmd, err := apdu.ParseCommand(command)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%X", cmd.Data)
	c.commands = append(c.commands, fmt.Sprintf("%X", command))
	if c.bench != nil {
		if c.bench.active != c {
			return nil, errors.New("a command to a card that is not in the field")
		}
		if name == ppse {
			c.bench.note("> PPSE")
		} else {
			c.bench.note("> %s", name)
		}
	}
	if cmd.CLA != 0 || cmd.INS != apdu.INSSelect || cmd.P1 != 4 || cmd.P2 != 0 || cmd.Le != 0 {
		return []byte{0x6D, 0x00}, nil
	}
	list := c.answers[name]
	if len(list) == 0 {
		return []byte{0x6A, 0x82}, nil
	}
	if len(list) > 1 {
		c.answers[name] = list[1:]
	}
	if list[0] == "gone" {
		return nil, errGone
	}
	return unhex(list[0]), nil
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// object codes a data object.
func object(tag tlv.Tag, value ...byte) []byte { return tlv.Append(nil, tag, value...) }

// listed codes an entry of the directory: a name and further data objects in hexadecimal.
func listed(name string, more ...string) []byte {
	return object(0x61, append(object(0x4F, unhex(name)...), unhex(strings.Join(more, ""))...)...)
}

// directory is the answer to SELECT of the directory.
func directory(entries ...[]byte) string {
	inner := object(0xA5, object(0xBF0C, slices.Concat(entries...)...)...)
	return fmt.Sprintf("%X9000", object(0x6F, append(object(0x84, unhex(ppse)...), inner...)...))
}

// fci is the answer to SELECT of an application with the data objects in its proprietary template.
func fci(name string, more ...string) string {
	inner := object(0xA5, unhex(strings.Join(more, ""))...)
	return fmt.Sprintf("%X9000", object(0x6F, append(object(0x84, unhex(name)...), inner...)...))
}

// qualifiers is a PDOL that asks for '9F66', as all cards of kernel 3 do.
const qualifiers = "9F3803 9F6604"

// plain is a card whose applications are listed as they come.
func plain(names ...string) *card {
	c := &card{answers: map[string][]string{}}
	var entries [][]byte
	for _, name := range names {
		entries = append(entries, listed(name))
		c.answers[name] = []string{fci(name, qualifiers)}
	}
	c.answers[ppse] = []string{directory(entries...)}
	return c
}

// stub is a kernel that does what it is told.
type stub struct {
	bench    *bench
	id       tap.KernelID
	outcomes []any // tap.Outcome, error, failure or func(*tap.Activation) tap.Outcome; the last again and again
	given    []tap.Activation
	check    error
}

// failure is an error beside an outcome, which does not count then.
type failure struct {
	outcome tap.Outcome
	err     error
}

func (s *stub) ID() tap.KernelID { return s.id }

func (s *stub) Check(*tap.Combination, *emvkernel.Config) error { return s.check }

func (s *stub) Activate(_ context.Context, a *tap.Activation) (tap.Outcome, error) {
	if s.bench != nil {
		s.bench.note("kernel %d at %s", byte(s.id), a.Start)
	}
	s.given = append(s.given, *a)
	next := s.outcomes[0]
	if len(s.outcomes) > 1 {
		s.outcomes = s.outcomes[1:]
	}
	switch next := next.(type) {
	case error:
		return tap.Outcome{}, next
	case failure:
		return next.outcome, next.err
	case func(*tap.Activation) tap.Outcome:
		return next(a), nil
	default:
		return next.(tap.Outcome), nil
	}
}

// reading is one of a card that wants its issuer asked, as a kernel makes it.
func reading(t testing.TB) *tap.Reading { return readingOf(t, apdu.RequestARQC) }

// readingOf is one of a card with its decision, '9F27'.
func readingOf(t testing.TB, decision byte) *tap.Reading {
	return readingWith(t, decision, tap.Facts{})
}

func readingWith(t testing.TB, decision byte, facts tap.Facts) *tap.Reading {
	t.Helper()
	o := tap.NewObjects(&tap.Activation{Config: terminal(), Combination: &tap.Combination{}, AID: unhex(visa), Params: payment()})
	for tag, value := range map[tlv.Tag]string{0x5A: "4242424242424242", 0x5F24: "271231", 0x9F27: fmt.Sprintf("%02X", decision)} {
		if err := o.FromCard(tlv.Element{Tag: tag, Value: unhex(value)}); err != nil {
			t.Fatal(err)
		}
	}
	r, ok := tap.NewReading(o, facts)
	if !ok {
		t.Fatal("no reading")
	}
	return r
}

func terminal() *emvkernel.Config {
	return &emvkernel.Config{Terminal: emvkernel.Terminal{Type: 0x22, Capabilities: [3]byte{0x20, 0x68, 0x08}, Country: 840}}
}

func payment() emvkernel.Params {
	return emvkernel.Params{
		Amount: 1250, Currency: 840, Exponent: 2,
		Time: time.Date(2026, time.November, 21, 12, 34, 56, 0, time.UTC),
	}
}

// shop is a bench with a kernel 2 and a kernel 3, which decline until they are told otherwise.
type shop struct {
	bench
	cfg    *entry.Config
	k2, k3 *stub
	p      emvkernel.Params
}

func newShop(t testing.TB, cards ...any) *shop {
	s := &shop{p: payment()}
	s.cards = cards
	declined := tap.Outcome{Kind: tap.Declined, Reading: reading(t)}
	s.k2 = &stub{bench: &s.bench, id: tap.KernelMastercard, outcomes: []any{declined}}
	s.k3 = &stub{bench: &s.bench, id: tap.KernelVisa, outcomes: []any{declined}}
	s.cfg = &entry.Config{EMV: terminal(), Combinations: []tap.Combination{
		{AID: unhex(mastercard), Kernel: s.k2, Brand: "mastercard"},
		{AID: unhex(maestro), Kernel: s.k2, Brand: "mastercard"},
		{AID: unhex(visa), Kernel: s.k3, Brand: "visa"},
	}}
	return s
}

func (s *shop) begin(t testing.TB) *entry.Transaction {
	t.Helper()
	if err := s.cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	tx, err := entry.New(s.cfg, s.p, s.environment())
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func (s *shop) run(t testing.TB) tap.Outcome {
	t.Helper()
	out, err := s.begin(t).Run(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(s.journal, "\n"))
	}
	return out
}

// powered reports whether the field was left on, or Off was never tried.
func (b *bench) powered() bool {
	on := false
	for _, line := range b.journal {
		switch {
		case strings.HasPrefix(line, "on"):
			on = true
		case line == "off":
			on = false
		}
	}
	return on
}

// expect compares the journal with lines.
func (b *bench) expect(t testing.TB, lines string) {
	t.Helper()
	got, want := strings.Join(b.journal, "\n"), trimmed(lines)
	if got != want {
		t.Errorf("journal:\n%s\n\nwant:\n%s", got, want)
	}
	b.journal = nil
}

func trimmed(lines string) string {
	var out []string
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		out = append(out, strings.TrimSpace(line))
	}
	return strings.Join(out, "\n")
}

func limit(n int64) *int64 { return &n }
