package payment

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Limit bounds what may be stored, in minor units of one currency. Zero means
// no limit of that kind.
type Limit struct {
	MaxAmount int64         // of one payment, tip included
	MaxCount  int           // of payments waiting to be forwarded; without a scope those in all currencies
	MaxStored int64         // of their sum
	MaxAge    time.Duration // of the oldest of them

	// What one card may have had stored within the window. The reader knows a
	// card again only until it restarts.
	MaxPerCard       int
	MaxStoredPerCard int64
	CardWindow       time.Duration // 0: 24 h
}

// waiting reports whether the payments that wait must be looked at one by one.
func (r Rule) waiting() bool {
	return r.Limit.MaxAge > 0 || r.scoped() && (r.Limit.MaxCount > 0 || r.Limit.MaxStored > 0)
}

func (l Limit) window() time.Duration { return cmp.Or(l.CardWindow, 24*time.Hour) }

// Rule is a limit for one currency. Brand, EntryMode and CVM, when not empty,
// are its scope: it is for payments with such cards, and counts only those.
type Rule struct {
	Currency  string // lower-case ISO 4217
	Brand     string // as in emvkernel.Application
	EntryMode string // contact_emv or contactless_emv
	CVM       string // as in emvkernel.Receipt
	Limit     Limit
}

func (r Rule) scoped() bool { return r.Brand != "" || r.EntryMode != "" || r.CVM != "" }

// covers reports whether a payment with such a card falls under the rule. A
// rule with a scope never covers what is not known.
func (r Rule) covers(currency, brand, entryMode, cvm string) bool {
	return r.Currency == currency && (r.Brand == "" || r.Brand == brand) &&
		(r.EntryMode == "" || r.EntryMode == entryMode) && (r.CVM == "" || r.CVM == cvm)
}

// scope is the rule's scope in words, empty when it has none.
func (r Rule) scope() string {
	return strings.Join(strings.Fields(r.Brand+" "+r.EntryMode+" "+r.CVM), " ")
}

// Policy decides whether a payment may be accepted without asking the issuer.
// All rules a payment falls under hold: another rule for a currency that is
// taken can only tighten; evaluate.go has the order. A Policy is a value; it is not changed after
// [NewPolicy].
type Policy struct {
	Enabled        bool        // the Location is configured for offline payments
	Rules          []Rule      // a currency that none of them names is not taken offline
	Equivalents    Equivalents // the shipped limit of one payment
	Country        string      // of the Location, ISO 3166 alpha-2; empty: taken for one with strong customer authentication
	ContactlessSCA bool        // taps are stored there, too
	// Unauthenticated lets taps be stored whose card did not prove to be genuine.
	Unauthenticated bool
}

// NewPolicy returns the policy of a Location. table is [ShippedEquivalents] or
// one that is newer.
func NewPolicy(enabled bool, rules []Rule, table Equivalents, country string, contactlessSCA bool) Policy {
	return Policy{Enabled: enabled, Rules: slices.Clone(rules), Equivalents: table, Country: strings.ToUpper(country), ContactlessSCA: contactlessSCA}
}

// source is who set a rule.
type source string

const (
	byReader        source = "reader"
	byConfiguration source = "configuration"
	byTill          source = "pos"
)

type sourcedRule struct {
	Rule
	source source
}

// rules are those for a payment in the currency, in the order they are looked
// at: the reader's own, the configuration's, the POS's.
func (p Policy) rules(currency string, pos Limit) []sourcedRule {
	var all []sourcedRule
	if amount := p.Equivalents.Amounts[currency]; amount > 0 {
		all = append(all, sourcedRule{Rule{Currency: currency, Limit: Limit{MaxAmount: amount}}, byReader})
	}
	for _, r := range p.Rules {
		if r.Currency == currency {
			all = append(all, sourcedRule{r, byConfiguration})
		}
	}
	if pos != (Limit{}) {
		all = append(all, sourcedRule{Rule{Currency: currency, Limit: pos}, byTill})
	}
	return all
}

// names reports whether a currency is taken offline at all, and whether there
// is a limit to what one payment may be: there must be, for every card.
func (p Policy) names(currency string) (listed, bounded bool) {
	bounded = p.Equivalents.Amounts[currency] > 0
	for _, r := range p.Rules {
		if r.Currency == currency {
			listed = true
			bounded = bounded || !r.scoped() && r.Limit.MaxAmount > 0
		}
	}
	return listed, bounded
}

// strongAuthentication are the countries where a tap that the issuer is not
// asked about is not stored: those of the European Economic Area and Great
// Britain, where payment service providers must apply strong customer
// authentication (Directive (EU) 2015/2366, article 97; UK Payment Services
// Regulations 2017, regulation 100). Parts of a member state with a code of
// their own are listed, and Gibraltar [unverified]. Switzerland is not among them
// [unverified].
var strongAuthentication = strings.Fields(`
	AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK
	IS LI NO GB
	AX GF GP MF MQ RE YT GI`)

func (p Policy) tapsNeedIssuer() bool {
	return !p.ContactlessSCA && (p.Country == "" || slices.Contains(strongAuthentication, p.Country))
}

// Entry modes, named as in Stripe Terminal's readMethod.
const (
	contactEMV        = "contact_emv"
	contactless       = "contactless_" // what the methods of a tap begin with
	contactlessEMV    = "contactless_emv"
	contactlessStripe = "contactless_magstripe_mode"
	magneticStripe    = "magnetic_stripe" // what all its methods begin with
	onlinePIN         = "online_pin"      // a CVM
	offlinePIN        = "offline_pin"     // what the CVMs with one begin with
	failedCVM         = "failure"         // what the CVM is when none succeeded
	brandInterac      = "interac"
	fingerprintLength = 16
)

// deferrable are the brands whose cards' payments may be stored: their rules
// know an authorization that comes after the sale. Of cards with two brands it
// is the one of the application that was used.
var deferrable = []string{"visa", "mastercard", "amex", "discover", "diners", "unionpay", "jcb", "maestro"}

// CardFacts is what the policy needs to know of the card.
type CardFacts struct {
	// Read says that a card was read, so that everything is known. Without it
	// only what is not empty is judged.
	Read bool

	Brand         string
	ReadMethod    string
	CVM           string // as in emvkernel.Receipt
	OnlinePIN     bool   // the card wants the PIN to be checked by its issuer
	Authenticated bool   // DDA, CDA or fDDA succeeded
	WrongBrand    bool   // the number is not one of the brand whose application was used
	ExpiryYear    int    // 20xx
	ExpiryMonth   int

	fingerprint fingerprint
}

func (c CardFacts) tapped() bool { return strings.HasPrefix(c.ReadMethod, contactless) }
