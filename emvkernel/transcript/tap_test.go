package transcript_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/transcript"
)

// antenna holds a card to the reader as often as it may be, then ends the wait. Before it come the errors.
type antenna struct {
	card   emvkernel.Transceiver
	reset  func()
	before []error
	taps   int
}

var errNoCard = errors.New("no card came")

func (a *antenna) Activate(ctx context.Context) (emvkernel.Transceiver, error) {
	if len(a.before) > 0 {
		err := a.before[0]
		a.before = a.before[1:]
		return nil, err
	}
	if a.taps == 0 {
		return nil, errNoCard
	}
	a.taps--
	if a.reset != nil {
		a.reset()
	}
	return a.card, nil
}

func (a *antenna) WaitRemoval(context.Context) error { return nil }
func (a *antenna) Off() error                        { return nil }

// untimed hides that a card could be measured.
type untimed struct{ card emvkernel.Transceiver }

func (u untimed) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	return u.card.Transceive(ctx, command)
}

func holding(t testing.TB, profile string, timed bool) *antenna {
	t.Helper()
	p, err := emvtest.Load(profile)
	if err != nil {
		t.Fatal(err)
	}
	card := emvtest.NewCard(p, nil).Contactless()
	a := &antenna{card: untimed{card}, reset: card.Reset, taps: 4}
	if timed {
		a.card = card
	}
	return a
}

// tapTerminal takes taps, with a limit that has the cardholder verified.
func tapTerminal(t testing.TB) *entry.Config {
	t.Helper()
	cfg := emvtest.Contactless()
	cfg.EMV = terminal(t)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// recordTap runs a payment by tap; each activation's unpredictable number is one more than the last.
func recordTap(t testing.TB, cfg *entry.Config, field entry.Field) *transcript.Transcript {
	t.Helper()
	return recordTapOf(t, cfg, field, payment())
}

func recordTapOf(t testing.TB, cfg *entry.Config, field entry.Field, params emvkernel.Params) *transcript.Transcript {
	t.Helper()
	r := transcript.NewTapRecorder()
	defer r.Wipe()
	un := byte(0)
	env := r.Environment(entry.Environment{
		Field: field, Hold: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		UN: func() ([4]byte, error) { un++; return [4]byte{0x01, 0x02, 0x03, un}, nil },
	})
	tx, err := entry.New(cfg, r.Params(params), env)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tx.Run(t.Context())
	defer out.Reading.Wipe()
	recorded := r.Transcript()
	recorded.ConfiguredTap(cfg)
	recorded.EndTap(out, err)
	return recorded
}

// Every card that can be tapped: what was recorded can be written, read and replayed to the byte; redacted,
// nothing of the cardholder is in it, and it can be replayed up to where its certificates are needed.
func TestEveryTap(t *testing.T) {
	passed, stripes := 0, 0
	for _, name := range emvtest.Profiles() {
		p, err := emvtest.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, tapped := p.TapExpectation(); !tapped {
			continue
		}
		terminal := func() *entry.Config {
			cfg := tapTerminal(t)
			for _, c := range cfg.Combinations {
				if k, ok := c.Kernel.(*c2.Kernel); ok && strings.HasSuffix(name, "magstripe") {
					k.MagneticStripe = true // with both tracks
				}
			}
			return cfg
		}
		for _, timed := range []bool{false, true} {
			if timed && !strings.Contains(name, "relay") {
				continue
			}
			var clear *transcript.Transcript
			synctest.Test(t, func(t *testing.T) { // a slow card takes no time
				clear = recordTap(t, terminal(), holding(t, name, timed))
			})
			again := parse(t, text(t, clear))
			if got, want := text(t, again), text(t, clear); got != want {
				t.Errorf("%s: written %s\nread and written %s", name, want, got)
			}
			r, err := transcript.ReplayTap(t.Context(), terminal(), again)
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, text(t, again))
			}
			r.Outcome.Reading.Wipe()
			redacted := parse(t, text(t, transcript.Redact(clear)))
			for _, s := range secretsOf(clear) {
				if s.what == "track 1" {
					stripes++
				}
				if err := s.in(redacted); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			r, err = transcript.ReplayTap(t.Context(), terminal(), redacted)
			if err != nil {
				t.Errorf("%s, redacted: %v\n%s", name, err, text(t, redacted))
			}
			r.Outcome.Reading.Wipe()
			if r.Parted == "" || strings.Contains(r.Parted, "every command was as recorded") {
				passed++
			}
		}
	}
	if stripes == 0 {
		t.Error("no card gave its first track")
	}
	if passed < 40 {
		t.Errorf("only %d redacted taps had all their commands compared", passed)
	}
}

// goldenTaps are the cards in testdata/taps, as golden is for cards that are inserted: a Visa card, a Mastercard,
// a phone that is to be unlocked and tapped again, and a card that is measured. The payment is over the limit from
// which the cardholder is verified.
var goldenTaps = map[string]string{
	"visa": "tap-visa-online", "mastercard": "tap-mastercard-online", "phone": "tap-mastercard-phone-locked", "relay": "tap-mastercard-relay-near",
}

func TestGoldenTaps(t *testing.T) {
	file := func(name, suffix string) string { return filepath.Join("testdata", "taps", name+suffix) }
	for name, profile := range goldenTaps {
		if *update {
			params := payment()
			params.Amount = 7500
			clear := recordTapOf(t, tapTerminal(t), holding(t, profile, name == "relay"), params)
			for suffix, tr := range map[string]*transcript.Transcript{".transcript": clear, ".redacted.transcript": transcript.Redact(clear)} {
				if err := os.WriteFile(file(name, suffix), []byte(text(t, tr)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, suffix := range []string{".transcript", ".redacted.transcript"} {
			b, err := os.ReadFile(file(name, suffix))
			if err != nil {
				t.Fatal(err)
			}
			tr := parse(t, string(b))
			cfg := emvtest.Contactless()
			cfg.EMV = terminal(t)
			tr.ConfigureTap(cfg)
			r, err := transcript.ReplayTap(t.Context(), cfg, tr)
			r.Outcome.Reading.Wipe()
			parted := r.Parted != "" // by what the kernel makes of a card that it cannot authenticate
			if err != nil || parted && (!tr.Redacted || !strings.Contains(r.Parted, "every command was as recorded")) {
				t.Errorf("%s%s: %v %s", name, suffix, err, r.Parted)
			}
			if !strings.HasPrefix(tr.Outcome, "online request") {
				t.Errorf("%s%s: outcome %s", name, suffix, tr.Outcome)
			}
		}
	}
	phone, err := os.ReadFile(file("phone", ".transcript"))
	if taps := strings.Count(string(phone), "\nTAP\n"); err != nil || taps != 2 || !strings.Contains(string(phone), "\nUI 20") {
		t.Errorf("the phone was tapped %d times: %v", taps, err)
	}
	relay, err := os.ReadFile(file("relay", ".transcript"))
	if err != nil || !strings.Contains(string(relay), "\nTOOK ") {
		t.Errorf("nothing was measured: %v", err)
	}
}

// What came instead of a card is noted, and comes again.
func TestTapFaults(t *testing.T) {
	cfg := tapTerminal(t)
	for _, tt := range []struct {
		before []error
		card   error // of its third command
		taps   int
		want   string
	}{
		{before: []error{entry.ErrCollision}, taps: 1, want: "FIELD collision\n"},
		{before: []error{fmt.Errorf("pn532: %w", entry.ErrUnreadable)}, taps: 1, want: "FIELD unreadable\n"},
		{before: []error{errors.New("a card was inserted")}, want: "FIELD error a card was inserted\n"},
		{before: []error{context.Canceled}, want: "FIELD error context canceled\n"},
		{taps: 0, want: "FIELD error no card came\n"},
		{card: errors.New("card left the field"), taps: 2, want: "! card left the field\n"},
	} {
		a := holding(t, "tap-visa-online", false)
		a.before, a.taps = tt.before, tt.taps
		if tt.card != nil {
			a.card = &breaking{card: a.card, left: 2, err: tt.card}
		}
		clear := recordTap(t, cfg, a)
		written := text(t, clear)
		if !strings.Contains(written, "\n"+tt.want) {
			t.Errorf("no %q in\n%s", tt.want, written)
			continue
		}
		for _, tr := range []*transcript.Transcript{clear, transcript.Redact(clear)} {
			r, err := transcript.ReplayTap(t.Context(), tapTerminal(t), parse(t, text(t, tr)))
			if err != nil {
				t.Errorf("%q: %v", tt.want, err)
			}
			r.Outcome.Reading.Wipe()
		}
	}
}

// stopping is a card that is there when the payment is called off.
type stopping struct {
	card emvkernel.Transceiver
	stop func()
	left int
}

func (s *stopping) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	if s.left--; s.left == 0 {
		s.stop()
		return nil, ctx.Err()
	}
	return s.card.Transceive(ctx, command)
}

// A payment that was called off during a tap is called off at the same command.
func TestTapStopped(t *testing.T) {
	cfg := tapTerminal(t)
	for left := 1; left < 5; left++ {
		ctx, stop := context.WithCancel(t.Context())
		a := holding(t, "tap-visa-online", false)
		a.card = &stopping{card: a.card, stop: stop, left: left}
		r := transcript.NewTapRecorder()
		tx, err := entry.New(cfg, r.Params(payment()), r.Environment(entry.Environment{Field: a}))
		if err != nil {
			t.Fatal(err)
		}
		out, err := tx.Run(ctx)
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		recorded := r.Transcript()
		recorded.EndTap(out, err)
		result, err := transcript.ReplayTap(t.Context(), tapTerminal(t), parse(t, text(t, recorded)))
		if err != nil || !errors.Is(result.Err, context.Canceled) {
			t.Errorf("after %d commands: %v, %v\n%s", left, err, result.Err, text(t, recorded))
		}
	}
}

// A terminal that does anything else is noticed: another amount, another number, another message, a card more or
// less, an outcome that is not the recorded one.
func TestTapMismatch(t *testing.T) {
	clear := text(t, recordTap(t, tapTerminal(t), holding(t, "tap-mastercard-phone", false)))
	line := func(prefix string) string {
		i := strings.Index(clear, "\n"+prefix)
		if i < 0 {
			t.Fatalf("no %q in\n%s", prefix, clear)
		}
		rest := clear[i+1:]
		return rest[:strings.Index(rest, "\n")+1]
	}
	for name, tt := range map[string]struct{ old, new, want string }{
		"amount":  {"amount 1250", "amount 1251", "shows 15020000"},
		"number":  {line("UN 01020301"), "UN 01020302\n", "9F37 Unpredictable Number is 01020302, in the transcript 01020301"},
		"no draw": {line("UN "), "", "draws an unpredictable number, where the transcript has GET PROCESSING OPTIONS"},
		"message": {line("UI 16"), "UI 17030000000000000000000000000000000000000000\n", "shows 1603"},
		"silence": {line("UI 16"), "", "shows message 16 status 03, where the transcript has SELECT PPSE"},
		"no card": {line("TAP"), "", "waits for a card, where the transcript has UI 16"},
		"card":    {line("TAP"), "TAP\nTAP\n", "where the transcript has TAP"},
		"command": {line("> 00A404000E"), "> 00A404000E315041592E5359532E444446303100\n", "SELECT PPSE: 2PAY.SYS.DDF01, in the transcript 1PAY.SYS.DDF01"},
		"outcome": {line("outcome "), "outcome declined: no\n", `another result: outcome "online request`},
		"cvm":     {line("cvm "), "cvm signature\n", `another result: CVM "`},
		"tvr":     {line("tvr "), "tvr 8000000000\n", `another result: TVR "`},
		"tsi":     {line("tsi "), "tsi 0000\n", `another result: TSI "`},
	} {
		changed := parse(t, strings.Replace(clear, tt.old, tt.new, 1))
		r, err := transcript.ReplayTap(t.Context(), tapTerminal(t), changed)
		r.Outcome.Reading.Wipe()
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	// The transcript goes on where the terminal has ended.
	r, err := transcript.ReplayTap(t.Context(), tapTerminal(t), parse(t, clear+"\nTAP\n"))
	r.Outcome.Reading.Wipe()
	if err == nil || !strings.Contains(err.Error(), "goes on with TAP") {
		t.Error(err)
	}
}

// measured is a card whose answers take a time that is measured, or not known.
type measured struct {
	emvkernel.Transceiver
	took time.Duration
}

func (m measured) TransceiveTimed(ctx context.Context, command []byte) ([]byte, time.Duration, bool, error) {
	answer, err := m.Transceive(ctx, command)
	return answer, m.took, m.took > 0, err
}

// EMV fact 36: relay resistance goes by measured times, which travel with the recording; without them the card is not
// asked, or nothing is judged.
func TestTapTimes(t *testing.T) {
	for _, tt := range []struct {
		timed bool
		took  time.Duration
		want  []string
	}{
		{false, 0, []string{"\nTAP\n", "!EXCHANGE RELAY", "!TOOK"}},
		{true, 0, []string{"\nTAP timed\n", "# EXCHANGE RELAY RESISTANCE DATA\n", "!TOOK"}},
		{true, 6 * time.Millisecond, []string{"\nTAP timed\n", "TOOK 6ms\n"}},
	} {
		a := holding(t, "tap-mastercard-relay-near", false)
		if tt.timed {
			a.card = measured{a.card, tt.took}
		}
		clear := recordTap(t, tapTerminal(t), a)
		written := text(t, clear)
		for _, want := range tt.want {
			no, not := strings.CutPrefix(want, "!")
			if strings.Contains(written, no) == not {
				t.Errorf("%v %v: want %q in\n%s", tt.timed, tt.took, want, written)
			}
		}
		r, err := transcript.ReplayTap(t.Context(), tapTerminal(t), parse(t, written))
		if err != nil {
			t.Errorf("%v %v: %v", tt.timed, tt.took, err)
		}
		r.Outcome.Reading.Wipe()
	}
}

// A redacted tap is compared up to its end: that its card cannot be authenticated excuses no other command.
func TestRedactedTapMismatch(t *testing.T) {
	written := text(t, transcript.Redact(recordTap(t, tapTerminal(t), holding(t, "tap-mastercard-online", false))))
	i := strings.Index(written, "> 80AE")
	for old, new := range map[string]string{"000000001250": "000000001300", "> 80AE": "> 80AC"} {
		changed := written[:i] + strings.Replace(written[i:], old, new, 1)
		r, err := transcript.ReplayTap(t.Context(), tapTerminal(t), parse(t, changed))
		r.Outcome.Reading.Wipe()
		if err == nil && (old == "000000001250" || strings.Contains(r.Parted, "every command was as recorded")) {
			t.Errorf("%s: parted %q", new, r.Parted)
		}
	}
}

// Data objects of free form, which redaction may have changed, are compared in clear only.
func TestFreeFormIsCompared(t *testing.T) {
	const lines = "RESET\n> 00B2010C00\n< 70 05 8C03 9F7C08 9000\n> 80AE800008 0000000000000000 00\n< 6985\n"
	for _, redacted := range []bool{true, false} {
		tr := parse(t, lines)
		tr.Redacted = redacted
		p := transcript.NewPlayer(tr)
		if _, err := p.Transceive(t.Context(), unhex(t, "00B2010C00")); err != nil {
			t.Fatal(err)
		}
		_, err := p.Transceive(t.Context(), unhex(t, "80AE800008"+number+"00"))
		if redacted != (err == nil) || err != nil && (!strings.Contains(err.Error(), "9F7C") || strings.Contains(err.Error(), number[:8])) {
			t.Errorf("redacted %v: %v", redacted, err)
		}
	}
}

// A payment that was made online in two taps is replayed with its issuer's answer.
func TestResumed(t *testing.T) {
	tr := &transcript.Transcript{}
	answer := tap.OnlineAnswer{Approved: true, ARC: [2]byte{'0', '0'}, IssuerAuthenticationData: []byte{1, 2}, Scripts: []byte{0x72, 0}}
	tr.Resumed(answer)
	tr.Events = []transcript.Event{{Kind: transcript.Tap}}
	got := parse(t, text(t, tr)).OnlineAnswer()
	if fmt.Sprint(got) != fmt.Sprint(answer) {
		t.Errorf("%+v", got)
	}
}

// The second tap, for the issuer's answer, is recorded and replayed with the first.
func TestReplayResumed(t *testing.T) {
	cfg := tapTerminal(t)
	for i := range cfg.Combinations {
		if c := &cfg.Combinations[i]; c.TTQ != nil {
			c.TTQ = &[4]byte{0x36, 0x00, 0xC0, 0x00} // the reader takes issuer updates
		}
	}
	r := transcript.NewTapRecorder()
	env := entry.Environment{Field: holding(t, "tap-visa-update", false), Hold: func(context.Context, time.Duration) error { return nil }}
	tx, err := entry.New(cfg, r.Params(payment()), r.Environment(env))
	if err != nil {
		t.Fatal(err)
	}
	out, err := tx.Run(t.Context())
	if err != nil || out.OnlineData == tap.NoOnlineData {
		t.Fatalf("%+v, %v", out, err)
	}
	defer out.Reading.Wipe()
	data, err := emvtest.NewIssuer().Respond(out.Reading.ACData(), [2]byte{'0', '0'})
	if err != nil {
		t.Fatal(err)
	}
	answer := tap.OnlineAnswer{Approved: true, ARC: [2]byte{'0', '0'}, IssuerAuthenticationData: data}
	r.EndTap(out, nil)
	if tr := r.Transcript(); !strings.HasPrefix(tr.Outcome, "online request") || tr.CVM != "none" || tr.TVR != "0000000000" || !tr.Contactless || tr.Payment.Amount != 1250 {
		t.Errorf("%s", text(t, tr))
	}
	last, err := tx.Resume(t.Context(), answer)
	r.EndTap(last, err)
	last.Reading.Wipe()
	clear := r.Transcript()
	clear.ConfiguredTap(cfg)
	clear.Resumed(answer)
	written := text(t, clear)
	if n := strings.Count(written, "\nTAP\n"); n != 2 || !strings.Contains(written, "# EXTERNAL AUTHENTICATE\n") {
		t.Errorf("%d taps\n%s", n, written)
	}
	for _, tr := range []*transcript.Transcript{clear, transcript.Redact(clear)} {
		again := tapTerminal(t)
		tr = parse(t, text(t, tr))
		tr.ConfigureTap(again)
		result, err := transcript.ReplayTap(t.Context(), again, tr)
		result.Outcome.Reading.Wipe()
		if err != nil {
			t.Errorf("%v\n%s", err, text(t, tr))
		}
	}
}

const tapSample = `# EMV transcript
redacted no
config test
serial-number TEST0001
contactless yes
tap-aid A0000000031010
tap-kernel 3
tap-currency 840
tap-transaction-limit 50000
tap-on-device-limit 100000
tap-floor-limit 0
tap-cvm-limit 5000
tap-ttq 3600C080
tap-status-check yes
tap-zero-amount yes
tap-extended-selection yes
tap-options Hold=1.3s
amount 1250
currency 840
exponent 2
type 00
unpredictable-number 00000000
counter 7
issuer-approved yes
cvm online_pin
outcome online request: the card asks for its issuer
tvr 0000000000
tsi 0000
UI 15020000000000000000000000100000000012500840
FIELD collision
FIELD unreadable

TAP timed

# SELECT PPSE
> 00A404000E325041592E5359532E444446303100
< 6A82
TOOK 5.3ms
UN 01020304

# EXCHANGE RELAY RESISTANCE DATA
> 80EA0000040102030400
! card left the field
FIELD error the antenna is gone
`

func TestParseAndWriteTap(t *testing.T) {
	tr := parse(t, tapSample)
	if got := text(t, tr); got != tapSample {
		t.Errorf("written again:\n%s", got)
	}
	s := tr.Terminal.Tap
	if !tr.Contactless || !tr.IssuerApproved || tr.CVM != "online_pin" || s.Kernel != tap.KernelVisa || *s.TTQ != [4]byte{0x36, 0, 0xC0, 0x80} ||
		*s.Limits.Transaction != 50000 || *s.Limits.OnDevice != 100000 || *s.Limits.Floor != 0 || *s.Limits.CVMRequired != 5000 || s.Limits.Currency != 840 {
		t.Errorf("%+v %+v", tr, s)
	}
	for line, want := range map[string]string{
		"TAP twice":                         "what TAP says is not in the format",
		"FIELD crowded":                     "what FIELD says is not in the format",
		"FIELD error":                       "what FIELD says is not in the format",
		"UN 010203":                         "UN has 4 bytes",
		"UI 1502":                           "UI has 22 bytes",
		"UN xx":                             "hexadecimal",
		"TOOK 5ms":                          "stands after the answer",
		"> 00A4040000\nTOOK 5ms":            "stands after the answer",
		"> 00A4040000\n< 9000\nTOOK 5":      "what TOOK says is not in the format",
		"> 00A4040000\n< 9000\nTOOK -5ms":   "what TOOK says is not in the format",
		"> 00A4040000\n< 9000\nTOOK 0.005s": "what TOOK says is not in the format",
		"tap-ttq 36":                        "tap-ttq ('9F66' as configured, eight hexadecimal digits): four bytes are wanted", "tap-kernel 256": "tap-kernel", "tap-floor-limit -1": "tap-floor-limit",
		"tap-currency x": "tap-currency", "tap-aid 1": "tap-aid", "tap-status-check maybe": "yes or no is wanted", "contactless x": "yes or no is wanted",
	} {
		if tr, err := transcript.Parse(strings.NewReader(line + "\n")); !errors.Is(err, transcript.ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", line, tr, err, want)
		}
	}
}

// Whatever the transcript of a tap is, a replay ends, and nothing is approved, nor its issuer asked, by a card that
// answered otherwise.
func FuzzReplayTap(f *testing.F) {
	clear := map[string]string{}
	for _, profile := range []string{"tap-visa-online", "tap-mastercard-online", "tap-mastercard-phone-locked", "tap-mastercard-torn-late"} {
		clear[profile] = text(f, recordTap(f, tapTerminal(f), holding(f, profile, false)))
		f.Add(clear[profile])
	}
	f.Add(tapSample)
	f.Fuzz(func(t *testing.T, s string) {
		tr, err := transcript.Parse(strings.NewReader(s))
		if err != nil || len(tr.Events) > 100 {
			return
		}
		cfg := tapTerminal(t)
		tr.ConfigureTap(cfg)
		if cfg.Validate() != nil {
			return
		}
		r, err := transcript.ReplayTap(t.Context(), cfg, tr)
		defer r.Outcome.Reading.Wipe()
		if err != nil || r.Err != nil {
			return
		}
		switch r.Outcome.Kind {
		case tap.Approved, tap.OnlineRequest:
			if r.Outcome.Reading == nil || len(r.Outcome.Reading.Receipt().Cryptogram) != 8 && !r.Outcome.Reading.MagneticStripe() {
				t.Fatalf("%v without a cryptogram\n%s", r.Outcome.Kind, s)
			}
		}
	})
}
