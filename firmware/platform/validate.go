package platform

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Validate checks every field a reader relies on; the error (ErrDocument)
// names the field. Whether keys and application data make sense together is
// for the parts that use them.
func (c *Config) Validate() error {
	v := &validator{document: "configuration"}
	v.that(c.Version == ConfigVersion, "version", "is not %d", ConfigVersion)
	v.that(c.ReaderID != "", "readerId", "is empty")
	v.that(c.IssuedAtMs > 0, "issuedAtMs", "is not positive")
	v.that(c.Location.ID != "", "location.id", "is empty")
	v.that(len(c.Location.Country) == 2, "location.country", "is not two letters")
	v.currency("location.currency", c.Location.Currency)
	v.that(c.SoftwareNotAfterMs >= 0, "softwareNotAfterMs", "is negative")
	for i, key := range c.SigningKeys {
		_, err := ParseSigningKey(key)
		v.that(err == nil, fmt.Sprintf("signingKeys[%d]", i), "is not an ECDSA P-256 key")
	}
	c.Offline.validate(v)
	c.Link.validate(v)
	c.Terminal.validate(v)
	v.that(len(c.Applications) > 0, "applications", "is empty")
	for i, a := range c.Applications {
		a.validate(v, fmt.Sprintf("applications[%d].", i))
	}
	taps := make(map[tapped]bool)
	for i, t := range c.Contactless {
		field := fmt.Sprintf("contactless[%d].", i)
		t.validate(v, field)
		v.that(!taps[t.tapped()], field+"aid", "is a repeat, with the same kernel")
		taps[t.tapped()] = true
	}
	for i, k := range c.CAKeys {
		k.validate(v, fmt.Sprintf("caKeys[%d].", i))
	}
	for i, r := range c.Revoked {
		field := fmt.Sprintf("revoked[%d].", i)
		v.hex(field+"rid", r.RID, 5, 5)
		v.hex(field+"index", r.Index, 1, 1)
		v.hex(field+"serial", r.Serial, 3, 3)
	}
	v.that(len(c.SealKeys) > 0, "sealKeys", "is empty")
	seen := make(map[string]bool)
	for i, k := range c.SealKeys {
		field := fmt.Sprintf("sealKeys[%d]", i)
		v.that(k.ID != "" && len(k.Key) > 0, field, "is incomplete")
		v.that(!seen[k.ID], field+".id", "is a repeat")
		seen[k.ID] = true
	}
	return v.err
}

func (o *Offline) validate(v *validator) {
	v.age("offline.configMaxAgeMs", o.ConfigMaxAgeMs)
	v.age("offline.sessionMaxAgeMs", o.SessionMaxAgeMs)
	v.that(o.SessionMaxAgeMs == 0 || o.SessionMaxAgeMs >= 60_000, "offline.sessionMaxAgeMs", "is less than a minute")
	v.that(o.Inspection == "" || o.Inspection == InspectionRefuse || o.Inspection == InspectionOmit, "offline.inspection", "is neither refuse nor omit")
	v.that(o.WithoutIssuer == "" || o.WithoutIssuer == WithoutIssuerDefer || o.WithoutIssuer == WithoutIssuerCard, "offline.withoutIssuer", "is neither defer nor card")
	v.that(o.DeferAfterMs >= 0 && o.DeferAfterMs <= 120_000, "offline.deferAfterMs", "is not 0 to 120000")
	v.that(o.ForwardInFlight >= 0 && o.ForwardInFlight <= 32, "offline.forwardInFlight", "is not 0 to 32")
	v.that(o.ReceiptDays >= 0 && o.ReceiptDays <= 36_500, "offline.receiptDays", "is not 0 to 36500")
	seen := make(map[[4]string]bool)
	for i, l := range o.Limits {
		field := fmt.Sprintf("offline.limits[%d].", i)
		v.currency(field+"currency", l.Currency)
		scope := [4]string{l.Currency, l.Brand, l.EntryMode, l.CVM}
		v.that(!seen[scope], field+"currency", "is a repeat")
		seen[scope] = true
		v.that(l.EntryMode == "" || l.EntryMode == "contact_emv" || l.EntryMode == "contactless_emv", field+"entryMode", "is neither contact_emv nor contactless_emv")
		v.that(l.MaxAmount >= 0, field+"maxAmount", "is negative")
		v.that(l.MaxCount >= 0, field+"maxCount", "is negative")
		v.that(l.MaxStored >= 0, field+"maxStored", "is negative")
		v.age(field+"maxAgeMs", l.MaxAgeMs)
		v.that(l.MaxPerCard >= 0, field+"maxPerCard", "is negative")
		v.that(l.MaxStoredPerCard >= 0, field+"maxStoredPerCard", "is negative")
		v.age(field+"cardWindowMs", l.CardWindowMs)
	}
	if e := o.Equivalents; e != nil {
		_, err := time.Parse(time.DateOnly, e.AsOf)
		v.that(err == nil, "offline.equivalents.asOf", "is not a date as 2026-11-01")
		for currency, amount := range e.Amounts {
			v.currency("offline.equivalents.amounts", currency)
			v.that(amount > 0, "offline.equivalents.amounts."+currency, "is not positive")
		}
	}
}

func (l *LinkSettings) validate(v *validator) {
	v.that(l.FailedAttempts >= 0 && l.FailedAttempts <= 100, "link.failedAttempts", "is not 0 to 100")
	for field, ms := range map[string]int64{
		"probeTimeoutMs": l.ProbeTimeoutMs, "onlineIntervalMs": l.OnlineIntervalMs, "retryMinMs": l.RetryMinMs, "retryMaxMs": l.RetryMaxMs,
	} {
		// Less would flood the platform, or take any answer for too late.
		v.that(ms == 0 || ms >= 100 && ms <= 24*3600*1000, "link."+field, "is not 100 ms to a day, or 0")
	}
}

func (t *Terminal) validate(v *validator) {
	v.that(len(t.SerialNumber) == 0 || len(t.SerialNumber) == 8, "terminal.serialNumber", "is not 8 characters")
	v.hex("terminal.type", t.Type, 1, 1)
	v.hex("terminal.capabilities", t.Capabilities, 3, 3)
	v.hex("terminal.additionalCapabilities", t.AdditionalCapabilities, 5, 5)
	v.that(t.Country > 0 && t.Country <= 999, "terminal.country", "is not a numeric country code")
	v.that(t.MCC >= 0 && t.MCC <= 9999, "terminal.mcc", "is not four digits")
	v.hex("terminal.acquirerId", t.AcquirerID, 0, 6)
	v.that(len(t.MerchantID) <= 15, "terminal.merchantId", "is longer than 15 characters")
	v.that(len(t.TerminalID) <= 8, "terminal.terminalId", "is longer than 8 characters")
	if p := t.PIN; p != nil {
		v.that(p.Format == PINFormat4 || p.Format == PINFormat0, "terminal.pin.format", "is neither iso4 nor iso0")
		v.that(p.Key != "", "terminal.pin.key", "is empty")
	}
}

func (a *Application) validate(v *validator, field string) {
	v.hex(field+"aid", a.AID, 5, 16)
	v.hex(field+"version", a.Version, 2, 2)
	v.hex(field+"tacDenial", a.TACDenial, 5, 5)
	v.hex(field+"tacOnline", a.TACOnline, 5, 5)
	v.hex(field+"tacDefault", a.TACDefault, 5, 5)
	v.that(a.FloorLimit >= 0 && a.FloorLimit <= mostFloor, field+"floorLimit", "is not 0 to %d", int64(mostFloor))
	v.that(a.RandomThreshold >= 0, field+"randomThreshold", "is negative")
	v.that(0 <= a.RandomTarget && a.RandomTarget <= a.RandomMaximum, field+"randomTarget", "is not 0 to randomMaximum")
	v.that(a.RandomMaximum <= 99, field+"randomMaximum", "is more than 99")
	v.hex(field+"defaultDdol", a.DefaultDDOL, 0, 252)
	v.hex(field+"defaultTdol", a.DefaultTDOL, 0, 252)
	if a.FloorCurrency != "" {
		v.currency(field+"floorCurrency", a.FloorCurrency)
	}
	if a.Capabilities != "" {
		v.hex(field+"capabilities", a.Capabilities, 3, 3)
	}
	if a.AdditionalCapabilities != "" {
		v.hex(field+"additionalCapabilities", a.AdditionalCapabilities, 5, 5)
	}
	v.that(a.Country >= 0 && a.Country <= 999, field+"country", "is not a numeric country code")
}

// tapped is what no two entries may have in common: a card that offers the
// application for the kernel would mean both.
type tapped struct {
	aid    string
	kernel int
}

func (t *Contactless) tapped() tapped {
	kernel := t.KernelID
	switch t.Kernel {
	case KernelC2:
		kernel = 2
	case KernelC3:
		kernel = 3
	}
	return tapped{strings.ToUpper(t.AID), kernel}
}

func (t *Contactless) validate(v *validator, field string) {
	v.hex(field+"aid", t.AID, 5, 16)
	v.that(t.Brand != "", field+"brand", "is empty")
	c2, c3, insert := t.Kernel == KernelC2, t.Kernel == KernelC3, t.Kernel == KernelInsert
	v.that(c2 || c3 || insert, field+"kernel", "is none of c2, c3 and insert")
	// Cards of the one never ask for the other's kernel, so none would be taken.
	rid := strings.ToUpper(t.AID[:min(len(t.AID), 10)])
	v.that(!c2 || rid != ridVisa, field+"kernel", "is c2, and the AID is Visa's; use c3")
	v.that(!c3 || rid != ridMastercard, field+"kernel", "is c3, and the AID is Mastercard's; use c2")
	v.that(t.KernelID == 0 || insert, field+"kernelId", "is for insert only")
	// Beyond 127 a card names a kernel with three bytes (EMV Contactless Book B, 3.3.2.5).
	v.that(t.KernelID >= 0 && t.KernelID <= 127, field+"kernelId", "is not 0 to 127")
	v.that(len(t.Limits) > 0 || insert, field+"limits", "is empty; name the currencies") // no limits would be no limit
	v.that(len(t.Limits) == 0 || !insert, field+"limits", "is for c2 and c3 only")
	seen := make(map[string]bool)
	for i, l := range t.Limits {
		l.validate(v, fmt.Sprintf("%slimits[%d].", field, i), c2)
		v.that(!seen[l.Currency], fmt.Sprintf("%slimits[%d].currency", field, i), "is a repeat")
		seen[l.Currency] = true
	}
	v.only(c3, field+"ttq", t.TTQ, 4, "c3")
	v.only(c2, field+"version", t.Version, 2, "c2")
	v.only(c2, field+"tacDenial", t.TACDenial, 5, "c2")
	v.only(c2, field+"tacOnline", t.TACOnline, 5, "c2")
	v.only(c2, field+"tacDefault", t.TACDefault, 5, "c2")
	v.that(!t.MagneticStripe || c2, field+"magneticStripe", "is for c2 only")
}

func (l *ContactlessLimits) validate(v *validator, field string, c2 bool) {
	v.currency(field+"currency", l.Currency)
	v.that(l.OnDevice == nil || c2, field+"onDevice", "is for c2 only")
	v.that(l.Floor != nil, field+"floor", "is missing; 0 has the issuer asked each time")
	v.that(l.CVMRequired != nil, field+"cvmRequired", "is missing; 0 has the cardholder verified each time")
	for name, limit := range map[string]*int64{
		"transaction": l.Transaction, "onDevice": l.OnDevice, "floor": l.Floor, "cvmRequired": l.CVMRequired,
	} {
		v.that(limit == nil || *limit >= 0 && *limit <= mostAmount, field+name, "is not 0 to %d", int64(mostAmount))
	}
}

// The payment systems of the kernels (ISO/IEC 7816-5 registered identifiers).
const (
	ridVisa       = "A000000003"
	ridMastercard = "A000000004"
)

// mostAmount is what a card can be told of (EMV Book 3, Annex A: '9F02' is n 12),
// mostFloor what a floor limit can be ('9F1B' has four bytes).
const (
	mostAmount = 999_999_999_999
	mostFloor  = 1<<32 - 1
)

func (k *CAKey) validate(v *validator, field string) {
	v.hex(field+"rid", k.RID, 5, 5)
	v.hex(field+"index", k.Index, 1, 1)
	v.hex(field+"modulus", k.Modulus, 64, 248)
	v.hex(field+"exponent", k.Exponent, 1, 3)
	v.hex(field+"checksum", k.Checksum, 20, 20)
	v.that(k.Mode == "" || k.Mode == "live" || k.Mode == "test", field+"mode", "is neither live nor test")
	_, err := time.Parse("2006-01", k.Expiry)
	v.that(k.Expiry == "" || err == nil, field+"expiry", "is not a month as 2031-12")
}

// validator keeps the first complaint.
type validator struct {
	document string
	err      error
}

func (v *validator) that(ok bool, field, format string, args ...any) {
	if !ok && v.err == nil {
		v.err = fmt.Errorf("%w: %s: %s %s", ErrDocument, v.document, field, fmt.Sprintf(format, args...))
	}
}

// age checks a length of time in milliseconds. Longer ones would overflow when
// they are reckoned with, and a limit that overflows is none.
func (v *validator) age(field string, ms int64) {
	v.that(ms >= 0 && ms <= 100*365*24*3600*1000, field, "is not 0 to 100 years")
}

// hex checks for hex digits of low to high bytes.
func (v *validator) hex(field, s string, low, high int) {
	b, err := hex.DecodeString(s)
	v.that(err == nil && len(b) >= low && len(b) <= high, field, "is not hex of %d to %d bytes", low, high)
}

// only checks for hex of n bytes, where the kernel needs it; elsewhere there is none.
func (v *validator) only(needed bool, field, s string, n int, kernel string) {
	if needed {
		v.hex(field, s, n, n)
		return
	}
	v.that(s == "", field, "is for %s only", kernel)
}

func (v *validator) currency(field, s string) {
	ok := len(s) == 3
	for _, c := range s {
		ok = ok && 'a' <= c && c <= 'z'
	}
	v.that(ok, field, "is not a lower-case currency code")
}
