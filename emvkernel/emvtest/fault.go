package emvtest

import (
	"fmt"
	"slices"
	"strings"
)

// A fault is one thing a forged, damaged or badly personalised card does.
type fault struct {
	name   string
	effect string // for people
	needs  need
}

// need is what a card must be like for a fault to show.
type need struct {
	remedy string // what to write into the profile
	met    func(*application) bool
}

// Faults that act on something else than a signed block.
const (
	faultPINKeyShort   = "pin-key-short"
	faultRevoked       = "issuer-certificate-revoked"
	faultStaticData    = "static-data"
	faultDynamicNumber = "dynamic-number-length"
	faultCDACID        = "cda-cid"
	faultCDAHash       = "cda-hash"

	faultCryptogram    = "cryptogram"
	faultHigherAC      = "higher-ac"
	faultSecondARQC    = "second-arqc"
	faultNeverDeclines = "never-declines"
	faultIssuerForged  = "issuer-authentication"

	faultShortResponse    = "short-response"
	faultMalformedFCI     = "fci-malformed"
	faultMalformedOptions = "gpo-malformed"
	faultMalformedRecord  = "record-malformed"
	faultTrailingBytes    = "record-trailing-bytes"
	faultPadding          = "record-padding"
	faultTrack2           = "pan-in-track2"
	faultDuplicateTag     = "duplicate-tag"

	// By tap.
	faultExtraBytes   = "extra-bytes"
	faultRelayTimes   = "relay-times"
	faultFDDANumber   = "fdda-number"
	faultFDDAAmount   = "fdda-amount"
	faultFDDACurrency = "fdda-currency"
	faultFDDARelated  = "fdda-card-data"
)

// What signed blocks are called in the names of faults.
const (
	issuerCertified = "issuer-certificate"
	iccCertified    = "icc-certificate"
	pinCertified    = "pin-certificate"
	staticSigned    = "static"
	dynamicSigned   = "sdad"

	// The identifier of the card's certificate has had this name from the beginning.
	faultPANInCertificate = "pan-in-certificate"
)

var (
	anyCard   = need{met: func(*application) bool { return true }}
	certified = need{`"oda dda", "oda cda" or "oda sda"`, func(a *application) bool { return a.oda != "none" }}
	signs     = need{`"oda dda" or "oda cda"`, (*application).signs}
	combines  = need{`"oda cda"`, func(a *application) bool { return a.oda == "cda" }}
	static    = need{`"oda sda"`, func(a *application) bool { return a.oda == "sda" }}
	plainCode = need{"no other change of '9F0D'", func(a *application) bool {
		return !slices.ContainsFunc(a.edits, func(e edit) bool { return e.tag == 0x9F0D })
	}}
	ownKey   = need{`"pin-key own"`, func(a *application) bool { return a.ownPINKey }}
	believes = need{`"issuer-authentication external" or "issuer-authentication second-ac"`,
		func(a *application) bool { return a.issuerAuthentication.way != "none" }}

	taps = need{`"contactless visa" or "contactless mastercard"`, func(a *application) bool {
		return a.tap.kind == tapVisa || a.tap.kind == tapMastercard
	}}
	relays    = need{`"tap-relay"`, func(a *application) bool { return a.tap.relay.set && a.oda == "cda" }}
	signsFast = need{`"contactless visa" and "oda dda"`, func(a *application) bool {
		return a.tap.kind == tapVisa && a.signs()
	}}
	signsAmount = need{`"contactless visa", "oda dda" and "tap-fdda 01"`, func(a *application) bool {
		return a.tap.kind == tapVisa && a.signs() && a.tap.fdda == 0x01
	}}

	issuerRemainder = need{certified.remedy + " and a brand whose issuer key leaves a remainder, such as discover",
		func(a *application) bool { return certified.met(a) && a.brand.issuerKeySplits() }}
	iccRemainder = need{signs.remedy + " and a brand whose card key leaves a remainder, such as visa",
		func(a *application) bool { return signs.met(a) && a.brand.iccKeySplits() }}
	pinRemainder = need{ownKey.remedy + " and a brand whose card key leaves a remainder, such as visa",
		func(a *application) bool { return ownKey.met(a) && a.brand.iccKeySplits() }}
)

// faults lists all there are; the text is shown when a profile names one that does not exist.
var faults = slices.Concat(
	flaws(issuerCertified, "the issuer certificate ('90')", certified, issuerRemainder),
	flaws(iccCertified, "the card's certificate ('9F46')", signs, iccRemainder),
	flaws(pinCertified, "the certificate for enciphered PINs ('9F2D')", ownKey, pinRemainder),
	flaws(staticSigned, "the static signature ('93')", static, need{}),
	flaws(dynamicSigned, "every dynamic signature ('9F4B')", signs, need{}),
	[]fault{
		{dynamicSigned + "-" + string(flawDataLength), "every dynamic signature ('9F4B') claims more data than fits", signs},
		{faultRevoked, "the issuer certificate has a serial number that Revoked lists", certified},
		{faultPINKeyShort, "the certified key for enciphered PINs is too short to carry one", ownKey},
		{faultStaticData, "a signed record was changed after signing", plainCode},
		{faultDynamicNumber, "the signed ICC dynamic number claims nine bytes; EMV allows two to eight", signs},
		{faultCDACID, "the signed cryptogram information differs from the one sent", combines},
		{faultCDAHash, "the signed transaction data hash is that of other data", combines},

		{faultCryptogram, "the application cryptogram is wrong: only the issuer notices", anyCard},
		{faultHigherAC, "answers TC when asked for an ARQC", anyCard},
		{faultNeverDeclines, "answers ARQC when asked for an AAC", anyCard},
		{faultSecondARQC, "asks for the issuer again at the second GENERATE AC", anyCard},
		{faultIssuerForged, "believes no answer to be its issuer's", believes},

		{faultShortResponse, "the answer to GENERATE AC is four bytes short", anyCard},
		{faultMalformedFCI, "the answer to SELECT is one byte short", anyCard},
		{faultMalformedOptions, "the answer to GET PROCESSING OPTIONS is one byte short", anyCard},
		{faultMalformedRecord, "a record is one byte short", anyCard},
		{faultTrailingBytes, "a record has bytes after its template", anyCard},
		{faultPadding, "zero bytes stand between the data objects of a record, which is allowed", anyCard},
		{faultTrack2, "the card number in track 2 ('57') differs from '5A'", anyCard},
		{faultDuplicateTag, "'5F24' occurs in two records", anyCard},

		{faultExtraBytes, "answers by tap have bytes after their template", taps},
		{faultRelayTimes, "the times exchanged against relays are not those that are signed", relays},
		{faultFDDANumber, "fDDA signs another unpredictable number", signsFast},
		{faultFDDAAmount, "fDDA signs another amount", signsAmount},
		{faultFDDACurrency, "fDDA signs another currency", signsAmount},
		{faultFDDARelated, "fDDA signs another '9F69' than the card gives", signsAmount},
	},
)

// flaws makes the faults of one signed block; split is what it takes to have a remainder, and for
// something that is no certificate nothing.
func flaws(block, what string, needs, split need) []fault {
	var out []fault
	add := func(list []flawed, needs need) {
		for _, f := range list {
			name := block + "-" + string(f.flaw)
			if name == iccCertified+"-"+string(flawIdentifier) {
				name = faultPANInCertificate
			}
			out = append(out, fault{name, what + " " + f.effect, needs})
		}
	}
	add(blockFlaws, needs)
	if split.met != nil {
		add(certificateFlaws, needs)
		add(remainderFlaws, split)
	}
	return out
}

func (a *application) has(fault string) bool { return slices.Contains(a.faults, fault) }

// flaw returns what is wrong with a signed block, "" for nothing.
func (a *application) flaw(block string) flaw {
	if block == iccCertified && a.has(faultPANInCertificate) {
		return flawIdentifier
	}
	for _, name := range a.faults {
		rest, ok := strings.CutPrefix(name, block+"-")
		if ok && name != faultStaticData && name != faultRevoked {
			return flaw(rest)
		}
	}
	return ""
}

func faultNamed(name string) (fault, bool) {
	for _, f := range faults {
		if f.name == name {
			return f, true
		}
	}
	return fault{}, false
}

// checkFaults refuses a fault that would not show.
func (a *application) checkFaults() error {
	for _, name := range a.faults {
		if f, _ := faultNamed(name); !f.needs.met(a) {
			return fmt.Errorf("fault %s has no effect on this card; it needs %s", name, f.needs.remedy)
		}
	}
	return nil
}

// faultsLike says what the faults do that begin like a name; where none does it lists all names.
func faultsLike(name string) string {
	start, _, _ := strings.Cut(name, "-")
	var like, all []string
	for _, f := range faults {
		all = append(all, f.name)
		if strings.HasPrefix(f.name, start) {
			like = append(like, f.name+" ("+f.effect+")")
		}
	}
	if start == "" || like == nil {
		return "there are " + strings.Join(all, ", ")
	}
	return "those that begin so are " + strings.Join(like, ", ")
}

var faultSetting = setting{
	word: "fault", repeats: true,
	app: func(a *application, value string, _ bool) error {
		for _, name := range strings.Fields(value) {
			if _, ok := faultNamed(name); !ok {
				return fmt.Errorf("unknown fault %q; %s", name, faultsLike(name))
			}
			if !a.has(name) {
				a.faults = append(a.faults, name)
			}
		}
		return nil
	},
	appText: func(a *application) []string {
		if len(a.faults) == 0 {
			return nil
		}
		return []string{strings.Join(a.faults, " ")}
	},
}
