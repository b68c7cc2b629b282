package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"smartreader/emvkernel"
	"smartreader/emvkernel/decode"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/oda"
)

// file is the form of a -config file. What it leaves out stays as it is in the test terminal's configuration.
type file struct {
	Test     *bool         `json:"test"`
	Terminal *terminalFile `json:"terminal"`
	// Applications replace the ready-made ones.
	Applications []applicationFile `json:"applications"`
	CAKeys       []keyFile         `json:"caKeys"` // replace the test keys
	Revoked      []revokedFile     `json:"revoked"`
	Payment      paymentFile       `json:"payment"`
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
	Type                   *hexBytes `json:"type"`
	Capabilities           *hexBytes `json:"capabilities"`
	AdditionalCapabilities *hexBytes `json:"additionalCapabilities"`
	Country                *uint16   `json:"country"`
	SerialNumber           *string   `json:"serialNumber"`
	MerchantID             *string   `json:"merchantId"`
	TerminalID             *string   `json:"terminalId"`
	MerchantName           *string   `json:"merchantName"`
	MCC                    *uint16   `json:"mcc"`
	AcquirerID             *hexBytes `json:"acquirerId"`
	Languages              []string  `json:"languages"`
}

type applicationFile struct {
	AID                    hexBytes  `json:"aid"`
	Brand                  string    `json:"brand"`
	PartialMatch           bool      `json:"partialMatch"`
	Version                hexBytes  `json:"version"`
	TACDenial              hexBytes  `json:"tacDenial"`
	TACOnline              hexBytes  `json:"tacOnline"`
	TACDefault             hexBytes  `json:"tacDefault"`
	FloorLimit             int64     `json:"floorLimit"`
	FloorCurrency          currency  `json:"floorCurrency"`
	RandomThreshold        int64     `json:"randomThreshold"`
	RandomTarget           byte      `json:"randomTarget"`
	RandomMaximum          byte      `json:"randomMaximum"`
	DefaultDDOL            hexBytes  `json:"defaultDDOL"`
	DefaultTDOL            hexBytes  `json:"defaultTDOL"`
	Capabilities           *hexBytes `json:"capabilities"`
	AdditionalCapabilities *hexBytes `json:"additionalCapabilities"`
	Country                uint16    `json:"country"`
	OfflineApproval        bool      `json:"offlineApproval"`
	PINBypass              bool      `json:"pinBypass"`
}

// keyFile is a certification authority key; without a checksum it is not checked against one.
type keyFile struct {
	RID      hexBytes `json:"rid"`
	Index    hexBytes `json:"index"`
	Modulus  hexBytes `json:"modulus"`
	Exponent hexBytes `json:"exponent"`
	Expiry   string   `json:"expiry"` // "2031-12"
	Checksum hexBytes `json:"checksum"`
	Test     bool     `json:"test"`
	Mode     string   `json:"mode"` // as a reader's configuration has it: "test" is Test
}

type revokedFile struct {
	RID    hexBytes `json:"rid"`
	Index  hexBytes `json:"index"`
	Serial hexBytes `json:"serial"`
}

// hexBytes is hexadecimal text in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil {
		return errors.New("hexadecimal digits in pairs are wanted")
	}
	*h = b
	return nil
}

// currency is an ISO 4217 code in JSON, as "EUR" or 978.
type currency uint16

func (c *currency) UnmarshalJSON(text []byte) error {
	code, _, ok := decode.CurrencyCode(strings.Trim(string(text), `"`))
	if !ok {
		return errors.New(`no currency; write it like "EUR" or 978`)
	}
	*c = currency(code)
	return nil
}

// readConfig returns the terminal's configuration: that of the test terminal with every ready-made
// application, changed by a file, which may be "", and the payment of the file.
func readConfig(path string) (*emvkernel.Config, paymentFile, error) {
	cfg := emvtest.TerminalConfig()
	for _, a := range emvkernel.Schemes() {
		known := func(b emvkernel.Application) bool { return bytes.Equal(a.AID, b.AID) }
		if !slices.ContainsFunc(cfg.Applications, known) {
			cfg.Applications = append(cfg.Applications, a)
		}
	}
	var f file
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, setup(err)
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		d.UseNumber()
		if err := d.Decode(&f); err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("empty; a configuration is at least {}")
			}
			return nil, nil, setup(fmt.Errorf("%s: %w", path, err))
		}
		if err := f.apply(&cfg); err != nil {
			return nil, nil, setup(fmt.Errorf("%s: %w", path, err))
		}
	}
	return &cfg, f.Payment, nil
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
		key := oda.CAKey{Modulus: k.Modulus, Exponent: k.Exponent, Expiry: k.Expiry, Checksum: k.Checksum, Test: k.Test || k.Mode == "test"}
		index := []byte{0}
		if err := fixed(field{"rid", k.RID, key.RID[:]}, field{"index", k.Index, index}); err != nil {
			return fmt.Errorf("caKeys[%d]: %w", i, err)
		}
		key.Index = index[0]
		if len(k.Checksum) == 0 {
			sum := key.Sum()
			key.Checksum = sum[:]
		}
		cfg.CAKeys = append(cfg.CAKeys, key)
	}
	for i, r := range f.Revoked {
		var revoked oda.Revocation
		index := []byte{0}
		if err := fixed(field{"rid", r.RID, revoked.RID[:]}, field{"index", r.Index, index}, field{"serial", r.Serial, revoked.Serial[:]}); err != nil {
			return fmt.Errorf("revoked[%d]: %w", i, err)
		}
		revoked.Index = index[0]
		cfg.Revoked = append(cfg.Revoked, revoked)
	}
	return nil
}

// field is a value of fixed length: what the file says and where it goes.
type field struct {
	name string
	from []byte
	to   []byte
}

func fixed(fields ...field) error {
	for _, f := range fields {
		if len(f.from) != len(f.to) {
			return fmt.Errorf("%s has %d bytes, want %d", f.name, len(f.from), len(f.to))
		}
		copy(f.to, f.from)
	}
	return nil
}

func (f *terminalFile) apply(t *emvkernel.Terminal) error {
	kind := []byte{t.Type}
	var fields []field
	for _, o := range []struct {
		name string
		from *hexBytes
		to   []byte
	}{{"type", f.Type, kind}, {"capabilities", f.Capabilities, t.Capabilities[:]}, {"additionalCapabilities", f.AdditionalCapabilities, t.AdditionalCapabilities[:]}} {
		if o.from != nil {
			fields = append(fields, field{o.name, *o.from, o.to})
		}
	}
	if err := fixed(fields...); err != nil {
		return err
	}
	t.Type = kind[0]
	set(&t.Country, f.Country)
	set(&t.SerialNumber, f.SerialNumber)
	set(&t.MerchantID, f.MerchantID)
	set(&t.TerminalID, f.TerminalID)
	set(&t.MerchantName, f.MerchantName)
	set(&t.MCC, f.MCC)
	if f.AcquirerID != nil {
		t.AcquirerID = *f.AcquirerID
	}
	if f.Languages != nil {
		t.Languages = f.Languages
	}
	return nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (f *applicationFile) application() (emvkernel.Application, error) {
	a := emvkernel.Application{
		AID: f.AID, Brand: f.Brand, PartialMatch: f.PartialMatch, FloorLimit: f.FloorLimit, FloorCurrency: uint16(f.FloorCurrency),
		RandomThreshold: f.RandomThreshold, RandomTarget: f.RandomTarget, RandomMaximum: f.RandomMaximum,
		DefaultDDOL: f.DefaultDDOL, DefaultTDOL: f.DefaultTDOL, Country: f.Country, OfflineApproval: f.OfflineApproval, PINBypass: f.PINBypass,
	}
	fields := []field{{"version", f.Version, a.Version[:]}}
	for _, code := range []field{{"tacDenial", f.TACDenial, a.TACDenial[:]}, {"tacOnline", f.TACOnline, a.TACOnline[:]}, {"tacDefault", f.TACDefault, a.TACDefault[:]}} {
		if code.from != nil {
			fields = append(fields, code)
		}
	}
	if f.Capabilities != nil {
		a.Capabilities = new([3]byte)
		fields = append(fields, field{"capabilities", *f.Capabilities, a.Capabilities[:]})
	}
	if f.AdditionalCapabilities != nil {
		a.AdditionalCapabilities = new([5]byte)
		fields = append(fields, field{"additionalCapabilities", *f.AdditionalCapabilities, a.AdditionalCapabilities[:]})
	}
	return a, fixed(fields...)
}
