package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/decode"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/transcript"
	"smartreader/hal"
	"smartreader/hal/ccid"
	"smartreader/hal/ccid/ccidtest"
	"smartreader/hal/usbfs"
)

// pcsc is a tapped card as a reader of the smart card class shows it: with an answer to reset that it makes up.
type pcsc struct{ *emvtest.TapCard }

func (pcsc) ATR() []byte { return []byte{0x3B, 0x80, 0x01, 0x81} } // T=1

func tapOf(t *testing.T, profile string) *emvtest.TapCard {
	t.Helper()
	p, err := emvtest.Load(profile)
	if err != nil {
		t.Fatal(err)
	}
	return emvtest.NewCard(p, nil).Contactless()
}

func runTap(t *testing.T, o *runOptions, src *tapSource) (string, error) {
	t.Helper()
	o.contactless, o.taps, o.currency, o.exponent, o.kind, o.random, o.un, o.date = true, 5, "USD", 2, "00", 1, "01020304", "2026-11-21"
	o.limits = [4]int64{-1, -1, -1, -1}
	params, err := o.params()
	if err != nil {
		t.Fatal(err)
	}
	cfg, f, err := readConfig("")
	if err != nil {
		t.Fatal(err)
	}
	taps, err := o.tapConfig(cfg, f.Contactless, &params)
	if err != nil {
		t.Fatal(err)
	}
	if err := taps.Validate(); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	s := &tapSession{tracer: tracer{app: &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}, options: o, redactor: transcript.NewRedactor()}, cfg: taps, source: src}
	err = s.run(t.Context(), params)
	return out.String() + errs.String(), err
}

// A card in the field of a USB reader that shows it as if it were inserted; a phone there is read twice.
func TestTapInReader(t *testing.T) {
	usb := ccidtest.New(ccidtest.Options{Features: ccidtest.LevelShort | ccidtest.AutomaticParameters | ccidtest.AutomaticVoltage | ccidtest.AutomaticBaudRate})
	if err := usb.Insert(pcsc{tapOf(t, "tap-mastercard-phone-locked")}); err != nil {
		t.Fatal(err)
	}
	r := ccid.New(ccid.Options{Open: usb.Open, AnyCard: true})
	defer r.Close()
	out, err := runTap(t, &runOptions{issuer: "test", ccid: true, amount: 9000}, &tapSource{field: &slot{reader: r}, hold: atOnce, close: func() {}})
	if err != nil || !strings.Contains(out, "== tap 2\n") || !strings.Contains(out, "\n    approved\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A card that cannot be read in the field is asked for again; a reader that is not there is not.
func TestSlot(t *testing.T) {
	usb := ccidtest.New(ccidtest.Options{})
	card := tapOf(t, "tap-visa-online")
	if err := usb.Insert(card); err != nil { // its ATS is no answer to reset
		t.Fatal(err)
	}
	r := ccid.New(ccid.Options{Open: usb.Open, AnyCard: true})
	defer r.Close()
	s := &slot{reader: r}
	if _, err := s.Activate(t.Context()); !errors.Is(err, entry.ErrUnreadable) {
		t.Errorf("%v", err)
	}
	if err := s.Off(); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Activate(ended); !errors.Is(err, context.Canceled) || errors.Is(err, errSetup) {
		t.Errorf("%v", err)
	}
}

// A reader that is not there is a matter of setup, as it is for cards that are inserted; every member of a
// configuration that a kernel passes over is refused.
func TestTapSetup(t *testing.T) {
	r := ccid.New(ccid.Options{AnyCard: true, Open: func(context.Context, string) (ccid.Device, usbfs.Info, error) {
		return nil, usbfs.Info{}, hal.ErrNotFound
	}})
	defer r.Close()
	out, err := runTap(t, &runOptions{ccid: true, amount: 1250}, &tapSource{field: &slot{reader: r}, hold: atOnce, close: func() {}})
	if !errors.Is(err, errSetup) || !strings.Contains(out, "\n    error\n") {
		t.Errorf("%v\n%s", err, out)
	}
	text, yes, limit := hexText("0000000000"), true, int64(1)
	for name, f := range map[string]contactlessFile{
		"version": {Kernel: kernelC3, Version: &text}, "tacDenial": {Kernel: kernelC3, TACDenial: &text}, "tacOnline": {Kernel: kernelInsert, TACOnline: &text},
		"tacDefault": {Kernel: kernelC3, TACDefault: &text}, "magneticStripe": {Kernel: kernelC3, MagneticStripe: yes}, "ttq": {Kernel: kernelInsert, TTQ: &text},
		"kernelId": {Kernel: kernelC2, KernelID: 2}, "onDevice": {Kernel: kernelC3, Limits: []limitsFile{{}, {OnDevice: &limit}}},
	} {
		if err := f.misplaced(); err == nil || !strings.Contains(err.Error(), name+" is for kernel") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// JSON has everything the trace has: the exchanges by taps, what was shown, all parameters, and no card data.
func TestTapJSON(t *testing.T) {
	card := tapOf(t, "tap-mastercard-phone-locked")
	p, err := emvtest.Load("tap-mastercard-phone-locked")
	if err != nil {
		t.Fatal(err)
	}
	text, err := runTap(t, &runOptions{json: true, amount: 9000}, &tapSource{field: &hand{card: card, second: true}, hold: atOnce, close: func() {}, soft: p})
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Result  string
		Outcome struct{ Kind, CVM, Start, AlternateInterface string }
		Card    struct {
			Authenticated bool
			Device        string
			TVR           struct{ Value string }
		}
		Taps []struct {
			Failed string
			Events []struct{ Name, Command, Response, UI, UnpredictableNumber string }
			traffic
		}
		Traffic  traffic
		Tags     []decode.Item
		Stored   []decode.Item
		Redacted bool
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if r.Result != "approved" || r.Outcome.Kind != "online request" || r.Outcome.CVM != "on_device" || r.Outcome.Start != "n/a" || !r.Card.Authenticated ||
		r.Card.Device != "phone" || len(r.Taps) != 3 || r.Taps[0].Failed != "collision" || len(r.Tags) < 20 || len(r.Stored) < 20 || !r.Redacted {
		t.Errorf("%s", text)
	}
	names, numbers, commands := "", "", 0
	for _, tap := range r.Taps {
		for _, e := range tap.Events {
			names, numbers = names+e.Name+"\n"+e.UI+"\n", numbers+e.UnpredictableNumber+" "
			if e.Command != "" {
				commands++
			}
		}
	}
	for _, want := range []string{"SELECT PPSE\n", "see phone for instructions (20)", "please present one card only (19)", "GENERATE AC, asks for an ARQC (online) with a CDA signature\n"} {
		if !strings.Contains(names, want) {
			t.Errorf("no %q in\n%s", want, names)
		}
	}
	if !strings.Contains(numbers, "01020304") || !strings.Contains(numbers, "01020305") || commands != r.Traffic.Commands || r.Traffic.Sent == 0 || r.Traffic.Received == 0 {
		t.Errorf("numbers %s, %d commands, %+v", numbers, commands, r.Traffic)
	}
	if strings.Contains(text, "54133300") || !strings.Contains(text, `"masked": true`) {
		t.Error("card data")
	}
}

// Neither trace nor JSON nor recording has the cardholder: what the same tap shows with -clear is not in them. Cards
// that answer what nobody expects are among these.
func TestTapShowsNobody(t *testing.T) {
	for _, name := range []string{
		"tap-visa-online", "tap-visa-format-95", "tap-visa-track2-of-another", "tap-visa-of-another-brand", "tap-visa-malformed-gpo", "tap-visa-extra-bytes",
		"tap-visa-torn-read-record", "tap-mastercard-online", "tap-mastercard-phone-locked", "tap-mastercard-magstripe", "tap-mastercard-torn-recovered",
		"tap-mastercard-malformed-record", "tap-mastercard-short-response", "tap-mastercard-static-data-changed",
	} {
		p, err := emvtest.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		run := func(o *runOptions) string {
			o.amount, o.stripe, o.record = 6000, true, filepath.Join(t.TempDir(), "t.transcript")
			out, _ := runTap(t, o, &tapSource{field: &hand{card: emvtest.NewCard(p, nil).Contactless()}, hold: atOnce, close: func() {}, soft: p})
			recorded, err := os.ReadFile(o.record)
			if err != nil {
				t.Fatal(err)
			}
			return out + string(recorded)
		}
		shown := run(&runOptions{}) + run(&runOptions{json: true})
		secrets := secretsOf(p.Text() + run(&runOptions{clear: true}))
		if len(secrets) < 2 {
			t.Errorf("%s: %d secrets", name, len(secrets))
		}
		for _, s := range secrets {
			if strings.Contains(shown, s) {
				t.Errorf("%s: %q is shown", name, s)
			}
		}
	}
}

// secretsOf finds the number and the name of a card in its profile and a trace in clear, as text and as hexadecimal,
// and certificates and signatures.
func secretsOf(trace string) (secrets []string) {
	add := func(text string) { secrets = append(secrets, text, fmt.Sprintf("%X", text)) }
	for _, m := range regexp.MustCompile(`(?:card number:|pan) (\d{12,19})|Cardholder Name: [0-9A-F]+: "([^"]+)"|PAN\): (\d{12,19})`).FindAllStringSubmatch(trace, -1) {
		for _, number := range []string{m[1], m[3]} {
			for i := 0; i+9 <= len(number)-4; i++ { // the last four digits may be shown
				add(number[i : i+9])
			}
		}
		if m[2] != "" {
			add(m[2])
		}
	}
	for _, m := range regexp.MustCompile(`\b(?:9F4B|9F46|90) [^:\n]*: (?:\d+ bytes.*\n\s+)?([0-9A-F]{64,})`).FindAllStringSubmatch(trace, -1) {
		secrets = append(secrets, m[1][:32], m[1][32:64])
	}
	return secrets
}

// What is said of a request is what its bytes say, for every message and status there is.
func TestUILine(t *testing.T) {
	for m := range 256 {
		r := tap.UIRequest{Message: tap.Message(m), Status: tap.Status(m % 9), Languages: "deen", Qualifier: tap.Amount, Value: 1250, Currency: 978}
		line := uiLine(r)
		if !strings.Contains(line, "amount 1250; currency EUR, 2 decimals") || !strings.Contains(line, `languages "deen"`) {
			t.Fatal(line)
		}
	}
	for m, want := range map[tap.Message]string{
		tap.SeePhone: "see phone for instructions", tap.InsertCard: "please insert card", tap.PresentOneCard: "please present one card only", tap.Authorising: "authorising, please wait",
		tap.ApprovedMessage: "approved", tap.NotAuthorised: "not authorised", tap.ClearDisplay: "clear the display", tap.PresentCardAgain: "present card again",
		tap.CardReadOK: "card read OK", tap.ApprovedSign: "please sign", tap.InsertOrSwipe: "insert or swipe", tap.InsertSwipeOrTryAnother: "try another card", tap.NoMessage: "not applicable",
	} {
		if line := uiLine(tap.UIRequest{Message: m, Status: tap.CardReadSuccessfully}); !strings.Contains(line, want) || !strings.Contains(line, "card read successfully (04)") {
			t.Errorf("%02X: %s", byte(m), line)
		}
	}
}

// What a reader recorded is played with the reader's configuration: a brand without a kernel whose number it does not
// know. Who has answered is told where nobody has.
func TestReplayOfReaderTap(t *testing.T) {
	cfg := emvtest.Contactless()
	for i := range cfg.Combinations {
		if c := &cfg.Combinations[i]; c.Brand == "amex" {
			c.Kernel = tap.Elsewhere(0)
		}
	}
	if err := cfg.EMV.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	for profile, want := range map[string]struct {
		code int
		text []string
	}{
		"amex": {exitDeclined, []string{"no kernel 0 for amex", "\n    insert\n", "transcript: as recorded\n"}},
		"visa": {exitDone, []string{"\nissuer: no answer in the transcript: ", "\n    asks\n", "transcript: as recorded\n"}},
	} {
		r := transcript.NewTapRecorder()
		env := r.Environment(entry.Environment{Field: &hand{card: tapOf(t, profile)}, Hold: atOnce})
		payment, err := entry.New(cfg, r.Params(emvkernel.Params{Amount: 1250, Currency: 840, Exponent: 2, Time: time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)}), env)
		if err != nil {
			t.Fatal(err)
		}
		out, err := payment.Run(t.Context())
		recorded := r.Transcript()
		recorded.ConfiguredTap(cfg)
		recorded.EndTap(out, err)
		out.Reading.Wipe()
		var written, said, errs bytes.Buffer
		if err := transcript.Save(&written, recorded, true); err != nil {
			t.Fatal(err)
		}
		code := (&app{stdin: &written, stdout: &said, stderr: &errs}).main(t.Context(), []string{"run", "-transcript", "-"})
		for _, text := range want.text {
			if !strings.Contains(said.String(), text) {
				t.Errorf("%s: no %q in %s", profile, text, said.String())
			}
		}
		if code != want.code {
			t.Errorf("%s: exit code %d, want %d: %s", profile, code, want.code, errs.String())
		}
	}
}

func TestResult(t *testing.T) {
	issuer := func(arc string) *emvkernel.Answer {
		return &emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: [2]byte([]byte(arc))}
	}
	for _, tt := range []struct {
		kind   tap.OutcomeKind
		answer *emvkernel.Answer
		err    error
		want   string
	}{
		{tap.Approved, nil, nil, "approved"}, {tap.Declined, nil, nil, "declined"}, {tap.TryAnotherInterface, nil, nil, "insert"}, {tap.EndApplication, nil, nil, "ended"},
		{tap.OnlineRequest, nil, nil, "asks"}, {tap.OnlineRequest, issuer("00"), nil, "approved"}, {tap.OnlineRequest, issuer("05"), nil, "declined"},
		{tap.OnlineRequest, issuer("10"), nil, "declined"}, {tap.OnlineRequest, &emvkernel.Answer{}, nil, "stored"},
		{tap.OnlineRequest, &emvkernel.Answer{Kind: emvkernel.UnableToGoOnline}, nil, "declined"}, {tap.OnlineRequest, &emvkernel.Answer{Kind: emvkernel.Cancel}, nil, "declined"},
		{tap.Approved, nil, errTaps, "again"}, {tap.Approved, nil, errNotApproved, "error"}, {tap.NoOutcome, nil, nil, "declined"},
	} {
		if got := result(&tapOutcome{Kind: tt.kind.String()}, tt.answer, tt.err); got != tt.want {
			t.Errorf("%v %+v: %s, want %s", tt.kind, tt.answer, got, tt.want)
		}
	}
	if result(nil, nil, nil) != "error" {
		t.Error("no outcome is a result")
	}
}
