package c2

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// StripeSettings are those of magnetic stripe mode.
type StripeSettings struct {
	Version [2]byte // '9F6D'
	// CVM capabilities over and under the CVM limit (DF811E, DF812C): 0x00 no CVM, 0x10 signature, 0x20
	// online PIN, 0xF0 none is said.
	CVMRequired, CVMNotRequired byte
	DefaultUDOL                 []byte // DF811A: for a card without one; must ask for '9F6A'
}

func defaultStripe() StripeSettings {
	return StripeSettings{Version: [2]byte{0x00, 0x01}, CVMRequired: stripeSignature, DefaultUDOL: []byte{0x9F, 0x6A, 0x04}}
}

// CVM capabilities of magnetic stripe mode.
const (
	stripeNoCVM     = 0x00
	stripeSignature = 0x10
	stripePIN       = 0x20
	stripeNone      = 0xF0
)

func (s *StripeSettings) check() error {
	udol, err := tlv.ParseDOL(s.DefaultUDOL)
	if err != nil || !udol.Contains(tagNumericUN) {
		return errors.New("magnetic stripe mode: default UDOL does not ask for '9F6A'; set 9F6A04")
	}
	for _, c := range []byte{s.CVMRequired, s.CVMNotRequired} {
		if c != stripeNoCVM && c != stripeSignature && c != stripePIN && c != stripeNone {
			return fmt.Errorf("magnetic stripe mode: CVM capability %02X, want 00, 10, 20 or F0", c)
		}
	}
	return nil
}

// Tags of magnetic stripe mode. Three of them mean something else in EMV mode.
const (
	tagTrack1     tlv.Tag = 0x56
	tagTrack2     tlv.Tag = 0x9F6B
	tagCVC3Track1 tlv.Tag = 0x9F60
	tagCVC3Track2 tlv.Tag = 0x9F61
	tagUDOL       tlv.Tag = 0x9F69
	tagNumericUN  tlv.Tag = 0x9F6A
	tagPUNATC2    tlv.Tag = 0x9F66 // the TTQ elsewhere
)

// stripe is magnetic stripe mode (Book C-2, states 7, 13 and 14): the card computes a code for this tap and
// the terminal builds track data with it, for the issuer. Nothing is ever approved without it. The mode is
// retired for new terminals, and off unless configured; what the book has against guessing, longer waits after
// failures, is left out.
func (t *transaction) stripe(ctx context.Context) (tap.Outcome, error) {
	if !t.k.MagneticStripe {
		return tap.Outcome{}, invalid(l2StripeNotSupported, "the card has no EMV mode")
	}
	t.o.Release(tagPUNATC2)
	t.o.Set(0x9F6D, t.k.Stripe.Version[:]...)
	files := t.files
	if files[0] == stripeFile {
		files = files[:1]
	}
	if err := t.read(ctx, files); err != nil {
		return tap.Outcome{}, err
	}
	if err := t.limit(ctx); err != nil {
		return tap.Outcome{}, err
	}
	tracks, err := t.tracks()
	defer tracks.wipe()
	if err != nil {
		return tap.Outcome{}, err
	}
	udol, err := tlv.ParseDOL(t.udol())
	if err != nil {
		return tap.Outcome{}, malformed("UDOL")
	}
	t.o.Set(0x57, t.o.Get(tagTrack2)...) // the only place of the account number
	un := tracks.numericUN(t.a.Params.UnpredictableNumber)
	t.o.Set(tagNumericUN, un[:]...)
	if t.onDevice && t.cvmRequired {
		t.o.Set(0x9F7E, t.k.MobileSupport|0x02) // the device is to verify its holder
	}
	data := udol.Build(t.o.Get)
	const name = "COMPUTE CRYPTOGRAPHIC CHECKSUM"
	resp, err := t.send(ctx, apdu.Command{CLA: 0x80, INS: 0x2A, P1: 0x8E, P2: 0x80, Data: data})
	if err != nil {
		return tap.Outcome{}, err
	}
	if resp.SW != apdu.OK {
		return tap.Outcome{}, refused(name, resp.SW)
	}
	sum, ok := parseChecksum(resp.Data)
	if !ok {
		return tap.Outcome{}, malformed(name)
	}
	if sum.atc == nil {
		return tap.Outcome{}, invalid(l2CardDataMissing, name+": no counter")
	}
	t.cardRead()
	t.answer.phone = sum.phone
	if sum.track2 == nil { // the card does not want this payment, or not yet
		if m, wanted := t.seePhone(); wanted {
			return t.presentAgain(m), nil
		}
		return t.stripeOutcome(tap.Outcome{
			Kind: tap.Declined, UI: t.ui(tap.NotAuthorised, tap.NotReady), Reason: "card declined in magnetic stripe mode",
		})
	}
	if tracks.one != nil && sum.track1 == nil {
		return tap.Outcome{}, invalid(l2CardDataMissing, name+": no code for track 1")
	}
	verified := len(sum.phone) == 3 && sum.phone[1]&0x10 != 0 // by the consumer's device
	if err := t.stripeCardholder(verified); err != nil {
		return tap.Outcome{}, err
	}
	tracks.place(un, sum, verified)
	t.o.Set(0x9F36, bytes.Clone(sum.atc)...)
	t.o.Set(tagTrack2, packed(tracks.head2, tracks.two)...)
	t.o.Set(0x57, t.o.Get(tagTrack2)...)
	if tracks.one != nil {
		t.o.Set(tagTrack1, append(bytes.Clone(tracks.head1), tracks.one...)...)
	}
	defer func() { // the reading has copies
		clear(t.o.Get(tagTrack2))
		clear(t.o.Get(tagTrack1))
	}()
	return t.stripeOutcome(tap.Outcome{
		Kind: tap.OnlineRequest, UI: t.ui(tap.Authorising, tap.NotReady), Reason: "magnetic stripe mode: the issuer is asked",
	})
}

// udol is the card's list, or the terminal's.
func (t *transaction) udol() []byte {
	if list := t.o.Get(tagUDOL); list != nil {
		return list
	}
	return t.k.Stripe.DefaultUDOL
}

// checksum is the answer to COMPUTE CRYPTOGRAPHIC CHECKSUM.
type checksum struct {
	atc            []byte // '9F36'
	track1, track2 []byte // CVC3: '9F60', '9F61'
	phone          []byte // 'DF4B'
}

func parseChecksum(data []byte) (c checksum, ok bool) {
	e, rest, err := tlv.ParseOne(data)
	if err != nil || len(rest) != 0 || e.Tag != 0x77 {
		return c, false
	}
	for e, err := range tlv.All(e.Value) {
		if err != nil {
			return c, false
		}
		var into *[]byte
		size := 2
		switch e.Tag {
		case 0x9F36:
			into = &c.atc
		case tagCVC3Track1:
			into = &c.track1
		case tagCVC3Track2:
			into = &c.track2
		case tagInteraction:
			into, size = &c.phone, 3
		default:
			continue
		}
		if *into != nil || len(e.Value) != size {
			return c, false
		}
		*into = e.Value
	}
	return c, true
}

// tracks are track data with the places for what changes with every tap. Bitmaps count from the right end of
// the discretionary data: bit 1 is its last digit.
type tracks struct {
	one, two []byte // the discretionary data's digits or characters, in ASCII, and what is before and behind
	head1    []byte
	head2    []byte

	code1, code2   uint64 // places of the code: PCVC3
	other1, other2 uint64 // places of unpredictable number and counter: PUNATC
	atc1, atc2     int    // how many of those are the counter's: NATC
	un             int    // how many digits of the unpredictable number: nUN
}

func (k *tracks) wipe() {
	for _, b := range [][]byte{k.one, k.two, k.head1, k.head2} {
		clear(b)
	}
}

// tracks reads the card's track data and bitmaps (Book C-2, state 7). What it read is to be wiped, also with an error.
func (t *transaction) tracks() (*tracks, error) {
	k := &tracks{}
	bitmap := func(tag tlv.Tag, size int) uint64 {
		v := t.o.Get(tag)
		if len(v) != size {
			return 0
		}
		return binary.BigEndian.Uint64(append(make([]byte, 8-size), v...))
	}
	number := func(tag tlv.Tag) int {
		v := t.o.Get(tag)
		if len(v) != 1 {
			return -1
		}
		return int(v[0])
	}
	two := t.o.Get(tagTrack2)
	for _, tag := range []tlv.Tag{tagTrack2, 0x9F65, tagPUNATC2, 0x9F67} {
		if !t.o.Has(tag) {
			return k, invalid(l2CardDataMissing, "magnetic stripe mode: mandatory data missing: "+tag.String())
		}
	}
	const fault = "magnetic stripe mode: track data or bitmaps"
	parsed, ok := emvkernel.ParseTrack2(two)
	parsed.PAN.Wipe()
	if !ok {
		return k, malformed(fault)
	}
	digits := make([]byte, 0, 2*len(two))
	for _, b := range two {
		digits = append(digits, "0123456789ABCDEF"[b>>4], "0123456789ABCDEF"[b&0x0F])
	}
	digits = bytes.TrimSuffix(digits, []byte("F"))
	account := bytes.IndexByte(digits, 'D')
	start := account + 1 + 4 + 3
	k.head2, k.two = digits[:start:start], digits[start:]
	k.code2, k.other2, k.atc2 = bitmap(0x9F65, 2), bitmap(tagPUNATC2, 2), number(0x9F67)
	k.un = bits.OnesCount64(k.other2) - k.atc2
	if !fits(k.two, k.code2, k.other2, k.atc2, k.un) {
		return k, malformed(fault)
	}
	one := t.o.Get(tagTrack1)
	if one == nil {
		return k, nil
	}
	// B, number, '^', name, '^', expiry (4), service code (3), discretionary data
	parts := bytes.SplitN(one, []byte{'^'}, 3)
	if len(one) > 76 || len(parts) != 3 || len(parts[2]) < 7 {
		return k, malformed(fault)
	}
	if !bytes.HasPrefix(parts[0], []byte{'B'}) || !bytes.Equal(parts[0][1:], digits[:account]) {
		return k, invalid(l2CardDataError, "magnetic stripe mode: track 1 of another account")
	}
	start = len(one) - len(parts[2]) + 7
	one = bytes.Clone(one)
	k.head1, k.one = one[:start:start], one[start:]
	k.code1, k.other1, k.atc1 = bitmap(0x9F62, 6), bitmap(0x9F63, 6), number(0x9F64)
	if bits.OnesCount64(k.other1)-k.atc1 != k.un || !fits(k.one, k.code1, k.other1, k.atc1, k.un) {
		return k, malformed(fault) // both tracks are for one number
	}
	return k, nil
}

// fits: the places are within the discretionary data, apart, and as many as there can be digits; the last
// digit is kept for the length of the number.
func fits(discretionary []byte, code, other uint64, atc, un int) bool {
	places := bits.OnesCount64(code)
	return code&other == 0 && (code|other)&1 == 0 && bits.Len64(code|other) <= len(discretionary) &&
		places >= 1 && places <= 5 && atc >= 0 && atc <= 5 && un >= 0 && un <= 8
}

// numericUN makes the unpredictable number '9F6A': eight digits, all zero but the last nUN.
func (k *tracks) numericUN(random [4]byte) [4]byte {
	n := uint64(binary.BigEndian.Uint32(random[:]))
	most := uint64(1)
	for range k.un {
		most *= 10
	}
	return [4]byte(emvkernel.Number(int64(n%most), 4))
}

// place puts code, number and counter where the bitmaps say. The last digit tells the issuer how long the
// number is, and, by five more, that the consumer's device has verified its holder [unverified].
func (k *tracks) place(un [4]byte, sum checksum, verified bool) {
	digit := k.un
	if verified {
		digit = (k.un + 5) % 10
	}
	number := uint64(0)
	for _, b := range un {
		number = number*100 + uint64(b>>4)*10 + uint64(b&0x0F)
	}
	put := func(track []byte, code, other uint64, cvc []byte) {
		fill(track, code, uint64(binary.BigEndian.Uint16(cvc)))
		right, left := split(other, k.un)
		fill(track, right, number)
		fill(track, left, uint64(binary.BigEndian.Uint16(sum.atc)))
		track[len(track)-1] = '0' + byte(digit)
	}
	put(k.two, k.code2, k.other2, sum.track2)
	if k.one != nil {
		put(k.one, k.code1, k.other1, sum.track1)
	}
}

// split divides the places: those on the right are the number's, the rest the counter's.
func split(places uint64, un int) (right, left uint64) {
	for range un {
		lowest := places & -places
		right |= lowest
		places &^= lowest
	}
	return right, places
}

// fill writes the last digits of n, its last one into the lowest place.
func fill(track []byte, places, n uint64) {
	for places != 0 {
		i := bits.TrailingZeros64(places)
		places &= places - 1
		track[len(track)-1-i] = '0' + byte(n%10)
		n /= 10
	}
}

// stripeCardholder chooses how the cardholder is verified: by the consumer's device, where it can, else by
// what the terminal has for this amount. A device that should have and did not ends the application.
func (t *transaction) stripeCardholder(verified bool) error {
	t.receipt = t.cvmRequired
	t.cvm = tap.NoCVM
	if t.onDevice {
		switch {
		case verified:
			t.cvm = tap.ConfirmationCodeVerified
		case t.cvmRequired:
			return invalid(l2CardDataError, "the consumer's device has not verified its holder")
		}
		return nil
	}
	capability := t.k.Stripe.CVMNotRequired
	if t.cvmRequired {
		capability = t.k.Stripe.CVMRequired
	}
	switch {
	case capability == stripeSignature && t.takesSignature():
		t.cvm, t.receipt = tap.ObtainSignature, true
	case capability == stripePIN && !t.a.Params.NoOnlinePIN:
		t.cvm = tap.OnlinePIN
	case capability == stripeNone:
		t.cvm = tap.CVMNotApplicable
	}
	return nil
}

// stripeOutcome completes an outcome of the mode. Nothing in it was signed.
func (t *transaction) stripeOutcome(out tap.Outcome) (tap.Outcome, error) {
	t.o.Set(0x9F39, 0x91)
	reading, ok := tap.NewReading(t.o, tap.Facts{
		TVR: t.tvr, TSI: t.tsi, CVM: t.cvm, Method: "none", MagneticStripe: true, Device: t.device(),
	})
	if !ok {
		return tap.Outcome{}, invalid(l2CardDataError, "account data malformed or contradictory")
	}
	if out.Kind == tap.Declined {
		out.UI.Hold = t.k.MessageHold
	}
	out.Reading, out.CVM, out.Receipt, out.FieldOff = reading, t.cvm, t.receipt, t.fieldOff()
	out.Discretionary = t.discretionary(nil, tap.NoMessage)
	return out, nil
}

// packed is track 2 in half bytes, filled with 'F'.
func packed(parts ...[]byte) []byte {
	digits := bytes.Join(parts, nil)
	defer clear(digits)
	out := make([]byte, 0, len(digits)/2+1)
	for i := 0; i < len(digits); i += 2 {
		b := half(digits[i]) << 4
		if i+1 < len(digits) {
			b |= half(digits[i+1])
		} else {
			b |= 0x0F
		}
		out = append(out, b)
	}
	return out
}

func half(c byte) byte {
	if c >= 'A' {
		return c - 'A' + 10
	}
	return c - '0'
}
