package transcript

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// TapTerminal is what Terminal is, for taps: the configuration of the combination that was in use.
type TapTerminal struct {
	AID    []byte // as configured
	Kernel tap.KernelID
	// Elsewhere says that the kernel is tap.Elsewhere: the reader has none, and has the card inserted.
	Elsewhere bool
	// Limits are those for the payment's currency, of the combination or its kernel; nil: there are none.
	Limits            *tap.Limits
	TTQ               *[4]byte
	StatusCheck       bool
	ZeroAmountAllowed bool
	ExtendedSelection bool
	// Options are the kernel's own, by the names of its exported fields: "Version=0002 Torn=yes". Those that are
	// zero are left out, and so is what does not fit into a word; of a pointer it says whether there is one.
	Options string
}

// ConfiguredTap is Configured for a payment by tap. It goes by the application that was selected last; where
// there was none the first combination for the payment's type counts.
func (t *Transcript) ConfiguredTap(cfg *entry.Config) {
	t.Configured(cfg.EMV, nil)
	t.Terminal = Terminal{SerialNumber: t.Terminal.SerialNumber}
	c := combinationOf(cfg, t.Payment.Type, t.selected())
	if c == nil {
		return
	}
	s := &TapTerminal{
		AID: bytes.Clone(c.AID), Kernel: c.Kernel.ID(), StatusCheck: c.StatusCheck, ZeroAmountAllowed: c.ZeroAmountAllowed,
		ExtendedSelection: c.ExtendedSelection, Options: optionsOf(c.Kernel),
	}
	t.Terminal.Tap = s
	_, s.Elsewhere = c.Kernel.(tap.Elsewhere)
	if c.TTQ != nil {
		ttq := *c.TTQ
		s.TTQ = &ttq
	}
	if l, ok := tap.LimitsIn(*limitsOf(c), t.Payment.Currency); ok {
		s.Limits = &l
	}
}

// ConfigureTap is Configure for a payment by tap: every combination serves the payment's transaction type, and those
// with the kernel of the one in use get what that one had. An application without a kernel is one of its own: it has
// none here either, whatever the configuration has. Kernels are changed in place.
func (t *Transcript) ConfigureTap(cfg *entry.Config) {
	t.Configure(cfg.EMV)
	s := t.Terminal.Tap
	if s == nil {
		return
	}
	for i := range cfg.Combinations {
		c := &cfg.Combinations[i]
		if !c.Serves(t.Payment.Type) {
			c.Types = append(slices.Clone(c.Types), t.Payment.Type)
		}
		_, elsewhere := c.Kernel.(tap.Elsewhere)
		switch {
		case s.Elsewhere && bytes.Equal(c.AID, s.AID):
			c.Kernel = tap.Elsewhere(s.Kernel)
		case s.Elsewhere || elsewhere || c.Kernel.ID() != s.Kernel:
			continue
		}
		c.TTQ, c.StatusCheck, c.ZeroAmountAllowed, c.ExtendedSelection = s.TTQ, s.StatusCheck, s.ZeroAmountAllowed, s.ExtendedSelection
		limits := limitsOf(c)
		*limits = nil
		if s.Limits != nil {
			*limits = []tap.Limits{*s.Limits}
		}
		setOptions(c.Kernel, s.Options)
	}
}

// selected is the name of the application that was selected last.
func (t *Transcript) selected() (aid []byte) {
	for _, e := range t.Events {
		if cmd, err := apdu.ParseCommand(e.Bytes); e.Kind == Command && err == nil && cmd.INS == apdu.INSSelect && string(cmd.Data) != apdu.PPSE {
			aid = cmd.Data
		}
	}
	return aid
}

// combinationOf is the entry for the transaction type with the longest name that the application's begins with; nil:
// there is none for the type.
func combinationOf(cfg *entry.Config, kind byte, aid []byte) (best *tap.Combination) {
	for i := range cfg.Combinations {
		c := &cfg.Combinations[i]
		if !c.Serves(kind) {
			continue
		}
		if best == nil || bytes.HasPrefix(aid, c.AID) && (!bytes.HasPrefix(aid, best.AID) || len(c.AID) > len(best.AID)) {
			best = c
		}
	}
	return best
}

// limitsOf is where the limits of a combination stand: with it, or with its kernel if that counts them itself.
func limitsOf(c *tap.Combination) *[]tap.Limits {
	if v, ok := fields(c.Kernel); ok {
		if f := v.FieldByName("Limits"); f.IsValid() && f.Type() == reflect.TypeFor[[]tap.Limits]() {
			return f.Addr().Interface().(*[]tap.Limits)
		}
	}
	return &c.Limits
}

// fields is the struct a kernel points to; not ok when it is none.
func fields(k tap.Kernel) (v reflect.Value, ok bool) {
	p := reflect.ValueOf(k)
	if p.Kind() != reflect.Pointer || p.IsNil() || p.Elem().Kind() != reflect.Struct {
		return v, false
	}
	return p.Elem(), true
}

// optionsOf writes down a kernel's configuration. It goes by the fields it has, so that a kernel that is added
// needs nothing here.
func optionsOf(k tap.Kernel) string {
	v, ok := fields(k)
	if !ok {
		return ""
	}
	var out []string
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if text := optionText(v.Field(i)); f.IsExported() && text != "" && !v.Field(i).IsZero() {
			out = append(out, f.Name+"="+text)
		}
	}
	return strings.Join(out, " ")
}

func setOptions(k tap.Kernel, options string) {
	v, ok := fields(k)
	if !ok {
		return
	}
	values := map[string]string{}
	for word := range strings.FieldsSeq(options) {
		name, value, _ := strings.Cut(word, "=")
		values[name] = value
	}
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			setOption(v.Field(i), values[f.Name])
		}
	}
}

// optionText is a field's value in a word; empty for one that has none.
func optionText(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool, reflect.Pointer:
		return yes(!v.IsZero())
	case reflect.Uint8:
		return fmt.Sprintf("%02X", v.Uint())
	case reflect.Int64:
		if d, ok := v.Interface().(time.Duration); ok {
			return d.String()
		}
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, v.Len())
			reflect.Copy(reflect.ValueOf(b), v)
			return fmt.Sprintf("%X", b)
		}
	}
	return ""
}

// setOption sets a field to what optionText made of it; "" is its zero value. A pointer can only be taken away:
// what it points to is the caller's.
func setOption(v reflect.Value, text string) {
	switch {
	case v.Kind() == reflect.Pointer && text == yes(true), optionText(v) == "":
		return
	}
	v.SetZero()
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(text == yes(true))
	case reflect.Uint8:
		if b, err := hex.DecodeString(text); err == nil && len(b) == 1 {
			v.SetUint(uint64(b[0]))
		}
	case reflect.Int64:
		if d, err := time.ParseDuration(text); err == nil {
			v.SetInt(int64(d))
		} else if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			v.SetInt(n)
		}
	case reflect.Array:
		if b, err := hex.DecodeString(text); err == nil && len(b) == v.Len() {
			reflect.Copy(v, reflect.ValueOf(b))
		}
	}
}

// tapSettings are the lines of the header that are of taps.
var tapSettings = []setting{
	option("contactless", func(t *Transcript) *bool { return &t.Contactless }),
	ofTap("tap-aid", "the combination in use, hexadecimal", func(c *TapTerminal) string { return fmt.Sprintf("%X", c.AID) },
		func(c *TapTerminal, s string) (err error) {
			c.AID, err = unhex(s)
			return err
		}),
	ofTap("tap-kernel", "its kernel's identifier", func(c *TapTerminal) string { return unlessZero(int64(c.Kernel)) },
		func(c *TapTerminal, s string) error {
			n, err := small(s, 10, 255)
			c.Kernel = tap.KernelID(n)
			return err
		}),
	tapOption("tap-insert", func(c *TapTerminal) *bool { return &c.Elsewhere }),
	ofTap("tap-currency", "of its limits, ISO 4217 numeric; 000: any", func(c *TapTerminal) string {
		if c.Limits == nil {
			return ""
		}
		return fmt.Sprintf("%03d", c.Limits.Currency)
	}, func(c *TapTerminal, s string) error {
		n, err := strconv.ParseUint(s, 10, 16)
		c.limits().Currency = uint16(n)
		return err
	}),
	limit("tap-transaction-limit", func(l *tap.Limits) **int64 { return &l.Transaction }),
	limit("tap-on-device-limit", func(l *tap.Limits) **int64 { return &l.OnDevice }),
	limit("tap-floor-limit", func(l *tap.Limits) **int64 { return &l.Floor }),
	limit("tap-cvm-limit", func(l *tap.Limits) **int64 { return &l.CVMRequired }),
	ofTap("tap-ttq", "'9F66' as configured, eight hexadecimal digits", func(c *TapTerminal) string {
		if c.TTQ == nil {
			return ""
		}
		return fmt.Sprintf("%X", *c.TTQ)
	}, func(c *TapTerminal, s string) error {
		b, err := unhex(s)
		if err == nil && len(b) != 4 {
			err = errors.New("four bytes are wanted")
		}
		if err == nil {
			c.TTQ = (*[4]byte)(b)
		}
		return err
	}),
	tapOption("tap-status-check", func(c *TapTerminal) *bool { return &c.StatusCheck }),
	tapOption("tap-zero-amount", func(c *TapTerminal) *bool { return &c.ZeroAmountAllowed }),
	tapOption("tap-extended-selection", func(c *TapTerminal) *bool { return &c.ExtendedSelection }),
	ofTap("tap-options", "the kernel's own, as Version=0002", func(c *TapTerminal) string { return oneLine(c.Options) },
		func(c *TapTerminal, s string) error { c.Options = s; return nil }),
}

func ofTap(word, help string, get func(*TapTerminal) string, set func(*TapTerminal, string) error) setting {
	return setting{word, help, func(t *Transcript) string {
		if t.Terminal.Tap == nil {
			return ""
		}
		return get(t.Terminal.Tap)
	}, func(t *Transcript, s string) error {
		if t.Terminal.Tap == nil {
			t.Terminal.Tap = &TapTerminal{}
		}
		return set(t.Terminal.Tap, s)
	}}
}

func tapOption(word string, field func(*TapTerminal) *bool) setting {
	return ofTap(word, "yes or no", func(c *TapTerminal) string {
		if !*field(c) {
			return ""
		}
		return yes(true)
	}, func(c *TapTerminal, s string) error {
		if s != yes(true) && s != yes(false) {
			return errors.New("yes or no is wanted")
		}
		*field(c) = s == yes(true)
		return nil
	})
}

func (c *TapTerminal) limits() *tap.Limits {
	if c.Limits == nil {
		c.Limits = &tap.Limits{}
	}
	return c.Limits
}

func limit(word string, field func(*tap.Limits) **int64) setting {
	return ofTap(word, "minor units", func(c *TapTerminal) string {
		if c.Limits == nil || *field(c.Limits) == nil {
			return ""
		}
		return strconv.FormatInt(**field(c.Limits), 10)
	}, func(c *TapTerminal, s string) error {
		n, err := strconv.ParseUint(s, 10, 63)
		v := int64(n)
		*field(c.limits()) = &v
		return err
	})
}
