package emvtest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tlv"
)

// Payment is the payment a profile's expectation is about, and what is special about its terminal. The
// zero value is none; a profile that says nothing means 12.50 US dollars at the terminal of
// TerminalConfig, without a PIN pad.
type Payment struct {
	Amount      int64 // minor units, cashback included
	Cashback    int64 // minor units
	Type        int64 // '9C' as coded
	Currency    int64 // ISO 4217 numeric
	Country     int64 // of the terminal, ISO 3166 numeric
	Floor       int64 // minor units; above 0 the card may approve offline below it
	PINPad      bool  // the terminal can ask for offline PINs
	OnlinePIN   bool  // ... and for online PINs
	Bypass      bool  // the cardholder goes on without a PIN, and may
	WrongPINs   int64 // how many wrong PINs the cardholder enters before the right one
	ForceOnline bool
	// Terminal is the terminal type, '9F35' as coded. One of a bank without an attendant (14 to 16) pays out
	// cash. An offline-only one (23, 26, ...) needs a Floor to approve anything.
	Terminal  int64
	Alphabets bool // the terminal shows all parts of ISO/IEC 8859, not only the first
	NoDialog  bool // nobody can be asked which application, or whether
	// ARC is what the issuer answers ('8A', two digits), 0 for what it decides by itself.
	ARC int64
	// NoIssuerData: the issuer answers without '91'.
	NoIssuerData bool
	// NoSDA, NoDDA, NoCDA: what the terminal cannot do.
	NoSDA, NoDDA, NoCDA bool
	// Denies: the terminal action code for denial has all bits set, so that whatever is wrong is declined.
	Denies bool

	// By tap: the limits of Entry Point, 0 for those of Contactless; the card is held to the reader together
	// with another one first; the reader's hardware measures times.
	TransactionLimit, CVMLimit int64
	Collision, Timed           bool
	Update                     bool // the terminal takes the issuer's answer to a Visa card
}

type paymentWord struct {
	word   string
	number func(*Payment) *int64
	flag   func(*Payment) *bool
}

// paymentWords is how profiles write it; a word either takes a number or stands alone.
var paymentWords = []paymentWord{
	{word: "amount", number: func(p *Payment) *int64 { return &p.Amount }},
	{word: "cashback", number: func(p *Payment) *int64 { return &p.Cashback }},
	{word: "type", number: func(p *Payment) *int64 { return &p.Type }},
	{word: "currency", number: func(p *Payment) *int64 { return &p.Currency }},
	{word: "country", number: func(p *Payment) *int64 { return &p.Country }},
	{word: "floor", number: func(p *Payment) *int64 { return &p.Floor }},
	{word: "pin-pad", flag: func(p *Payment) *bool { return &p.PINPad }},
	{word: "online-pin", flag: func(p *Payment) *bool { return &p.OnlinePIN }},
	{word: "bypass", flag: func(p *Payment) *bool { return &p.Bypass }},
	{word: "wrong-pins", number: func(p *Payment) *int64 { return &p.WrongPINs }},
	{word: "terminal", number: func(p *Payment) *int64 { return &p.Terminal }},
	{word: "alphabets", flag: func(p *Payment) *bool { return &p.Alphabets }},
	{word: "no-dialog", flag: func(p *Payment) *bool { return &p.NoDialog }},
	{word: "force-online", flag: func(p *Payment) *bool { return &p.ForceOnline }},
	{word: "arc", number: func(p *Payment) *int64 { return &p.ARC }},
	{word: "no-issuer-data", flag: func(p *Payment) *bool { return &p.NoIssuerData }},
	{word: "no-sda", flag: func(p *Payment) *bool { return &p.NoSDA }},
	{word: "no-dda", flag: func(p *Payment) *bool { return &p.NoDDA }},
	{word: "no-cda", flag: func(p *Payment) *bool { return &p.NoCDA }},
	{word: "denies", flag: func(p *Payment) *bool { return &p.Denies }},
	{word: "transaction-limit", number: func(p *Payment) *int64 { return &p.TransactionLimit }},
	{word: "cvm-limit", number: func(p *Payment) *int64 { return &p.CVMLimit }},
	{word: "collision", flag: func(p *Payment) *bool { return &p.Collision }},
	{word: "timed", flag: func(p *Payment) *bool { return &p.Timed }},
	{word: "update", flag: func(p *Payment) *bool { return &p.Update }},
}

// ordinaryPayment is what a profile changes with its payment line.
var ordinaryPayment = Payment{Amount: 1250, Currency: 840, Country: 840, Terminal: 22}

// paymentDay is when every expectation holds: cards of profiles are good for ever, but not all.
var paymentDay = time.Date(2026, time.March, 4, 12, 0, 0, 0, time.UTC)

var paymentSetting = cardSetting("payment", func(p *Profile) *Payment { return &p.payment }, codec[Payment]{
	want: "words such as: amount 1250 pin-pad; there are " + paymentWordList(),
	parse: func(s string) (Payment, bool) {
		p := ordinaryPayment
		fields := strings.Fields(s)
		for i := 0; i < len(fields); i++ {
			at := slices.IndexFunc(paymentWords, func(w paymentWord) bool { return w.word == fields[i] })
			switch {
			case at < 0:
				return p, false
			case paymentWords[at].flag != nil:
				*paymentWords[at].flag(&p) = true
				continue
			case i+1 == len(fields):
				return p, false
			}
			i++
			n, err := strconv.ParseUint(fields[i], 10, 31)
			if err != nil {
				return p, false
			}
			*paymentWords[at].number(&p) = int64(n)
		}
		return p, len(fields) > 0 && p.valid()
	},
	text: func(p Payment) string {
		var words []string
		ordinary := ordinaryPayment
		for _, w := range paymentWords {
			switch {
			case w.flag != nil && *w.flag(&p):
				words = append(words, w.word)
			case w.number != nil && *w.number(&p) != *w.number(&ordinary):
				words = append(words, w.word, strconv.FormatInt(*w.number(&p), 10))
			}
		}
		return strings.Join(words, " ")
	},
})

func (p Payment) valid() bool {
	if p.Type > 99 || p.ARC > 99 || p.Terminal > 99 || p.WrongPINs > 15 {
		return false
	}
	c := p.Config()
	return p.Cashback <= p.Amount && p.Currency >= 1 && p.Currency <= 999 && c.Validate() == nil
}

func paymentWordList() string {
	var words []string
	for _, w := range paymentWords {
		words = append(words, w.word)
		if w.number != nil {
			words[len(words)-1] += " N"
		}
	}
	return strings.Join(words, ", ")
}

// Config is the terminal of the payment: that of TerminalConfig but for what is special.
func (p Payment) Config() emvkernel.Config {
	c := TerminalConfig()
	c.Terminal.Type = bcdByte(p.Terminal)
	c.Terminal.Country = uint16(p.Country)
	if p.Terminal >= 14 && p.Terminal <= 16 {
		c.Terminal.AdditionalCapabilities[0] |= 0x80 // cash
	}
	if p.Alphabets {
		c.Terminal.AdditionalCapabilities[3] |= 0x03
		c.Terminal.AdditionalCapabilities[4] = 0xFF
	}
	without := func(cannot bool, at int, bit byte) {
		if cannot {
			c.Terminal.Capabilities[at] &^= bit
		}
	}
	without(p.NoSDA, 2, 0x80)
	without(p.NoDDA, 2, 0x40)
	without(p.NoCDA, 2, 0x08)
	without(!p.OnlinePIN, 1, 0x40)
	if p.OnlinePIN {
		c.Terminal.Capabilities[1] |= 0x40
	}
	for i := range c.Applications {
		a := &c.Applications[i]
		a.FloorLimit = p.Floor
		a.OfflineApproval = p.Floor > 0
		a.PINBypass = p.Bypass
		if p.Denies {
			a.TACDenial = [5]byte{0xFF, 0xFF, 0xFF, 0x7F, 0xFF} // all but "floor limit exceeded"
		}
	}
	return c
}

// Params are those of the payment, on a fixed day and with a fixed unpredictable number. The PIN pad, where
// Payment wants one, is the caller's to add.
func (p Payment) Params() emvkernel.Params {
	return emvkernel.Params{
		Amount: p.Amount, Cashback: p.Cashback, Type: bcdByte(p.Type), Currency: uint16(p.Currency), Exponent: 2,
		Time: paymentDay, UnpredictableNumber: [4]byte{0xDE, 0xAD, 0xBE, 0xEF}, Counter: 1,
		ForceOnline: p.ForceOnline, NoOnlinePIN: !p.OnlinePIN,
	}
}

func bcdByte(n int64) byte { return byte(n/10<<4 | n%10) }

// issuerScript is one command the issuer sends to the card with its answer.
type issuerScript struct {
	template tlv.Tag // '71' before the second GENERATE AC, '72' after it
	command  []byte
}

// scriptSetting reads lines such as "issuer-script before 841E000008...".
var scriptSetting = setting{
	word: "issuer-script", repeats: true,
	card: func(p *Profile, value string) error {
		when, digits, _ := strings.Cut(value, " ")
		template, ok := map[string]tlv.Tag{"before": 0x71, "after": 0x72}[when]
		command, err := hex.DecodeString(strings.TrimSpace(digits))
		if !ok || err != nil || len(command) < 4 || len(command) > maxEditBytes || len(p.scripts) == 4 {
			return fmt.Errorf("issuer-script %q is not valid; write before or after and a command of 4 to %d bytes in hexadecimal, at most four of them: "+
				"issuer-script before 8424000008A1A2A3A4A5A6A7A8", value, maxEditBytes)
		}
		p.scripts = append(p.scripts, issuerScript{template, command})
		return nil
	},
	cardLines: func(p *Profile) []string {
		var lines []string
		for _, s := range p.scripts {
			when := "before"
			if s.template == 0x72 {
				when = "after"
			}
			lines = append(lines, fmt.Sprintf("%s %X", when, s.command))
		}
		return lines
	},
}

// scriptTemplates are the templates of the issuer's answer, each with an identifier ('9F18') of its own.
func scriptTemplates(scripts []issuerScript) []byte {
	var out []byte
	for i, s := range scripts {
		content := tlv.Append(nil, 0x9F18, 0, 0, 0, byte(i+1))
		out = tlv.Append(out, s.template, tlv.Append(content, 0x86, s.command...)...)
	}
	return out
}
