package emvkernel

import (
	"errors"
	"fmt"
	"slices"

	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tlv"
)

// ErrConfig is returned when the terminal's configuration or a payment's parameters cannot be used.
var ErrConfig = errors.New("emvkernel: bad configuration")

// Config is what the acquirer and the payment systems give the terminal.
type Config struct {
	Terminal     Terminal
	Applications []Application
	CAKeys       []oda.CAKey
	// Test says that the terminal takes test cards. Live and test keys share their indexes and are never
	// mixed: every one of CAKeys must say the same, and a live terminal has no key whose private half is
	// public (oda.CAKey.Public).
	Test bool
	// Revoked lists the issuer certificates that are not good any more.
	Revoked []oda.Revocation
}

// Terminal describes the terminal, the same for every application.
type Terminal struct {
	Type                   byte    // '9F35' as coded, e.g. 0x22: attended, offline with online capability, merchant
	Capabilities           [3]byte // '9F33'
	AdditionalCapabilities [5]byte // '9F40'
	Country                uint16  // '9F1A': ISO 3166-1 numeric
	SerialNumber           string  // '9F1E': 8 characters, or empty
	MerchantID             string  // '9F16': up to 15 characters
	TerminalID             string  // '9F1C': up to 8 characters
	MerchantName           string  // '9F4E'
	MCC                    uint16  // '9F15': ISO 18245 merchant category code
	AcquirerID             []byte  // '9F01': up to 6 bytes as coded
	// Languages are what the terminal speaks, best first: ISO 639-1 codes. The cardholder is addressed in
	// the first of the card's languages that is among them, else in the first of these.
	Languages []string
}

// Application is one application the terminal accepts.
type Application struct {
	AID          []byte  // '9F06': 5 to 16 bytes
	PartialMatch bool    // application selection indicator: the card's name may be longer than AID
	Version      [2]byte // '9F09'
	// Terminal action codes. A zero code leaves the decision to the card's issuer action codes, but some
	// payments are never approved offline whatever the codes are, see OfflineApproval.
	TACDenial, TACOnline, TACDefault [5]byte
	FloorLimit                       int64 // minor units; at or above it the terminal goes online
	// FloorCurrency is the currency FloorLimit and RandomThreshold are in, ISO 4217 numeric. A payment in
	// another one has a floor limit of zero. 0: whatever the payment is in.
	FloorCurrency uint16
	// Random selection of payments below the floor limit (Book 3, 10.6.2). All zero: none.
	RandomThreshold             int64 // minor units, below FloorLimit
	RandomTarget, RandomMaximum byte  // per cent, 0 to 99
	// Used when the card has none. DefaultDDOL must ask for all of 9F37; empty, it means 9F37 alone.
	DefaultDDOL, DefaultTDOL []byte
	// Brand is what CardData calls it: "visa", "mastercard", "amex", ... as in Schemes.
	Brand string

	// What the terminal is for this application only; nil or 0: as in Terminal.
	Capabilities           *[3]byte
	AdditionalCapabilities *[5]byte
	Country                uint16

	// OfflineApproval lets the card approve without its issuer (TC): below the floor limit, and where the
	// default action codes allow it after going online failed. It has its own liability rules. Without
	// it no cryptogram but an ARQC or AAC is ever asked for before the issuer approved. With it there is
	// still none for a card that was not authenticated by DDA or CDA, an account on the exception file, a
	// PIN that waits for the issuer, a merchant who wants the issuer asked, cash, cashback and refunds.
	OfflineApproval bool
	// PINBypass lets the cardholder go on without a PIN.
	PINBypass bool
}

// maxAmount is what twelve digits hold.
const maxAmount = 999_999_999_999

// Validate reports the first entry that cannot be used, by its place and never by secret content.
func (c *Config) Validate() error {
	if err := c.Terminal.validate(); err != nil {
		return fmt.Errorf("%w: terminal: %w", ErrConfig, err)
	}
	if len(c.Applications) == 0 {
		return fmt.Errorf("%w: no applications; list those the acquirer accepts", ErrConfig)
	}
	for i := range c.Applications {
		a := &c.Applications[i]
		if err := a.validate(&c.Terminal); err != nil {
			return fmt.Errorf("%w: application %d (%X): %w", ErrConfig, i, a.AID, err)
		}
		for j := range i {
			if string(c.Applications[j].AID) == string(a.AID) {
				return fmt.Errorf("%w: application %d (%X): same AID as application %d", ErrConfig, i, a.AID, j)
			}
		}
	}
	for i, k := range c.CAKeys {
		if err := k.Check(); err != nil {
			return fmt.Errorf("%w: certification authority key %d: %w", ErrConfig, i, err)
		}
		if k.Test != c.Test {
			return fmt.Errorf("%w: certification authority key %d (%X index %02X): %s key on a %s terminal; leave out the key or change the terminal's Test",
				ErrConfig, i, k.RID, k.Index, liveOrTest(k.Test), liveOrTest(c.Test))
		}
		if !c.Test && k.Public() {
			return fmt.Errorf("%w: certification authority key %d (%X index %02X): its private half is public, anybody can make cards under it; leave it out of a live terminal",
				ErrConfig, i, k.RID, k.Index)
		}
		for j := range i {
			if c.CAKeys[j].RID == k.RID && c.CAKeys[j].Index == k.Index {
				return fmt.Errorf("%w: certification authority key %d (%X index %02X): same RID and index as key %d", ErrConfig, i, k.RID, k.Index, j)
			}
		}
	}
	for i, r := range c.Revoked {
		if r.RID == [5]byte{} {
			return fmt.Errorf("%w: revocation %d: no RID", ErrConfig, i)
		}
		if slices.Contains(c.Revoked[:i], r) {
			return fmt.Errorf("%w: revocation %d (%X index %02X serial %X): listed twice", ErrConfig, i, r.RID, r.Index, r.Serial)
		}
	}
	return nil
}

func liveOrTest(test bool) string {
	if test {
		return "test"
	}
	return "live"
}

func (t *Terminal) validate() error {
	operator, environment := t.Type>>4, t.Type&0x0F
	if operator < 1 || operator > 3 || environment < 1 || environment > 6 || (operator == 3 && environment < 4) {
		return fmt.Errorf("type %02X is not one of EMV Book 4, Annex A1", t.Type)
	}
	if t.Country == 0 || t.Country > 999 {
		return fmt.Errorf("country %d is not an ISO 3166-1 numeric code", t.Country)
	}
	if n := len(t.SerialNumber); n != 0 && n != 8 {
		return fmt.Errorf("serial number of %d characters, want 8", n)
	}
	for _, e := range []struct {
		name      string
		size, max int
	}{
		{"merchant identifier", len(t.MerchantID), 15}, {"terminal identification", len(t.TerminalID), 8},
		{"merchant name", len(t.MerchantName), 127}, {"acquirer identifier", len(t.AcquirerID), 6},
	} {
		if e.size > e.max {
			return fmt.Errorf("%s of %d bytes, want at most %d", e.name, e.size, e.max)
		}
	}
	if t.MCC > 9999 {
		return fmt.Errorf("merchant category code %d, want four digits", t.MCC)
	}
	for i, l := range t.Languages {
		if len(l) != 2 || Languages([]byte(l)) != l {
			return fmt.Errorf("language %d is not an ISO 639-1 code of two small letters", i)
		}
	}
	return nil
}

func (a *Application) validate(t *Terminal) error {
	if n := len(a.AID); n < 5 || n > 16 {
		return fmt.Errorf("AID of %d bytes, want 5 to 16", n)
	}
	if a.FloorLimit < 0 || a.FloorLimit > 1<<32-1 {
		return fmt.Errorf("floor limit %d does not fit '9F1B', want 0 to %d minor units", a.FloorLimit, uint32(1<<32-1))
	}
	if a.FloorCurrency > 999 {
		return fmt.Errorf("floor limit currency %d is not an ISO 4217 numeric code", a.FloorCurrency)
	}
	if a.Country > 999 {
		return fmt.Errorf("country %d is not an ISO 3166-1 numeric code", a.Country)
	}
	if a.PINBypass && a.capabilities(t)[1]&(canPlaintextPIN|canEncipheredPIN|canOnlinePIN) == 0 {
		return errors.New("PIN bypass, but capabilities without any PIN; leave out the one or correct the other")
	}
	if a.OfflineApproval && t.OnlineOnly() {
		return fmt.Errorf("offline approval on an online-only terminal, type %02X; leave out the one or correct the other", t.Type)
	}
	if a.RandomTarget > a.RandomMaximum || a.RandomMaximum > 99 {
		return fmt.Errorf("random selection of %d to %d per cent, want the target not above the maximum, and that not above 99", a.RandomTarget, a.RandomMaximum)
	}
	if a.RandomMaximum > 0 && (a.RandomThreshold < 0 || a.RandomThreshold >= a.FloorLimit) {
		return fmt.Errorf("random selection threshold %d is not below the floor limit %d", a.RandomThreshold, a.FloorLimit)
	}
	ddol, err := tlv.ParseDOL(a.DefaultDDOL)
	if err != nil {
		return fmt.Errorf("default DDOL: %w", err)
	}
	if len(ddol) > 0 && !asksForUN(ddol) {
		return errors.New("default DDOL does not ask for four bytes of '9F37'; add 9F3704")
	}
	if _, err := tlv.ParseDOL(a.DefaultTDOL); err != nil {
		return fmt.Errorf("default TDOL: %w", err)
	}
	return nil
}

// capabilities is '9F33' for the application on the terminal.
func (a *Application) capabilities(t *Terminal) [3]byte {
	if a.Capabilities != nil {
		return *a.Capabilities
	}
	return t.Capabilities
}

// floorLimit is '9F1B' for a payment in the currency.
func (a *Application) floorLimit(currency uint16) int64 {
	if a.FloorCurrency != 0 && a.FloorCurrency != currency {
		return 0
	}
	return a.FloorLimit
}
