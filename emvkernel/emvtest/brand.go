package emvtest

import (
	"strconv"
	"strings"
)

// brand is what all test cards of one payment system have in common: the keys above them and the
// defaults of their profiles.
type brand struct {
	name      string
	rid       [5]byte
	aid       string // hex; the card's, the terminal may know only its beginning
	label     string
	preferred string
	version   [2]byte // '9F08' of the card and '9F09' of the terminal
	index     byte    // '8F': which of the RID's certification authority keys signs its issuers
	keys      string  // the payment system whose keys it uses; empty for keys of its own
	national  bool    // may stand on another payment system's card, under its number

	ca, issuer, icc keySize

	// defaults of a profile, in the words a profile uses
	defaults string
}

// keySize is the legal form of one RSA key. The sizes are chosen so that every case of the
// certificate formats occurs: keys that fit, keys that leave a remainder, moduli that are no multiple
// of 64 bits, both exponents.
type keySize struct {
	bits     int
	exponent int
}

// caIndex is the same for all payment systems but one: only RID and index together name a key, and
// Diners Club has the RID of Discover.
const (
	caIndex       = 0xE7
	caIndexDiners = 0xE8
)

const commonDefaults = `
sequence 01
holder TEST/CARD
effective 2024-01-01
expiry 2045-12-31
service-code 201
country 840
currency 840
language en
code-table 1
discretionary none
used 0 0
usage all
cvm signature if-supported or-next
cvm none always
action-denial 0000000000
action-online FC68BC9800
action-default FC68BC9800
ddol 9F37:4
cdol1 9F02:6 9F03:6 9F1A:2 95:5 5F2A:2 9A:3 9C:1 9F37:4
first-ac arqc
second-ac tc
reason none
scripts no
issuer approve
pin 1234
pin-tries 3
pin-key shared
contactless listed
tap-entry none
tap-pdol none
tap-cdol1 none
tap-cvm online-pin if-supported or-next
tap-cvm signature if-supported or-next
tap-cvm none always
tap-ac same
tap-device card
tap-cdcvm no
tap-ctq 0000
tap-insert never
tap-fdda 01
tap-sdad-format 05
tap-sdad-place record
tap-relay none
tap-recovery no
tap-mode emv
tap-update no
tap-token none
tap-issuer same
`

const (
	cdol2External = "cdol2 8A:2 9F02:6 9F03:6 9F1A:2 95:5 5F2A:2 9A:3 9C:1 9F37:4\nissuer-authentication external\n"
	qvsdc         = "contactless visa\ntap-pdol 9F66:4 9F02:6 9F03:6 9F1A:2 95:5 5F2A:2 9A:3 9C:1 9F37:4\n"
	cdaByTap      = "contactless mastercard\ntap-cdol1 9F02:6 9F03:6 9F1A:2 95:5 5F2A:2 9A:3 9C:1 9F37:4 9F35:1 9F34:3\n"
	cdol2SecondAC = "cdol2 91:10 8A:2 95:5 9F37:4\nissuer-authentication second-ac\n"
)

var brands = []*brand{
	{
		name: "visa", rid: [5]byte{0xA0, 0, 0, 0, 0x03}, aid: "A0000000031010",
		label: "VISA CREDIT", preferred: "Visa Credit", version: [2]byte{0x00, 0x96},
		ca: keySize{1984, 3}, issuer: keySize{1408, 3}, icc: keySize{1152, 3},
		defaults: "oda dda\nformat 80\n" + cdol2External + qvsdc,
	},
	{
		name: "mastercard", rid: [5]byte{0xA0, 0, 0, 0, 0x04}, aid: "A0000000041010",
		label: "MASTERCARD", preferred: "Mastercard", version: [2]byte{0x00, 0x02},
		ca: keySize{1984, 3}, issuer: keySize{1408, 65537}, icc: keySize{1008, 65537},
		defaults: "oda cda\nformat 77\nstatic-tag-list yes\n" + cdol2SecondAC + cdaByTap,
	},
	{
		name: "amex", rid: [5]byte{0xA0, 0, 0, 0, 0x25}, aid: "A000000025010901",
		label: "AMERICAN EXPRESS", preferred: "American Express", version: [2]byte{0x00, 0x01},
		ca: keySize{1984, 65537}, issuer: keySize{1152, 3}, icc: keySize{992, 3},
		defaults: "oda cda\nformat 77\nstatic-tag-list yes\npdol 9F33:3 9F1A:2\n" + cdol2External,
	},
	{
		name: "discover", rid: [5]byte{0xA0, 0, 0, 0x01, 0x52}, aid: "A0000001523010",
		label: "DISCOVER", preferred: "Discover", version: [2]byte{0x00, 0x01},
		ca: keySize{1408, 3}, issuer: keySize{1152, 3}, icc: keySize{896, 3},
		defaults: "oda dda\nformat 77\n" + cdol2External,
	},
	{
		name: "jcb", rid: [5]byte{0xA0, 0, 0, 0, 0x65}, aid: "A0000000651010",
		label: "JCB", preferred: "JCB", version: [2]byte{0x00, 0x20},
		ca: keySize{1408, 65537}, issuer: keySize{1024, 65537}, icc: keySize{768, 3},
		defaults: "oda cda\nformat 77\nstatic-tag-list yes\nsigned-extra 11\n" + cdol2External,
	},
	{
		name: "unionpay", rid: [5]byte{0xA0, 0, 0, 0x03, 0x33}, aid: "A000000333010102",
		label: "UNIONPAY CREDIT", preferred: "UnionPay", version: [2]byte{0x00, 0x30},
		ca: keySize{1152, 3}, issuer: keySize{1024, 3}, icc: keySize{640, 3},
		defaults: "oda dda\nformat 80\nstatic-tag-list yes\n" + cdol2External,
	},
	{
		name: "diners", rid: [5]byte{0xA0, 0, 0, 0x01, 0x52}, aid: "A0000001523010",
		label: "DINERS CLUB", preferred: "Diners Club", version: [2]byte{0x00, 0x01}, index: caIndexDiners,
		ca: keySize{1408, 3}, issuer: keySize{1152, 3}, icc: keySize{896, 3},
		defaults: "oda dda\nformat 77\n" + cdol2External,
	},
	{
		name: "interac", rid: [5]byte{0xA0, 0, 0, 0x02, 0x77}, aid: "A0000002771010",
		label: "INTERAC", preferred: "Interac", version: [2]byte{0x00, 0x01}, national: true,
		ca: keySize{1408, 3}, issuer: keySize{1152, 3}, icc: keySize{896, 3},
		defaults: "contactless no\ncountry 124\ncurrency 124\nlanguage enfr\noda cda\nformat 77\nstatic-tag-list yes\n" + cdol2External,
	},
	{
		name: "eftpos_au", rid: [5]byte{0xA0, 0, 0, 0x03, 0x84}, aid: "A00000038410",
		label: "eftpos SAV", preferred: "eftpos Savings", version: [2]byte{0x00, 0x01}, national: true,
		ca: keySize{1152, 3}, issuer: keySize{1024, 3}, icc: keySize{768, 3},
		defaults: "country 036\ncurrency 036\noda dda\nformat 77\n" + cdol2External,
	},
	{
		name: "cartes_bancaires", rid: [5]byte{0xA0, 0, 0, 0, 0x42}, aid: "A0000000421010",
		label: "CB", preferred: "Carte Bancaire", version: [2]byte{0x00, 0x01}, keys: "visa", national: true,
		ca: keySize{1984, 3}, issuer: keySize{1408, 3}, icc: keySize{1152, 3},
		defaults: "country 250\ncurrency 978\nlanguage fren\noda dda\nformat 77\n" + cdol2External,
	},
	{
		name: "rupay", rid: [5]byte{0xA0, 0, 0, 0x05, 0x24}, aid: "A0000005241010",
		label: "RUPAY DEBIT", preferred: "RuPay", version: [2]byte{0x00, 0x02}, keys: "jcb",
		ca: keySize{1408, 65537}, issuer: keySize{1024, 65537}, icc: keySize{768, 3},
		defaults: "country 356\ncurrency 356\nlanguage enhi\noda cda\nformat 77\n" + cdol2External,
	},
}

// keyHolder names the brand whose keys b uses. Keys are added sparingly: terminals know the public test
// keys by a list (oda.CAKey.Public), and another RID makes the same key another one to them.
func (b *brand) keyHolder() string {
	if b.keys != "" {
		return b.keys
	}
	return b.name
}

// issuerKeySplits and iccKeySplits: the key does not fit whole into its certificate.
func (b *brand) issuerKeySplits() bool { return b.issuer.bits/8 > b.ca.bits/8-issuerOverhead }
func (b *brand) iccKeySplits() bool    { return b.icc.bits/8 > b.issuer.bits/8-iccOverhead }

// key returns the index of the brand's certification authority key.
func (b *brand) key() byte {
	if b.index != 0 {
		return b.index
	}
	return caIndex
}

func brandNamed(name string) *brand {
	for _, b := range brands {
		if b.name == name {
			return b
		}
	}
	return nil
}

func brandNames() string {
	var names []string
	for _, b := range brands {
		names = append(names, b.name)
	}
	return strings.Join(names, ", ")
}

// brandOfNumber knows the issuer identification ranges the test issuer serves.
func brandOfNumber(pan string) *brand {
	if len(pan) < 12 || len(pan) > 19 {
		return nil
	}
	prefix := func(n int) int {
		v, err := strconv.Atoi(pan[:n])
		if err != nil {
			return -1
		}
		return v
	}
	between := func(n, low, high int) bool { return prefix(n) >= low && prefix(n) <= high }
	switch {
	case between(6, 450644, 450644):
		return brandNamed("interac")
	case between(6, 628000, 628000):
		return brandNamed("eftpos_au")
	case between(1, 4, 4):
		return brandNamed("visa")
	case between(4, 5085, 5089), between(4, 6082, 6082):
		return brandNamed("rupay")
	case between(2, 51, 55), between(4, 2221, 2720), between(2, 50, 50), between(2, 56, 58), between(2, 67, 67): // and Maestro
		return brandNamed("mastercard")
	case between(2, 34, 34), between(2, 37, 37):
		return brandNamed("amex")
	case between(3, 300, 305), between(4, 3095, 3095), between(2, 36, 36), between(2, 38, 39):
		return brandNamed("diners")
	case between(4, 6011, 6011), between(3, 644, 649), between(2, 65, 65):
		return brandNamed("discover")
	case between(4, 3528, 3589):
		return brandNamed("jcb")
	case between(2, 62, 62):
		return brandNamed("unionpay")
	}
	return nil
}
