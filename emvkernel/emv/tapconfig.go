package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/c2"
	"smartreader/emvkernel/c3"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// contactlessFile is an application that is taken by tap, as in a reader's configuration.
type contactlessFile struct {
	AID      hexText      `json:"aid"`
	Brand    string       `json:"brand"`
	Kernel   string       `json:"kernel"` // "c2", "c3", or "insert" for a card that is to be inserted
	KernelID byte         `json:"kernelId,omitempty"`
	Limits   []limitsFile `json:"limits,omitempty"`

	ZeroAmount        bool     `json:"zeroAmount,omitempty"`
	StatusCheck       bool     `json:"statusCheck,omitempty"`
	ExtendedSelection bool     `json:"extendedSelection,omitempty"`
	TTQ               *hexText `json:"ttq,omitempty"` // "c3"

	// "c2"
	Version        *hexText `json:"version,omitempty"`
	TACDenial      *hexText `json:"tacDenial,omitempty"`
	TACOnline      *hexText `json:"tacOnline,omitempty"`
	TACDefault     *hexText `json:"tacDefault,omitempty"`
	MagneticStripe bool     `json:"magneticStripe,omitempty"`
}

// limitsFile bound taps in one currency, in minor units; what is absent is no limit.
type limitsFile struct {
	Currency    currency `json:"currency,omitzero"` // absent: any
	Transaction *int64   `json:"transaction,omitempty"`
	OnDevice    *int64   `json:"onDevice,omitempty"`
	Floor       *int64   `json:"floor,omitempty"`
	CVMRequired *int64   `json:"cvmRequired,omitempty"`
}

func (l limitsFile) limits() tap.Limits {
	return tap.Limits{Currency: uint16(l.Currency), Transaction: l.Transaction, OnDevice: l.OnDevice, Floor: l.Floor, CVMRequired: l.CVMRequired}
}

// Kernels of a contactlessFile.
const (
	kernelC2     = "c2"
	kernelC3     = "c3"
	kernelInsert = "insert"
)

// contactless is the configuration of taps: that of the test terminal, with the applications of a file if it
// has some.
func contactless(terminal *emvkernel.Config, file []contactlessFile) (*entry.Config, error) {
	cfg := emvtest.Contactless()
	cfg.EMV = terminal
	if file == nil {
		return cfg, nil
	}
	cfg.Combinations = nil
	torn, err := c2.NewTornLog(8, 5*time.Minute)
	if err != nil {
		return nil, err
	}
	for i, f := range file {
		c, err := f.combination(torn)
		if err != nil {
			return nil, fmt.Errorf("contactless[%d]: %w", i, err)
		}
		cfg.Combinations = append(cfg.Combinations, c)
	}
	return cfg, nil
}

// misplaced names a member that the application's kernel does not know: passed over, it would be believed to count.
func (f *contactlessFile) misplaced() error {
	onDevice := slices.ContainsFunc(f.Limits, func(l limitsFile) bool { return l.OnDevice != nil })
	for _, m := range []struct {
		name, kernel string
		given        bool
	}{
		{"ttq", kernelC3, f.TTQ != nil}, {"version", kernelC2, f.Version != nil}, {"tacDenial", kernelC2, f.TACDenial != nil},
		{"tacOnline", kernelC2, f.TACOnline != nil}, {"tacDefault", kernelC2, f.TACDefault != nil},
		{"magneticStripe", kernelC2, f.MagneticStripe}, {"limits: onDevice", kernelC2, onDevice}, {"kernelId", kernelInsert, f.KernelID != 0},
	} {
		if m.given && f.Kernel != m.kernel {
			return fmt.Errorf("%s is for kernel %q only; leave it out", m.name, m.kernel)
		}
	}
	return nil
}

func (f *contactlessFile) combination(torn *c2.TornLog) (tap.Combination, error) {
	var m members
	c := tap.Combination{
		AID: m.bytes("aid", f.AID), Brand: f.Brand, ZeroAmountAllowed: f.ZeroAmount, StatusCheck: f.StatusCheck, ExtendedSelection: f.ExtendedSelection,
	}
	var limits []tap.Limits
	for _, l := range f.Limits {
		limits = append(limits, l.limits())
	}
	switch f.Kernel {
	case kernelC2:
		k := c2.Default()
		k.Limits, k.MagneticStripe, k.Torn = limits, f.MagneticStripe, torn
		m.optional("version", f.Version, k.Version[:])
		m.optional("tacDenial", f.TACDenial, k.TACDenial[:])
		m.optional("tacOnline", f.TACOnline, k.TACOnline[:])
		m.optional("tacDefault", f.TACDefault, k.TACDefault[:])
		c.Kernel = &k
	case kernelC3:
		k, ttq := c3.Default(), c3.DefaultTTQ()
		m.optional("ttq", f.TTQ, ttq[:])
		c.Kernel, c.TTQ, c.Limits = &k, &ttq, limits
	case kernelInsert:
		c.Kernel, c.Limits = tap.Elsewhere(f.KernelID), limits
	default:
		return c, fmt.Errorf("kernel %q is none of %q, %q, %q", f.Kernel, kernelC2, kernelC3, kernelInsert)
	}
	return c, errors.Join(m.err, f.misplaced())
}

// contactlessOf writes a combination as a -config file has it.
func contactlessOf(c *tap.Combination) contactlessFile {
	f := contactlessFile{
		AID: hexOf(c.AID), Brand: c.Brand, ZeroAmount: c.ZeroAmountAllowed, StatusCheck: c.StatusCheck, ExtendedSelection: c.ExtendedSelection,
	}
	text := func(b []byte) *hexText { h := hexOf(b); return &h }
	limits := c.Limits
	switch k := c.Kernel.(type) {
	case *c2.Kernel:
		f.Kernel, f.MagneticStripe, limits = kernelC2, k.MagneticStripe, k.Limits
		f.Version, f.TACDenial, f.TACOnline, f.TACDefault = text(k.Version[:]), text(k.TACDenial[:]), text(k.TACOnline[:]), text(k.TACDefault[:])
	case *c3.Kernel:
		f.Kernel = kernelC3
	default:
		f.Kernel, f.KernelID = kernelInsert, byte(c.Kernel.ID())
	}
	if c.TTQ != nil {
		f.TTQ = text(c.TTQ[:])
	}
	for _, l := range limits {
		if f.Kernel != kernelC2 {
			l.OnDevice = nil // nobody asks for it
		}
		f.Limits = append(f.Limits, limitsFile{currency(l.Currency), l.Transaction, l.OnDevice, l.Floor, l.CVMRequired})
	}
	return f
}

// tapOptions are the flags of -contactless.
type tapOptions struct {
	contactless bool
	taps        int
	timed       bool
	collision   bool
	limits      [4]int64 // transaction, on-device, floor, CVM; -1: as configured
	ttq         string
	stripe      bool
	noRelay     bool
	noTorn      bool
	fdda0       bool
}

// limitFlags are the names of tapOptions.limits.
var limitFlags = [4]struct{ name, about string }{
	{"transaction-limit", "with -contactless: no tap from this amount on, minor units; -1: as configured"},
	{"on-device-limit", "with -contactless: the same where the cardholder's device verifies (kernel 2)"},
	{"floor-limit", "with -contactless: the issuer is asked beyond this amount"},
	{"cvm-limit", "with -contactless: the cardholder is verified from this amount on"},
}

func (o *tapOptions) flags(set *flag.FlagSet) {
	set.BoolVar(&o.contactless, "contactless", false, "the card is tapped")
	set.IntVar(&o.taps, "taps", 10, "with -contactless: how often the card is presented at most")
	set.BoolVar(&o.timed, "timed", false, "with -contactless and -card: the times of the profile are measured, for relay resistance")
	set.BoolVar(&o.collision, "collision", false, "with -contactless and -card: there is a second card at first")
	for i, f := range limitFlags {
		set.Int64Var(&o.limits[i], f.name, -1, f.about)
	}
	set.StringVar(&o.ttq, "ttq", "", "with -contactless: terminal transaction qualifiers '9F66', 8 hexadecimal digits")
	set.BoolVar(&o.stripe, "magnetic-stripe", false, "with -contactless: magnetic stripe mode too (kernel 2)")
	set.BoolVar(&o.noRelay, "no-relay-resistance", false, "with -contactless: times are not looked at (kernel 2)")
	set.BoolVar(&o.noTorn, "no-torn", false, "with -contactless: a transaction that was torn is not recovered (kernel 2)")
	set.BoolVar(&o.fdda0, "fdda-0", false, "with -contactless: signatures of the first version are accepted (kernel 3)")
}

// ofTap are the flags that belong to -contactless; ofTapConfig those of them that a transcript answers itself.
var (
	ofTap       = append([]string{"taps", "timed", "collision"}, ofTapConfig...)
	ofTapConfig = []string{"transaction-limit", "on-device-limit", "floor-limit", "cvm-limit", "ttq", "magnetic-stripe", "no-relay-resistance", "no-torn", "fdda-0"}
)

// checkTap says which flags do not fit together.
func (o *runOptions) checkTap(set *flag.FlagSet) error {
	var wrong []string
	set.Visit(func(f *flag.Flag) {
		for _, name := range ofTap {
			if f.Name == name && !o.contactless {
				wrong = append(wrong, "-"+name)
			}
		}
	})
	for i, n := range o.limits {
		if n < -1 {
			return usage("-%s is an amount in minor units, or -1: as configured", limitFlags[i].name)
		}
	}
	switch {
	case len(wrong) > 0:
		return usage("%s belongs to -contactless", strings.Join(wrong, ", "))
	case o.contactless && o.pin != "":
		return usage("-pin is for a chip: no card is given a PIN by tap; -online-pin says that the issuer can be given one")
	case (o.timed || o.collision) && o.card == "":
		return usage("-timed and -collision are for a software card; they belong to -card")
	case o.taps < 1:
		return usage("-taps is how often the card is presented at most, as 5")
	}
	return nil
}

// apply changes the configuration by the flags. Limits are set for the payment's currency, and every application
// serves its transaction type.
func (o *tapOptions) apply(cfg *entry.Config, code uint16, kind byte) error {
	ttq, ok := unhex(o.ttq)
	if o.ttq != "" && (!ok || len(ttq) != 4) {
		return usage("-ttq %q is not 8 hexadecimal digits", o.ttq)
	}
	for i := range cfg.Combinations {
		c := &cfg.Combinations[i]
		if !c.Serves(kind) {
			c.Types = []byte{kind}
		}
		switch k := c.Kernel.(type) {
		case *c2.Kernel:
			k.MagneticStripe = k.MagneticStripe || o.stripe
			k.NoRelay = k.NoRelay || o.noRelay
			if o.noTorn {
				k.Torn = nil
			}
			k.Limits = o.limited(k.Limits, code)
		case *c3.Kernel:
			k.FDDAVersion0 = k.FDDAVersion0 || o.fdda0
			c.Limits = o.limited(c.Limits, code)
			if o.ttq != "" {
				c.TTQ = (*[4]byte)(ttq)
			}
		}
	}
	return nil
}

// limited is a list of limits with those of the flags in front.
func (o *tapOptions) limited(list []tap.Limits, code uint16) []tap.Limits {
	if o.limits == [4]int64{-1, -1, -1, -1} {
		return list
	}
	l, _ := tap.LimitsIn(list, code)
	l.Currency = code
	for i, to := range []**int64{&l.Transaction, &l.OnDevice, &l.Floor, &l.CVMRequired} {
		if n := o.limits[i]; n >= 0 {
			*to = &n
		}
	}
	out := []tap.Limits{l}
	for _, other := range list {
		if other.Currency != code {
			out = append(out, other)
		}
	}
	return out
}

// tapConfig makes the configuration of a tap.
func (o *runOptions) tapConfig(terminal *emvkernel.Config, file []contactlessFile, p *emvkernel.Params) (*entry.Config, error) {
	cfg, err := contactless(terminal, file)
	if err != nil {
		return nil, setup(fmt.Errorf("%s: %w", o.config, err))
	}
	return cfg, o.tapOptions.apply(cfg, p.Currency, p.Type)
}
