package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/decode"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/transcript"
)

const runHelp = `
The card is one of

  -card NAME         a software card: a name of "emv cards", or a .card file
  -tcp HOST:PORT     a card server, see "emv help serve"
  -ccid              a card in a USB chip card reader (Linux); -reader chooses one of several
  -transcript FILE   a recorded transaction, "-" is standard input; payment, PIN and issuer's answer are the
                     recorded ones, and so is the terminal where the transcript says "config test"

The terminal is the test terminal, which knows the test keys only; -config FILE changes it: JSON with
"terminal", "applications", "caKeys", "revoked", "test" and "payment" ("emv config" prints the test terminal's
terminal and applications as such a file), as in

  {"terminal": {"type": "22", "capabilities": "20B8C8", "country": 276},
   "applications": [{"aid": "A0000000031010", "partialMatch": true, "version": "0096", "tacOnline": "DC4004F800"}],
   "caKeys": [{"rid": "A000000003", "index": "92", "modulus": "996A...", "exponent": "03", "expiry": "2031-12"}],
   "test": false,
   "payment": {"amount": 1300, "currency": "EUR", "date": "2026-11-21", "un": "01020304"}}

What a file leaves out stays; lists replace. Live keys and "test": true exclude each other. "payment" has the
flags of a payment by their names; a flag that is given counts more.

With -contactless the card is tapped: Entry Point selects application and kernel, and the card is presented again
as often as the outcome asks for it (-taps). The software card, the server of "emv serve -contactless", a transcript
of a tap, and a USB reader of the smart card class with an antenna can be tapped. The applications are those of the
file's "contactless", as in a reader's configuration:

  {"contactless": [
    {"aid": "A0000000031010", "brand": "visa", "kernel": "c3", "ttq": "37004000",
     "limits": [{"currency": "USD", "transaction": 50000, "floor": 0, "cvmRequired": 5000}]},
    {"aid": "A0000000041010", "brand": "mastercard", "kernel": "c2", "tacOnline": "F45084800C",
     "limits": [{"currency": "USD", "onDevice": 100000, "transaction": 5000}]},
    {"aid": "A00000002501", "brand": "amex", "kernel": "insert", "kernelId": 4}]}

-pin 9999 enters these digits until the card takes no more; -pin 9999,1234 enters one after the other, and the
last until then.

When the card asks for its issuer, the issuer's answer is one of -issuer test (what the test cards' issuer
says; the default with -card), -arc (with -91 and -scripts), -unable (no answer, card and terminal decide),
-deferred (the payment is stored, the card gets an AAC; the default otherwise) or -cancel.

The result of a tap is one word: approved, stored, declined, insert (the card is to be inserted), ended (nothing can
be done with it), again (it is asked for once more than -taps allows), error, or asks: the issuer is asked, and no
answer is there. So ends the recording of a reader, which has the card and not its issuer, and a magnetic stripe,
which the test cards' issuer cannot check; -arc gives the latter an answer. The exit code is 0 for approved, stored
and asks.

The "expect" lines of a .card file are about the payment its "payment" line describes. They are shown beside the
result, not compared with it.

Card data is masked in everything that is printed or recorded, and marked so, unless -clear is given.

Examples:

  emv run -card visa
  emv run -card offline-pin-cvm -pin 1234
  emv run -card visa -amount 1300 -currency EUR -arc 05 -json
  emv run -ccid -config terminal.json -record payment.transcript
  emv run -contactless -card tap-mastercard-phone-locked -cvm-limit 1000
  emv run -contactless -ccid -reader 072f:2200 -record tap.transcript
  emv run -transcript payment.transcript
`

type runOptions struct {
	card, tcp, transcript, reader string
	ccid                          bool
	slot                          uint
	config                        string
	amount, cashback              int64
	currency, kind, date          string
	exponent                      int
	un                            string
	random, counter               uint
	pin                           string
	onlinePIN, forceOnline        bool
	issuer, arc, data, scripts    string
	deferred, unable, cancel      bool
	record                        string
	clear, json                   bool
	timeout                       time.Duration
	tapOptions
}

func (o *runOptions) flags(set *flag.FlagSet) {
	set.StringVar(&o.card, "card", "", "software card: a name of \"emv cards\", or a .card file")
	set.StringVar(&o.tcp, "tcp", "", "card server, as 127.0.0.1:9000")
	set.StringVar(&o.transcript, "transcript", "", "recorded transaction")
	set.BoolVar(&o.ccid, "ccid", false, "card in a USB chip card reader")
	set.StringVar(&o.reader, "reader", "", "with -ccid: vendor and product as 08e6:3437, or the serial number")
	set.UintVar(&o.slot, "slot", 0, "with -ccid: which slot of a reader that has several, as one with an antenna may")
	set.StringVar(&o.config, "config", "", "terminal configuration, a JSON file")
	set.Int64Var(&o.amount, "amount", 1250, "amount in minor units, cashback included")
	set.Int64Var(&o.cashback, "cashback", 0, "cashback in minor units")
	set.StringVar(&o.currency, "currency", "USD", "currency, as EUR or 978")
	set.IntVar(&o.exponent, "exponent", -1, "digits after the point; -1: the currency's")
	set.StringVar(&o.kind, "type", "00", "transaction type '9C': 00 goods, 01 cash, 09 with cashback, 20 refund")
	set.StringVar(&o.date, "date", "", "date and time, as 2026-11-21 or 2026-11-21T12:34:56 (default: now)")
	set.StringVar(&o.un, "un", "", "unpredictable number, 8 hexadecimal digits (default: random)")
	set.UintVar(&o.random, "random", 50, "number drawn for random selection, 1 to 99")
	set.UintVar(&o.counter, "counter", 1, "transaction sequence counter")
	set.StringVar(&o.pin, "pin", "", "PIN of a test card, or one for each try as 9999,1234, or \"prompt\"; without it there is no PIN pad")
	set.BoolVar(&o.onlinePIN, "online-pin", false, "the PIN pad takes PINs for the issuer too; no block is made")
	set.BoolVar(&o.forceOnline, "force-online", false, "the merchant wants the issuer asked")
	set.StringVar(&o.issuer, "issuer", "", "\"test\": the issuer of the test cards answers")
	set.StringVar(&o.arc, "arc", "", "the issuer's authorisation response code, as 00 or 05")
	set.StringVar(&o.data, "91", "", "with -arc: issuer authentication data, hexadecimal")
	set.StringVar(&o.scripts, "scripts", "", "with -arc: issuer script templates 71 and 72, hexadecimal")
	set.BoolVar(&o.deferred, "deferred", false, "the issuer is not asked, the payment is stored")
	set.BoolVar(&o.unable, "unable", false, "the issuer cannot be reached, card and terminal decide")
	set.BoolVar(&o.cancel, "cancel", false, "the payment is called off")
	set.StringVar(&o.record, "record", "", "write a transcript to this new file, redacted unless -clear")
	set.BoolVar(&o.clear, "clear", false, "show and record card data")
	set.BoolVar(&o.json, "json", false, "print JSON instead of a trace")
	set.DurationVar(&o.timeout, "timeout", time.Minute, "how long the transaction may take, waiting for the card included")
	o.tapOptions.flags(set)
}

// ofPayment are flags a transcript answers itself.
var ofPayment = []string{"amount", "cashback", "currency", "exponent", "type", "date", "un", "random", "counter", "pin", "online-pin",
	"force-online", "issuer", "arc", "91", "scripts", "deferred", "unable", "cancel", "record"}

func (a *app) run(ctx context.Context, c *command, args []string) error {
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	o := &runOptions{}
	o.flags(set)
	if err := a.parse(c, set, args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return usage("%q is too much; settings are flags", set.Arg(0))
	}
	if o.transcript != "" {
		var both []string
		set.Visit(func(f *flag.Flag) {
			for _, name := range append(ofTapConfig, ofPayment...) {
				if f.Name == name {
					both = append(both, "-"+name)
				}
			}
		})
		if len(both) > 0 {
			return usage("a transcript has its own payment; leave out %s", strings.Join(both, ", "))
		}
	}
	cfg, f, err := readConfig(o.config)
	if err != nil {
		return err
	}
	var played *transcript.Transcript
	if o.transcript != "" {
		if played, err = readTranscript(o.transcript, a.stdin); err != nil {
			return err
		}
		defer played.Wipe()
		if o.contactless && !played.Contactless {
			return usage("-contactless: the transcript is of a card that was inserted; leave it out")
		}
		o.contactless = played.Contactless
	}
	if played != nil && o.config == "" {
		if played.Config == transcript.TestConfig {
			*cfg = emvtest.TerminalConfig()
		}
		played.Configure(cfg)
	}
	if o.transcript == "" {
		if err := f.Payment.apply(set); err != nil {
			return setup(fmt.Errorf("%s: %w", o.config, err))
		}
	}
	switch {
	case o.reader != "" && !o.ccid:
		return usage("-reader chooses among USB readers; it belongs to -ccid")
	case o.slot > 0 && !o.ccid || o.slot > 255:
		return usage("-slot is a slot of a USB reader, from 0; it belongs to -ccid")
	case o.onlinePIN && o.pin == "" && !o.contactless:
		return usage("-online-pin needs digits; give -pin too")
	case o.record != "" && exists(o.record):
		return usage("-record: %s exists and is not overwritten; choose another name", o.record)
	case o.record != "" && !exists(filepath.Dir(o.record)):
		return usage("-record: there is no folder %s; make it first", filepath.Dir(o.record))
	case o.timeout <= 0:
		return usage("-timeout is how long the transaction may take, as 30s")
	}
	if err := o.checkTap(set); err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return setup(err)
	}
	params, err := o.params()
	if err != nil {
		return err
	}
	if _, err := o.answer(false, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if o.contactless {
		return a.tap(ctx, o, cfg, f.Contactless, played, params)
	}
	src, err := o.open(ctx, played)
	if err != nil {
		return err
	}
	defer src.close()
	s := &session{tracer: tracer{app: a, options: o, redactor: transcript.NewRedactor()}, cfg: cfg, source: src}
	return s.run(ctx, params)
}

// params makes the payment of the flags.
func (o *runOptions) params() (p emvkernel.Params, err error) {
	code, decimals, ok := decode.CurrencyCode(o.currency)
	if !ok {
		return p, usage("-currency %q is no currency; write it like EUR or 978", o.currency)
	}
	if o.exponent < 0 {
		o.exponent = decimals
	}
	if o.exponent < 0 || o.exponent > 9 {
		return p, usage("-exponent: how many digits has the currency after the point?")
	}
	kind, ok := unhex(o.kind)
	if !ok || len(kind) != 1 {
		return p, usage("-type %q is not two hexadecimal digits", o.kind)
	}
	p = emvkernel.Params{
		Amount: o.amount, Cashback: o.cashback, Currency: code, Exponent: byte(o.exponent), Type: kind[0], Time: time.Now(),
		ForceOnline: o.forceOnline, NoOnlinePIN: !o.onlinePIN,
	}
	if o.date != "" {
		p.Time, err = time.ParseInLocation("2006-01-02T15:04:05", o.date, time.Local)
		if err != nil {
			p.Time, err = time.ParseInLocation(time.DateOnly, o.date, time.Local)
		}
		if err != nil {
			return p, usage("-date %q is no date; write it like 2026-11-21 or 2026-11-21T12:34:56", o.date)
		}
	}
	if o.un == "" {
		if _, err := rand.Read(p.UnpredictableNumber[:]); err != nil {
			return p, err
		}
	} else if un, ok := unhex(o.un); !ok || len(un) != 4 {
		return p, usage("-un %q is not 8 hexadecimal digits", o.un)
	} else {
		p.UnpredictableNumber = [4]byte(un)
	}
	if o.random < 1 || o.random > 99 {
		return p, usage("-random is 1 to 99")
	}
	if o.counter > 99_999_999 {
		return p, usage("-counter has at most 8 digits")
	}
	p.RandomSelection, p.Counter = byte(o.random), uint32(o.counter)
	if o.pin != "" && o.pin != "prompt" && !validPINs(o.pin) {
		return p, usage("-pin has 4 to 12 digits, or is \"prompt\"; several have commas between them, as 9999,1234")
	}
	return p, nil
}

// answer is what the issuer says; test asks that of the test cards, soft says that the card is one of them. With a
// nil test it only says whether the flags fit together.
func (o *runOptions) answer(soft bool, test func() (emvkernel.Answer, error)) (answer emvkernel.Answer, err error) {
	given := 0
	for _, b := range []bool{o.issuer != "", o.arc != "", o.deferred, o.unable, o.cancel} {
		if b {
			given++
		}
	}
	switch {
	case given > 1:
		return answer, usage("the issuer has one answer: -issuer, -arc, -deferred, -unable or -cancel")
	case o.issuer != "" && o.issuer != "test":
		return answer, usage("-issuer %q: there is \"test\"", o.issuer)
	case o.arc == "" && (o.data != "" || o.scripts != ""):
		return answer, usage("-91 and -scripts belong to an -arc")
	case o.cancel:
		return emvkernel.Answer{Kind: emvkernel.Cancel}, nil
	case o.unable:
		return emvkernel.Answer{Kind: emvkernel.UnableToGoOnline}, nil
	case o.arc != "":
		answer.Kind = emvkernel.IssuerAnswered
		if len(o.arc) != 2 {
			return answer, usage("-arc has two characters, as 00 or 05")
		}
		answer.ARC = [2]byte([]byte(o.arc))
		var ok bool
		if answer.IssuerAuthenticationData, ok = unhex(o.data); !ok && o.data != "" {
			return answer, usage("-91 is not hexadecimal")
		}
		if answer.Scripts, ok = unhex(o.scripts); !ok && o.scripts != "" {
			return answer, usage("-scripts is not hexadecimal")
		}
		return answer, nil
	}
	if test == nil || o.deferred || o.issuer == "" && !soft {
		return emvkernel.Answer{}, nil
	}
	return test()
}

// askTestIssuer lets the issuer of the test cards answer.
func (s *session) askTestIssuer() (a emvkernel.Answer, err error) {
	a, s.issuer, err = testIssuer(s.source.soft, s.tx.ACData())
	return a, err
}

// testIssuer lets the issuer of the test cards, and of one more that may be nil, look at the data of an authorization,
// which it wipes. The verdict is for people.
func testIssuer(soft *emvtest.Profile, data emvkernel.Secret) (answer emvkernel.Answer, verdict string, err error) {
	defer data.Wipe()
	var others []*emvtest.Profile
	if soft != nil {
		others = append(others, soft)
	}
	issuer := emvtest.NewIssuer(others...)
	check, err := issuer.Check(data)
	if err != nil {
		return answer, "", fmt.Errorf("the test issuer: %w", err)
	}
	verdict = check.Verdict.String()
	if check.Reason != "" {
		verdict += ": " + check.Reason
	}
	answer = emvkernel.Answer{Kind: emvkernel.IssuerAnswered, ARC: check.Decision.ARC}
	if check.Verdict == emvtest.UnknownCard {
		return answer, verdict, nil
	}
	answer.IssuerAuthenticationData, err = issuer.Respond(data, check.Decision.ARC)
	if err != nil {
		return emvkernel.Answer{}, verdict, fmt.Errorf("the test issuer: %w", err)
	}
	return answer, verdict, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// save writes the transcript to the -record file, readable by its owner only.
func (o *runOptions) save(t *transcript.Transcript) error {
	f, err := os.OpenFile(o.record, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return setup(err)
	}
	if err := transcript.Save(f, t, o.clear); err != nil {
		f.Close()
		return setup(err)
	}
	return f.Close()
}

// person asks at the terminal the program runs in.
type person struct {
	app   *app
	lines *bufio.Reader
}

func (p *person) ChooseApplication(_ context.Context, labels []string) (int, error) {
	for i, l := range labels {
		fmt.Fprintf(p.app.stderr, "%d  %s\n", i+1, l)
	}
	fmt.Fprint(p.app.stderr, "Which application (empty: the first)? ")
	line, _ := p.lines.ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(line)
	if err != nil || n < 1 || n > len(labels) {
		return 0, fmt.Errorf("there is no application %.20q", line)
	}
	return n - 1, nil
}

func (p *person) ConfirmApplication(_ context.Context, label string) (bool, error) {
	fmt.Fprintf(p.app.stderr, "Pay with %s (yes or no, empty: yes)? ", label)
	line, _ := p.lines.ReadString('\n')
	line = strings.ToLower(strings.TrimSpace(line))
	return line == "" || strings.HasPrefix(line, "y"), nil
}
