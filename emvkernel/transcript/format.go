package transcript

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
)

// ErrFormat is returned for text that is no transcript. It names the line, never its content.
var ErrFormat = errors.New("transcript: bad format")

// Limits of what Parse takes.
const (
	maxFile   = 4 << 20
	maxEvents = 10_000
	maxBytes  = 65_538 // of a command or answer: the longest of ISO/IEC 7816-4
)

// setting is one line of the header.
type setting struct {
	word, help string
	get        func(*Transcript) string // empty: leave the line out
	set        func(*Transcript, string) error
}

var settings = slices.Concat(terminalSettings, tapSettings, paymentSettings)

var terminalSettings = []setting{
	{"redacted", "yes: card data was taken out, see Redact", func(t *Transcript) string { return yes(t.Redacted) },
		flag(func(t *Transcript) *bool { return &t.Redacted })},
	{"config", "what the terminal was configured with", func(t *Transcript) string { return oneLine(t.Config) },
		func(t *Transcript, s string) error { t.Config = s; return nil }},
	{"serial-number", "the terminal's, '9F1E'", func(t *Transcript) string { return oneLine(t.Terminal.SerialNumber) },
		func(t *Transcript, s string) error { t.Terminal.SerialNumber = s; return nil }},
	amount("floor-limit", "minor units", func(t *Transcript) *int64 { return &t.Terminal.FloorLimit }, false),
	{"floor-currency", "ISO 4217 numeric", func(t *Transcript) string { return unlessZero(int64(t.Terminal.FloorCurrency)) },
		func(t *Transcript, s string) error {
			n, err := strconv.ParseUint(s, 10, 16)
			t.Terminal.FloorCurrency = uint16(n)
			return err
		}},
	option("offline-approval", func(t *Transcript) *bool { return &t.Terminal.OfflineApproval }),
	option("pin-bypass", func(t *Transcript) *bool { return &t.Terminal.PINBypass }),
}

var paymentSettings = []setting{
	amount("amount", "minor units, cashback included", func(t *Transcript) *int64 { return &t.Payment.Amount }, true),
	amount("cashback", "minor units", func(t *Transcript) *int64 { return &t.Payment.Cashback }, false),
	{"currency", "ISO 4217 numeric", func(t *Transcript) string { return fmt.Sprintf("%03d", t.Payment.Currency) },
		func(t *Transcript, s string) error {
			n, err := strconv.ParseUint(s, 10, 16)
			t.Payment.Currency = uint16(n)
			return err
		}},
	{"exponent", "digits after the point", func(t *Transcript) string { return strconv.Itoa(int(t.Payment.Exponent)) },
		func(t *Transcript, s string) (err error) { t.Payment.Exponent, err = small(s, 10, 9); return err }},
	{"type", "transaction type '9C', two hexadecimal digits", func(t *Transcript) string { return fmt.Sprintf("%02X", t.Payment.Type) },
		func(t *Transcript, s string) (err error) { t.Payment.Type, err = small(s, 16, 255); return err }},
	{"time", "local date and time of the payment, RFC 3339", func(t *Transcript) string {
		if t.Payment.Time.IsZero() {
			return ""
		}
		return t.Payment.Time.Format(time.RFC3339)
	}, func(t *Transcript, s string) (err error) {
		t.Payment.Time, err = time.Parse(time.RFC3339, s)
		return err
	}},
	{"unpredictable-number", "'9F37', eight hexadecimal digits", func(t *Transcript) string { return fmt.Sprintf("%X", t.Payment.UnpredictableNumber) },
		func(t *Transcript, s string) error {
			b, err := unhex(s)
			if err == nil && len(b) != 4 {
				err = errors.New("four bytes are wanted")
			}
			copy(t.Payment.UnpredictableNumber[:], b)
			return err
		}},
	{"random-selection", "the number that was drawn, 1 to 99", func(t *Transcript) string { return unlessZero(int64(t.Payment.RandomSelection)) },
		func(t *Transcript, s string) (err error) {
			t.Payment.RandomSelection, err = small(s, 10, 99)
			return err
		}},
	{"counter", "transaction sequence counter '9F41'", func(t *Transcript) string { return strconv.FormatUint(uint64(t.Payment.Counter), 10) },
		func(t *Transcript, s string) error {
			n, err := strconv.ParseUint(s, 10, 32)
			t.Payment.Counter = uint32(n)
			return err
		}},
	option("no-online-pin", func(t *Transcript) *bool { return &t.Payment.NoOnlinePIN }),
	option("no-offline-approval", func(t *Transcript) *bool { return &t.Payment.NoOfflineApproval }),
	option("force-online", func(t *Transcript) *bool { return &t.Payment.ForceOnline }),
	option("pin-pad", func(t *Transcript) *bool { return &t.Payment.PINPad }),
	option("cardholder", func(t *Transcript) *bool { return &t.Payment.Cardholder }),
	amount("earlier-sale", "minor units, what the log of sales answered", func(t *Transcript) *int64 { return &t.Payment.EarlierSale }, false),
	option("exception-file", func(t *Transcript) *bool { return &t.Payment.InExceptionFile }),
	{"answer", "what Complete was given: deferred, cancel, issuer or unable", func(t *Transcript) string {
		if t.Answer == nil || int(t.Answer.Kind) >= len(answerKinds) {
			return ""
		}
		return answerKinds[t.Answer.Kind]
	}, func(t *Transcript, s string) error {
		kind := slices.Index(answerKinds, s)
		if kind < 0 {
			return fmt.Errorf("there are %s", strings.Join(answerKinds, ", "))
		}
		t.answer().Kind = emvkernel.AnswerKind(kind)
		return nil
	}},
	ofAnswer("arc", "'8A', four hexadecimal digits", func(a *emvkernel.Answer) []byte {
		if a.ARC == ([2]byte{}) {
			return nil
		}
		return a.ARC[:]
	}, func(a *emvkernel.Answer, b []byte) error {
		if len(b) != 2 {
			return errors.New("two bytes are wanted")
		}
		a.ARC = [2]byte(b)
		return nil
	}),
	ofAnswer("issuer-data", "the value of '91'", func(a *emvkernel.Answer) []byte { return a.IssuerAuthenticationData },
		func(a *emvkernel.Answer, b []byte) error { a.IssuerAuthenticationData = b; return nil }),
	ofAnswer("scripts", "templates '71' and '72'", func(a *emvkernel.Answer) []byte { return a.Scripts },
		func(a *emvkernel.Answer, b []byte) error { a.Scripts = b; return nil }),
	option("issuer-approved", func(t *Transcript) *bool { return &t.IssuerApproved }),
	{"cvm", "of a tap's outcome", func(t *Transcript) string { return oneLine(t.CVM) },
		func(t *Transcript, s string) error { t.CVM = s; return nil }},
	{"outcome", "what it came to", func(t *Transcript) string { return oneLine(t.Outcome) },
		func(t *Transcript, s string) error { t.Outcome = s; return nil }},
	digits("tvr", "'95' at the end", 10, func(t *Transcript) *string { return &t.TVR }),
	digits("tsi", "'9B' at the end", 4, func(t *Transcript) *string { return &t.TSI }),
}

// answerKinds in the order of emvkernel.AnswerKind.
var answerKinds = []string{"deferred", "cancel", "issuer", "unable"}

func (t *Transcript) answer() *emvkernel.Answer {
	if t.Answer == nil {
		t.Answer = &emvkernel.Answer{}
	}
	return t.Answer
}

func amount(word, help string, field func(*Transcript) *int64, always bool) setting {
	return setting{word, help, func(t *Transcript) string {
		if always {
			return strconv.FormatInt(*field(t), 10)
		}
		return unlessZero(*field(t))
	}, func(t *Transcript, s string) (err error) {
		n, err := strconv.ParseUint(s, 10, 63)
		*field(t) = int64(n)
		return err
	}}
}

func option(word string, field func(*Transcript) *bool) setting {
	return setting{word, "yes or no", func(t *Transcript) string {
		if !*field(t) {
			return ""
		}
		return "yes"
	}, flag(field)}
}

func ofAnswer(word, help string, get func(*emvkernel.Answer) []byte, set func(*emvkernel.Answer, []byte) error) setting {
	return setting{word, help, func(t *Transcript) string {
		if t.Answer == nil {
			return ""
		}
		return fmt.Sprintf("%X", get(t.Answer))
	}, func(t *Transcript, s string) error {
		b, err := unhex(s)
		if err != nil {
			return err
		}
		return set(t.answer(), b)
	}}
}

func digits(word, help string, n int, field func(*Transcript) *string) setting {
	return setting{word, help, func(t *Transcript) string { return *field(t) }, func(t *Transcript, s string) error {
		b, err := unhex(s)
		if err != nil || 2*len(b) != n {
			return fmt.Errorf("%d hexadecimal digits are wanted", n)
		}
		*field(t) = fmt.Sprintf("%X", b)
		return nil
	}}
}

func flag(field func(*Transcript) *bool) func(*Transcript, string) error {
	return func(t *Transcript, s string) error {
		if s != "yes" && s != "no" {
			return errors.New("yes or no is wanted")
		}
		*field(t) = s == "yes"
		return nil
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func unlessZero(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func small(s string, base int, most uint64) (byte, error) {
	n, err := strconv.ParseUint(s, base, 8)
	if err == nil && n > most {
		err = fmt.Errorf("at most %d", most)
	}
	return byte(n), err
}

func unhex(s string) ([]byte, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		return nil, errors.New("pairs of hexadecimal digits are wanted")
	}
	return b, nil
}

// eventWords begin the lines of what happened.
var eventWords = map[Kind]string{
	Reset: "RESET", ATR: "ATR", Command: ">", Response: "<", Fault: "!", Choose: "CHOOSE", Confirm: "CONFIRM", PIN: "PIN",
	Tap: "TAP", Field: "FIELD", Number: "UN", UI: "UI", Took: "TOOK",
}

// Write writes the transcript, each command with its name above it. What is in it, is written: Redact it
// first unless the card is a test card.
func Write(w io.Writer, t *Transcript) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, "# EMV transcript")
	for _, s := range settings {
		if value := s.get(t); value != "" {
			fmt.Fprintf(out, "%s %s\n", s.word, value)
		}
	}
	for _, e := range t.Events {
		switch e.Kind {
		case Reset:
			fmt.Fprintf(out, "\nRESET\n")
		case Command:
			fmt.Fprintf(out, "\n# %s\n> %X\n", apdu.Name(e.Bytes), e.Bytes)
		case Tap:
			fmt.Fprintf(out, "\n%s\n", strings.TrimSpace(eventWords[e.Kind]+" "+oneLine(e.Text)))
		case ATR, Response, Number, UI:
			fmt.Fprintf(out, "%s %X\n", eventWords[e.Kind], e.Bytes)
		default:
			fmt.Fprintf(out, "%s %s\n", eventWords[e.Kind], oneLine(e.Text))
		}
	}
	return out.Flush()
}

// Parse reads a transcript. Errors match ErrFormat and name the line and what is wanted.
func Parse(r io.Reader) (*Transcript, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("transcript: %w", err)
	case len(text) > maxFile:
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrFormat, maxFile)
	case !utf8.Valid(text):
		return nil, fmt.Errorf("%w: not UTF-8 text", ErrFormat)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors write one
	t := &Transcript{}
	seen := map[string]bool{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		word, value := line, ""
		if i := strings.IndexAny(line, " \t"); i >= 0 {
			word, value = line[:i], oneLine(line[i:])
		}
		if err := t.line(word, value, seen); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrFormat, number, err)
		}
	}
	if len(t.Events) == 0 {
		return nil, fmt.Errorf("%w: nothing happens in it; a command is a line \"> 00A4...\"", ErrFormat)
	}
	return t, nil
}

func (t *Transcript) line(word, value string, seen map[string]bool) error {
	for _, s := range settings {
		if s.word != word {
			continue
		}
		switch {
		case seen[word]:
			return fmt.Errorf("%s stands twice", word)
		case len(t.Events) > 0:
			return fmt.Errorf("%s belongs above the first event", word)
		}
		seen[word] = true
		if err := s.set(t, value); err != nil {
			if n, ok := errors.AsType[*strconv.NumError](err); ok {
				err = n.Err
			}
			return fmt.Errorf("%s (%s): %w", word, s.help, err)
		}
		return nil
	}
	return t.event(word, value)
}

func (t *Transcript) event(word, value string) error {
	if len(t.Events) == maxEvents {
		return fmt.Errorf("more than %d events", maxEvents)
	}
	e := Event{}
	for kind, w := range eventWords {
		if w == word {
			e.Kind = kind
		}
	}
	switch e.Kind {
	case Reset:
		if value != "" {
			return errors.New("RESET stands alone")
		}
	case ATR, Command, Response, Number, UI:
		b, err := unhex(value)
		if err != nil {
			return err
		}
		e.Bytes = b
		switch {
		case e.Kind == Command && len(b) == 0:
			return errors.New("a command without bytes")
		case len(b) > maxBytes:
			return fmt.Errorf("more than %d bytes", maxBytes)
		case e.Kind == Number && len(b) != 4, e.Kind == UI && len(b) != 22:
			return fmt.Errorf("%s has %d bytes", word, map[Kind]int{Number: 4, UI: 22}[e.Kind])
		}
		if e.Kind == Response && !t.asked() {
			return errors.New("an answer without a command before it")
		}
	case Fault:
		if value == "" || !t.asked() && !t.Payment.PINPad {
			return errors.New("\"!\" says after a command, or a PIN pad's, why there is no answer")
		}
		e.Text = value
	case Took:
		if n := len(t.Events); n == 0 || t.Events[n-1].Kind != Response {
			return errors.New("TOOK stands after the answer it was measured of")
		}
		fallthrough
	case Choose, Confirm, PIN, Tap, Field:
		if !validText(e.Kind, value) {
			return fmt.Errorf("what %s says is not in the format", word)
		}
		e.Text = value
	default:
		return fmt.Errorf("a line begins with one of %s, or is an event: RESET, ATR, >, <, !, CHOOSE, CONFIRM, PIN, TAP, FIELD, UN, UI, TOOK", words())
	}
	t.Events = append(t.Events, e)
	return nil
}

// asked: a command waits for its answer.
func (t *Transcript) asked() bool {
	n := len(t.Events)
	return n > 0 && t.Events[n-1].Kind == Command
}

func validText(kind Kind, s string) bool {
	switch kind {
	case Choose:
		n, err := strconv.Atoi(s)
		return s == "error" || err == nil && n >= 0 && strconv.Itoa(n) == s
	case Confirm:
		return s == "yes" || s == "no" || s == "error"
	case Tap:
		return s == "" || s == timedWord
	case Field:
		return s == collisionWord || s == unreadableWord || len(s) > len(errorWord) && strings.HasPrefix(s, errorWord)
	case Took:
		d, err := time.ParseDuration(s)
		return err == nil && d >= 0 && d.String() == s
	}
	_, ok := parsePIN(s)
	return ok
}

func words() string {
	var out []string
	for _, s := range settings {
		out = append(out, s.word)
	}
	return strings.Join(out, ", ")
}
