package emvtest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"smartreader/emvkernel/tlv"
)

// ErrMalformed is returned when the data of a payment cannot be read at all. The text names the tag,
// never its content.
var ErrMalformed = errors.New("emvtest: malformed payment data")

// issuerDataBytes is the length of the issuer authentication data ('91'): ARPC and response code.
const issuerDataBytes = 10

// Verdict says whether a payment's cryptogram is right.
type Verdict int

const (
	// CryptogramMismatch: the cryptogram is not this card's over this data. Something it covers was altered
	// (amount, other amount, country, TVR, currency, date, type, unpredictable number, AIP, ATC, '9F10'),
	// it is of another GENERATE AC than it is said to be, or the card is forged.
	CryptogramMismatch Verdict = iota
	// UnknownCard: the number is none of the test issuer's.
	UnknownCard
	// NotOnline: the cryptogram is right, but it is an AAC and asks the issuer nothing.
	NotOnline
	// CardApproved: the cryptogram is right and a TC. The card approved in its issuer's place, whose rules
	// it carries; there is nothing left to decide.
	CardApproved
	// Genuine: an ARQC this card computed, over exactly those values listed above. The cryptogram covers
	// nothing else: CVM results, terminal and merchant, track 2, expiry date and name are no more proven
	// than whoever sent them is trusted. For an offline PIN see CheckResult.PIN.
	Genuine
)

func (v Verdict) String() string {
	switch v {
	case CryptogramMismatch:
		return "cryptogram mismatch"
	case UnknownCard:
		return "unknown card"
	case NotOnline:
		return "not an online request"
	case CardApproved:
		return "approved by the card"
	case Genuine:
		return "genuine"
	}
	return fmt.Sprintf("verdict %d", int(v))
}

// CheckResult is what the issuer found. It holds no card number and may be logged. Whether ATC was seen
// before is for the caller, who has a memory; so is what to do about a payment that is not Genuine,
// though Decision declines it.
type CheckResult struct {
	Verdict  Verdict
	Reason   string // what failed, for people; empty when Genuine
	Brand    string // empty when UnknownCard
	Last4    string
	Sequence byte // PAN sequence number, BCD
	// Card is the same for the same card number and sequence number: 32 hexadecimal digits. It is no
	// secret, its key is public.
	Card       string
	ATC        uint16
	Cryptogram [8]byte
	Amount     int64  // minor units, '9F02'
	Currency   uint16 // ISO 4217 numeric
	// PIN: the card was given the right offline PIN. That is the card's own word, covered by the
	// cryptogram and false unless Genuine. Where the CVM results ('9F34') claim a PIN and this does not,
	// somebody between terminal and card answered VERIFY, and Decision declines.
	PIN bool
	// Tap: the card was tapped; OnDevice: the consumer's device verified the cardholder. Both are the card's
	// own word, as PIN is. A claim of such a verification ('9F34', '9F6C') that the card does not make
	// declines.
	Tap, OnDevice bool
	Decision      Decision
}

// Issuer stands behind all test cards. It has no memory of payments; its methods may be called from any
// goroutine.
type Issuer struct {
	declines map[string]string // card number -> decline code
	taps     map[string]string // card number -> decline code of a tap without PIN
	pins     map[string]string // card number -> PIN
}

// NewIssuer makes the issuer of the cards in Profiles. Cards made from other profiles verify too; their
// issuer line counts when they are given here.
func NewIssuer(others ...*Profile) *Issuer {
	own := ownCards()
	i := &Issuer{declines: maps.Clone(own.declines), taps: maps.Clone(own.taps), pins: maps.Clone(own.pins)}
	for _, p := range others {
		i.add(p)
	}
	return i
}

// ownCards is the issuer of the embedded profiles: reading them all takes a while.
var ownCards = sync.OnceValue(func() *Issuer {
	i := &Issuer{declines: map[string]string{}, taps: map[string]string{}, pins: map[string]string{}}
	for _, name := range Profiles() {
		p, err := Load(name)
		if err != nil {
			panic(err) // a profile in the binary that does not parse is a defect of the build; tests load all
		}
		i.add(p)
	}
	return i
})

// String keeps the card numbers it knows out of logs.
func (i *Issuer) String() string { return "test issuer" }

// GoString does so too.
func (i *Issuer) GoString() string { return "test issuer" }

func (i *Issuer) add(p *Profile) {
	for _, a := range p.applications {
		i.declines[string(a.pan)] = a.decline
		i.pins[string(a.pan)] = a.pin
		i.taps[string(a.pan)] = a.tap.issuer
	}
}

// Check reads the data objects of a payment, as the kernel's ACData has them, and recomputes the
// cryptogram. The error is ErrMalformed when that is impossible.
func (i *Issuer) Check(acData []byte) (CheckResult, error) {
	p, err := parsePayment(acData)
	if err != nil {
		return CheckResult{}, err
	}
	r := CheckResult{
		Last4: p.pan.last4(), Sequence: p.sequence, Card: p.card(),
		ATC: p.atc, Cryptogram: p.cryptogram, Amount: p.amount, Currency: p.currency,
	}
	b := brandOfNumber(string(p.pan))
	if b == nil || !p.pan.validLuhn() {
		r.Verdict, r.Reason = UnknownCard, "the card number is not one of this issuer's"
		r.Decision = decline("invalid_number")
		return r, nil
	}
	r.Brand = b.name
	r.Verdict, r.Reason = p.verify(b)
	r.Decision = decline("generic_decline")
	switch r.Verdict {
	case Genuine:
		r.PIN, r.Tap, r.OnDevice = pinInIAD(p.iad), tapInIAD(p.iad), onDeviceInIAD(p.iad)
		r.Decision = i.decide(p)
	case CardApproved:
		r.PIN, r.Tap, r.OnDevice = pinInIAD(p.iad), tapInIAD(p.iad), onDeviceInIAD(p.iad)
		r.Decision = Decision{Approved: true, ARC: [2]byte([]byte(p.terminalCode()))}
	}
	return r, nil
}

// RightPIN reports whether a PIN is that of the card with the number: the issuer's side of an online PIN.
// It counts no tries.
func (i *Issuer) RightPIN(number string, pin []byte) bool {
	want, known := i.pins[number]
	return known && subtle.ConstantTimeCompare([]byte(want), pin) == 1
}

// Decide says how the issuer answers a payment by card number, amount in minor units and ISO 4217
// numeric currency. A number no profile has is approved unless the amount says otherwise.
func (i *Issuer) Decide(number string, amount int64, currency uint16) Decision {
	if code := i.declines[number]; code != "" {
		return decline(code)
	}
	return decideAmount(amount, currency)
}

func (i *Issuer) decide(p payment) Decision {
	switch {
	case p.tvr[1]&0x40 != 0:
		return decline("expired_card") // the terminal found so, and the card signed it
	case p.tvr[2]&0xA0 == 0xA0:
		return decline("pin_try_exceeded") // cardholder not verified, no tries left
	case p.tvr[2]&0x80 != 0:
		return decline("online_or_offline_pin_required")
	case tapInIAD(p.iad):
		return i.decideTap(p)
	case p.claimsPIN && !pinInIAD(p.iad):
		return decline("generic_decline") // somebody answered VERIFY in the card's place
	}
	return i.Decide(string(p.pan), p.amount, p.currency)
}

// decideTap knows which taps want a PIN: by card, and by amount as the well-known physical test card does
// (.02 an offline PIN, so that the card is to be inserted; .03 one of either kind). Who unlocked a device, or
// enters an online PIN with the tap, has been asked; that PIN is verified beside the cryptogram, see RightPIN.
func (i *Issuer) decideTap(p payment) Decision {
	if p.expired {
		return decline("expired_card") // Visa's kernel leaves that to the issuer
	}
	onDevice := onDeviceInIAD(p.iad)
	if p.claimsOnDevice && !onDevice {
		return decline("generic_decline") // somebody between terminal and card said so in its place
	}
	if p.claimsOnlinePIN && !onlinePINInIAD(p.iad) {
		return decline("generic_decline")
	}
	d := i.Decide(string(p.pan), p.amount, p.currency)
	if !d.Approved || onDevice {
		return d
	}
	code := i.taps[string(p.pan)]
	if code == "" && !slices.Contains(notHundredths, p.currency) {
		code = tapEndings[p.amount%100]
	}
	if code == "" || code == "online_or_offline_pin_required" && p.claimsOnlinePIN {
		return d
	}
	return decline(code)
}

// Respond makes the issuer authentication data ('91') for a payment: the ARPC over its cryptogram and
// arc, then arc. It answers whatever Check said; the card decides whether it believes it.
func (i *Issuer) Respond(acData []byte, arc [2]byte) ([]byte, error) {
	p, err := parsePayment(acData)
	if err != nil {
		return nil, err
	}
	b := brandOfNumber(string(p.pan))
	if b == nil {
		return nil, fmt.Errorf("%w: the card number is not one of this issuer's", ErrMalformed)
	}
	response := arpc(p.sessionKey(b), p.cryptogram, arc)
	return append(response[:], arc[:]...), nil
}

// payment is the part of a payment's data the issuer works with.
type payment struct {
	pan        pan
	sequence   byte
	cid        byte
	atc        uint16
	cryptogram [8]byte
	aip        [2]byte
	tvr        [5]byte
	claimsPIN  bool // the terminal does, in '9F34'
	expired    bool // by its own word, on the day of the payment
	// By tap, in '9F34' or '9F6C'.
	claimsOnDevice, claimsOnlinePIN bool
	iad                             []byte
	amount                          int64
	currency                        uint16
	terminal                        map[tlv.Tag][]byte
}

func (p payment) sessionKey(b *brand) [16]byte {
	return deriveSessionKey(deriveMasterKey(issuerMasterKey(b), string(p.pan), p.sequence), p.atc)
}

func (p payment) card() string {
	h := hmac.New(sha256.New, []byte(keySeed+"/card"))
	h.Write([]byte(p.pan))
	h.Write([]byte{p.sequence})
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (p payment) verify(b *brand) (Verdict, string) {
	claimed, second, ok := iadClaims(p.iad)
	if !ok {
		return CryptogramMismatch, "'9F10' is not this issuer's (unknown key index, version or length)"
	}
	input := cryptogramInput(p.terminal, p.aip, p.atc, p.iad)
	if mac(p.sessionKey(b), input) != p.cryptogram {
		return CryptogramMismatch, "the cryptogram does not cover this data: it was altered after the card computed it, or the card is forged"
	}
	kind := acType(p.cid & 0xC0)
	switch {
	case kind != claimed:
		return CryptogramMismatch, "'9F27' names another kind of cryptogram than '9F10'"
	case kind == typeTC:
		return CardApproved, ""
	case kind != typeARQC || second:
		return NotOnline, "the card did not ask for the issuer"
	}
	return Genuine, ""
}

// terminalCode is the response code ('8A') the terminal gave itself for a card that approved.
func (p payment) terminalCode() string {
	if _, second, _ := iadClaims(p.iad); second {
		return "Y3"
	}
	return "Y1"
}

func parsePayment(acData []byte) (p payment, err error) {
	elements, err := tlv.Parse(acData)
	if err != nil {
		return p, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	values := map[tlv.Tag][]byte{}
	for _, e := range elements {
		if _, twice := values[e.Tag]; twice {
			return p, fmt.Errorf("%w: tag %s stands twice", ErrMalformed, e.Tag)
		}
		values[e.Tag] = e.Value
	}
	// take notes the first failure; what it returns then has the right length, so reading goes on.
	take := func(tag tlv.Tag, length int) []byte {
		v, ok := values[tag]
		if ok && len(v) == length {
			return v
		}
		if err == nil {
			err = fmt.Errorf("%w: tag %s is missing or not %d bytes", ErrMalformed, tag, length)
		}
		return make([]byte, length)
	}
	p.cid = take(0x9F27, 1)[0]
	p.cryptogram = [8]byte(take(0x9F26, 8))
	atc := take(0x9F36, 2)
	p.atc = uint16(atc[0])<<8 | uint16(atc[1])
	p.aip = [2]byte(take(0x82, 2))
	p.tvr = [5]byte(take(0x95, 5))
	p.iad = values[0x9F10]
	if results := values[0x9F34]; len(results) == 3 {
		p.claimsPIN = slices.Contains([]byte{0x01, 0x03, 0x04, 0x05}, results[0]&^orNextRule) && results[2] != 0x01
	}
	p.claimsOnDevice, p.claimsOnlinePIN = p.claimsPIN, claimedMethod(values[0x9F34]) == 0x02
	p.terminal = map[tlv.Tag][]byte{}
	for _, item := range cryptogramTags {
		p.terminal[item.Tag] = take(item.Tag, item.Length)
	}
	if _, ok := values[0x5F34]; ok {
		p.sequence = take(0x5F34, 1)[0]
	}
	if err != nil {
		return payment{}, err
	}
	amount, ok1 := bcdNumber(p.terminal[0x9F02])
	currency, ok2 := bcdNumber(p.terminal[0x5F2A])
	if _, ok := bcdNumber([]byte{p.sequence}); !ok || !ok1 || !ok2 {
		return payment{}, fmt.Errorf("%w: 9F02, 5F2A or 5F34 is not decimal", ErrMalformed)
	}
	p.amount, p.currency = amount, uint16(currency)
	p.pan, err = numberOf(values)
	if err != nil {
		return payment{}, err
	}
	if b := brandOfNumber(string(p.pan)); b != nil && b.name == "visa" { // of others '9F6C' is something else
		if ctq := values[0x9F6C]; len(ctq) == 2 {
			p.claimsOnDevice = p.claimsOnDevice || ctq[1]&ctqOnDevice != 0
			p.claimsOnlinePIN = p.claimsOnlinePIN || ctq[0]&ctqOnlinePIN != 0
		}
	}
	p.expired = expired(values)
	return p, nil
}

// numberOf reads the card number from '5A', from the track 2 equivalent data ('57'), or from both when
// they agree.
func numberOf(values map[tlv.Tag][]byte) (pan, error) {
	number := strings.TrimRight(strings.ToUpper(hex.EncodeToString(values[0x5A])), "F")
	if track, ok := values[0x57]; ok {
		left, _, found := strings.Cut(strings.ToUpper(hex.EncodeToString(track)), "D")
		if !found || number != "" && left != number {
			return "", fmt.Errorf("%w: 57 is not track 2 of the card in 5A", ErrMalformed)
		}
		number = left
	}
	if number == "" || len(number) > 19 || !allDigits(number) {
		return "", fmt.Errorf("%w: neither 5A nor 57 has a card number", ErrMalformed)
	}
	return pan(number), nil
}

// expired compares the month of '5F24' or else the track with the date of the payment.
func expired(values map[tlv.Tag][]byte) bool {
	month := values[0x5F24]
	if len(month) != 3 {
		_, track, _ := strings.Cut(strings.ToUpper(hex.EncodeToString(values[0x57])), "D")
		if len(track) < 4 || !allDigits(track[:4]) {
			return false
		}
		month = hexDigits(track[:4])
	}
	return bytes.Compare(month[:2], values[0x9A][:2]) < 0
}

func bcdNumber(b []byte) (int64, bool) {
	var n int64
	for _, c := range b {
		if c>>4 > 9 || c&0x0F > 9 {
			return 0, false
		}
		n = n*100 + int64(c>>4)*10 + int64(c&0x0F)
	}
	return n, true
}
