package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"smartreader/emvkernel"
	"smartreader/emvkernel/decode"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/oda"
)

// file is the form of a -config file. What it leaves out stays as it is in the test terminal's configuration.
type file struct {
	Test     *bool         `json:"test,omitempty"`
	Terminal *terminalFile `json:"terminal,omitempty"`
	// Applications replace the ready-made ones.
	Applications []applicationFile `json:"applications,omitempty"`
	// Contactless replace the test terminal's.
	Contactless []contactlessFile `json:"contactless,omitempty"`
	CAKeys      []keyFile         `json:"caKeys,omitempty"` // replace the test keys
	Revoked     []revokedFile     `json:"revoked,omitempty"`
	Payment     paymentFile       `json:"payment,omitempty"`
}

// paymentFile are flags of a payment by their names.
type paymentFile map[string]any

// apply sets the flags that were not given.
func (f paymentFile) apply(set *flag.FlagSet) error {
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if !slices.Contains(ofPayment, name) || name == "record" {
			return fmt.Errorf("payment: there is no %q; there are %s", name, strings.Join(ofPayment[:len(ofPayment)-1], ", "))
		}
		if given[name] {
			continue
		}
		if err := set.Set(name, fmt.Sprint(f[name])); err != nil {
			return fmt.Errorf("payment: %s: %w", name, err)
		}
	}
	return nil
}

type terminalFile struct {
	Type                   *hexText `json:"type,omitempty"`
	Capabilities           *hexText `json:"capabilities,omitempty"`
	AdditionalCapabilities *hexText `json:"additionalCapabilities,omitempty"`
	Country                *uint16  `json:"country,omitempty"`
	SerialNumber           *string  `json:"serialNumber,omitempty"`
	MerchantID             *string  `json:"merchantId,omitempty"`
	TerminalID             *string  `json:"terminalId,omitempty"`
	MerchantName           *string  `json:"merchantName,omitempty"`
	MCC                    *uint16  `json:"mcc,omitempty"`
	AcquirerID             *hexText `json:"acquirerId,omitempty"`
	Languages              []string `json:"languages,omitempty"`
	// PIN is a reader's: its format and key of online PINs. The pad of this tool makes no block.
	PIN json.RawMessage `json:"pin,omitempty"`
}

type applicationFile struct {
	AID                    hexText  `json:"aid"`
	Brand                  string   `json:"brand"`
	PartialMatch           bool     `json:"partialMatch"`
	Version                hexText  `json:"version"`
	TACDenial              hexText  `json:"tacDenial"`
	TACOnline              hexText  `json:"tacOnline"`
	TACDefault             hexText  `json:"tacDefault"`
	FloorLimit             int64    `json:"floorLimit"`
	FloorCurrency          currency `json:"floorCurrency,omitzero"`
	RandomThreshold        int64    `json:"randomThreshold"`
	RandomTarget           byte     `json:"randomTarget"`
	RandomMaximum          byte     `json:"randomMaximum"`
	DefaultDDOL            hexText  `json:"defaultDdol"`
	DefaultTDOL            hexText  `json:"defaultTdol"`
	Capabilities           hexText  `json:"capabilities,omitempty"`
	AdditionalCapabilities hexText  `json:"additionalCapabilities,omitempty"`
	Country                uint16   `json:"country,omitempty"`
	OfflineApproval        bool     `json:"offlineApproval"`
	PINBypass              bool     `json:"pinBypass"`
}

// keyFile is a certification authority key; without a checksum it is not checked against one.
type keyFile struct {
	RID      hexText `json:"rid"`
	Index    hexText `json:"index"`
	Modulus  hexText `json:"modulus"`
	Exponent hexText `json:"exponent"`
	Expiry   string  `json:"expiry"` // "2031-12"
	Checksum hexText `json:"checksum"`
	Test     bool    `json:"test"`
	Mode     string  `json:"mode"` // as a reader's configuration has it: "test" is Test
}

type revokedFile struct {
	RID    hexText `json:"rid"`
	Index  hexText `json:"index"`
	Serial hexText `json:"serial"`
}

// hexText is hexadecimal digits in JSON. It is read by members, which know the name to complain of.
type hexText string

func hexOf(b []byte) hexText { return hexText(fmt.Sprintf("%X", b)) }

// members reads hexadecimal members of one object and keeps the first error.
type members struct{ err error }

func (m *members) bytes(name string, s hexText) []byte {
	if s == "" {
		return nil
	}
	b, err := hex.DecodeString(string(s))
	switch {
	case err == nil || m.err != nil:
	case errors.Is(err, hex.ErrLength):
		m.err = fmt.Errorf("%s has %d hexadecimal digits, an odd number", name, len(s))
	default:
		m.err = fmt.Errorf("%s is not hexadecimal", name)
	}
	return b
}

// fixed reads a value of the length of to.
func (m *members) fixed(name string, s hexText, to []byte) {
	b := m.bytes(name, s)
	if len(b) != len(to) && m.err == nil {
		m.err = fmt.Errorf("%s has %d bytes, want %d", name, len(b), len(to))
	}
	copy(to, b)
}

// optional is fixed where the value may be absent.
func (m *members) optional(name string, s *hexText, to []byte) {
	if s != nil {
		m.fixed(name, *s, to)
	}
}

// currency is an ISO 4217 code in JSON, as "EUR" or 978.
type currency uint16

func (c *currency) UnmarshalJSON(text []byte) error {
	name := strings.Trim(string(text), `"`)
	if name == string(text) {
		name = fmt.Sprintf("%03s", name) // a number has no zeros before it
	}
	code, _, ok := decode.CurrencyCode(name)
	if !ok {
		return fmt.Errorf(`%s is no currency; write it like "EUR" or 978`, text)
	}
	*c = currency(code)
	return nil
}

// terminal returns the terminal's configuration: that of the test terminal with every ready-made application,
// changed by the file.
func (f *file) terminal() (*emvkernel.Config, error) {
	cfg := emvtest.TerminalConfig()
	for _, a := range emvkernel.Schemes() {
		known := func(b emvkernel.Application) bool { return bytes.Equal(a.AID, b.AID) }
		if !slices.ContainsFunc(cfg.Applications, known) {
			cfg.Applications = append(cfg.Applications, a)
		}
	}
	return &cfg, f.apply(&cfg)
}

// readConfig reads a -config file, which may be "", and returns the terminal's configuration with it.
func readConfig(path string) (*emvkernel.Config, *file, error) {
	f, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := f.terminal()
	if err != nil {
		return nil, nil, setup(fmt.Errorf("%s: %w", path, err))
	}
	return cfg, f, nil
}

// readFile reads a -config file; "" is an empty one.
func readFile(path string) (*file, error) {
	f := &file{}
	if path == "" {
		return f, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, setup(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(f); err != nil {
		return nil, setup(fmt.Errorf("%s: %w", path, inWords(err, text)))
	}
	return f, nil
}

// inWords says what is wrong with JSON, and where.
func inWords(err error, text []byte) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		want := "an object in braces"
		switch wrong.Type.Kind() {
		case reflect.Uint8, reflect.Uint16:
			want = fmt.Sprintf("a number up to %d", 1<<wrong.Type.Bits()-1)
		case reflect.Int64:
			want = "a whole number"
		case reflect.Bool:
			want = "true or false"
		case reflect.String:
			want = "text in quotation marks"
		case reflect.Slice:
			want = "a list in brackets"
		}
		return fmt.Errorf("%s: %s is wanted, not %s", wrong.Field, want, wrong.Value)
	}
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("line %d: %w", 1+bytes.Count(text[:min(int(wrong.Offset), len(text))], []byte("\n")), err)
	}
	if errors.Is(err, io.EOF) {
		return errors.New("empty; a configuration is at least {}")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

func (f *file) apply(cfg *emvkernel.Config) error {
	if f.Test != nil {
		cfg.Test = *f.Test
	}
	if f.Terminal != nil {
		if err := f.Terminal.apply(&cfg.Terminal); err != nil {
			return fmt.Errorf("terminal: %w", err)
		}
	}
	if f.Applications != nil {
		cfg.Applications = nil
	}
	for i, a := range f.Applications {
		application, err := a.application()
		if err != nil {
			return fmt.Errorf("applications[%d]: %w", i, err)
		}
		cfg.Applications = append(cfg.Applications, application)
	}
	if f.CAKeys != nil {
		cfg.CAKeys, cfg.Revoked = nil, nil
	}
	for i, k := range f.CAKeys {
		var m members
		key := oda.CAKey{
			Modulus: m.bytes("modulus", k.Modulus), Exponent: m.bytes("exponent", k.Exponent), Expiry: k.Expiry,
			Checksum: m.bytes("checksum", k.Checksum), Test: k.Test || k.Mode == "test",
		}
		index := []byte{0}
		m.fixed("rid", k.RID, key.RID[:])
		m.fixed("index", k.Index, index)
		if m.err != nil {
			return fmt.Errorf("caKeys[%d]: %w", i, m.err)
		}
		key.Index = index[0]
		if k.Checksum == "" {
			sum := key.Sum()
			key.Checksum = sum[:]
		}
		cfg.CAKeys = append(cfg.CAKeys, key)
	}
	for i, r := range f.Revoked {
		var m members
		var revoked oda.Revocation
		index := []byte{0}
		m.fixed("rid", r.RID, revoked.RID[:])
		m.fixed("index", r.Index, index)
		m.fixed("serial", r.Serial, revoked.Serial[:])
		if m.err != nil {
			return fmt.Errorf("revoked[%d]: %w", i, m.err)
		}
		revoked.Index = index[0]
		cfg.Revoked = append(cfg.Revoked, revoked)
	}
	return nil
}

func (f *terminalFile) apply(t *emvkernel.Terminal) error {
	var m members
	kind := []byte{t.Type}
	m.optional("type", f.Type, kind)
	m.optional("capabilities", f.Capabilities, t.Capabilities[:])
	m.optional("additionalCapabilities", f.AdditionalCapabilities, t.AdditionalCapabilities[:])
	t.Type = kind[0]
	set(&t.Country, f.Country)
	set(&t.SerialNumber, f.SerialNumber)
	set(&t.MerchantID, f.MerchantID)
	set(&t.TerminalID, f.TerminalID)
	set(&t.MerchantName, f.MerchantName)
	set(&t.MCC, f.MCC)
	if f.AcquirerID != nil {
		t.AcquirerID = m.bytes("acquirerId", *f.AcquirerID)
	}
	if f.Languages != nil {
		t.Languages = f.Languages
	}
	return m.err
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (f *applicationFile) application() (emvkernel.Application, error) {
	var m members
	a := emvkernel.Application{
		AID: m.bytes("aid", f.AID), Brand: f.Brand, PartialMatch: f.PartialMatch, FloorLimit: f.FloorLimit, FloorCurrency: uint16(f.FloorCurrency),
		RandomThreshold: f.RandomThreshold, RandomTarget: f.RandomTarget, RandomMaximum: f.RandomMaximum,
		DefaultDDOL: m.bytes("defaultDdol", f.DefaultDDOL), DefaultTDOL: m.bytes("defaultTdol", f.DefaultTDOL),
		Country: f.Country, OfflineApproval: f.OfflineApproval, PINBypass: f.PINBypass,
	}
	m.fixed("version", f.Version, a.Version[:])
	for _, code := range []struct {
		name string
		from hexText
		to   []byte
	}{{"tacDenial", f.TACDenial, a.TACDenial[:]}, {"tacOnline", f.TACOnline, a.TACOnline[:]}, {"tacDefault", f.TACDefault, a.TACDefault[:]}} {
		if code.from != "" {
			m.fixed(code.name, code.from, code.to)
		}
	}
	if f.Capabilities != "" {
		a.Capabilities = new([3]byte)
		m.fixed("capabilities", f.Capabilities, a.Capabilities[:])
	}
	if f.AdditionalCapabilities != "" {
		a.AdditionalCapabilities = new([5]byte)
		m.fixed("additionalCapabilities", f.AdditionalCapabilities, a.AdditionalCapabilities[:])
	}
	return a, m.err
}

const configHelp = `
It is a file for "emv run -config", with the applications of chip and tap: change what you like and leave out the
rest. The certification authority keys are left out already; those of the test cards stay until a file has "caKeys"
("emv help run" shows one).

Examples:

  emv config
`

func (a *app) config(_ context.Context, c *command, args []string) error {
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	if err := a.parse(c, set, args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return usage("%q is too much; the configuration goes to standard output", set.Arg(0))
	}
	cfg, _, err := readConfig("")
	if err != nil {
		return err
	}
	f := fileOf(cfg)
	taps, err := contactless(cfg, nil)
	if err != nil {
		return err
	}
	for i := range taps.Combinations {
		f.Contactless = append(f.Contactless, contactlessOf(&taps.Combinations[i]))
	}
	return a.printJSON(f)
}

// fileOf writes terminal and applications of the chip as a -config file has them.
func fileOf(cfg *emvkernel.Config) file {
	t := cfg.Terminal
	text := func(b []byte) *hexText { h := hexOf(b); return &h }
	f := file{Test: &cfg.Test, Terminal: &terminalFile{
		Type: text([]byte{t.Type}), Capabilities: text(t.Capabilities[:]), AdditionalCapabilities: text(t.AdditionalCapabilities[:]),
		Country: &t.Country, SerialNumber: &t.SerialNumber, MerchantID: &t.MerchantID, TerminalID: &t.TerminalID,
		MerchantName: &t.MerchantName, MCC: &t.MCC, AcquirerID: text(t.AcquirerID), Languages: t.Languages,
	}}
	for _, a := range cfg.Applications {
		f.Applications = append(f.Applications, applicationOf(a))
	}
	return f
}

func applicationOf(a emvkernel.Application) applicationFile {
	f := applicationFile{
		AID: hexOf(a.AID), Brand: a.Brand, PartialMatch: a.PartialMatch, Version: hexOf(a.Version[:]),
		TACDenial: hexOf(a.TACDenial[:]), TACOnline: hexOf(a.TACOnline[:]), TACDefault: hexOf(a.TACDefault[:]),
		FloorLimit: a.FloorLimit, FloorCurrency: currency(a.FloorCurrency), RandomThreshold: a.RandomThreshold,
		RandomTarget: a.RandomTarget, RandomMaximum: a.RandomMaximum, DefaultDDOL: hexOf(a.DefaultDDOL), DefaultTDOL: hexOf(a.DefaultTDOL),
		Country: a.Country, OfflineApproval: a.OfflineApproval, PINBypass: a.PINBypass,
	}
	if a.Capabilities != nil {
		f.Capabilities = hexOf(a.Capabilities[:])
	}
	if a.AdditionalCapabilities != nil {
		f.AdditionalCapabilities = hexOf(a.AdditionalCapabilities[:])
	}
	return f
}
