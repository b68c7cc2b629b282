package c2

import (
	"context"
	"encoding/binary"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
)

// CVM codes without the bit that says what to do after a failure (EMV Book 3, Annex C3).
const (
	cvmFail      = 0x00
	cvmOnlinePIN = 0x02
	cvmEncSign   = 0x05 // the last of the PINs
	cvmSignature = 0x1E
	cvmNone      = 0x1F
	cvmNextRule  = 0x40

	noCVM      = 0x3F // no CVM was performed
	unknown    = 0x00 // CVM results, byte 3
	failed     = 0x01
	successful = 0x02
)

// cardholder selects how the cardholder is verified (Book C-2, "CVM Selection"). What the terminal can do
// depends on the CVM limit, and is byte 2 of '9F33' from here on. A tap has no offline PIN.
func (t *transaction) cardholder(context.Context) error {
	capability := t.k.CVMCapabilityNotRequired
	if t.cvmRequired {
		capability = t.k.CVMCapabilityRequired
		t.receipt = true
	}
	if t.a.Params.NoOnlinePIN || t.a.Config.Terminal.OfflineOnly() {
		capability &^= canOnlinePIN
	}
	if !t.takesSignature() {
		capability &^= canSignature
	}
	t.o.Set(0x9F33, t.k.CardDataInput, capability, t.k.SecurityCapability)
	t.cvm = tap.NoCVM
	switch {
	case t.onDevice && t.cvmRequired:
		t.cvm = tap.ConfirmationCodeVerified
		t.results(0x01, 0x00, successful) // as if the chip had verified a PIN
		return nil
	case t.onDevice:
		t.results(noCVM, 0x00, successful)
		return nil
	case t.aip[0]&aipCVM == 0:
		t.results(noCVM, 0x00, unknown)
		return nil
	}
	list := t.o.Get(0x8E)
	if len(list) == 0 {
		t.tvr.Set(emvkernel.ICCDataMissing)
		t.results(noCVM, 0x00, unknown)
		return nil
	}
	if len(list) < 8 || len(list)%2 != 0 {
		return malformed("CVM list")
	}
	if len(list) == 8 {
		t.results(noCVM, 0x00, unknown) // no rules
		return nil
	}
	t.tsi.Set(emvkernel.CVMPerformed)
	t.applyRules(capability, list[8:], int64(binary.BigEndian.Uint32(list)), int64(binary.BigEndian.Uint32(list[4:])))
	return nil
}

func (t *transaction) takesSignature() bool {
	return t.a.Config.Terminal.Capabilities[1]&canSignature != 0
}

func (t *transaction) results(b ...byte) { t.o.Set(0x9F34, b...) }

// applyRules takes the first rule whose condition holds and whose method the terminal has. One that it does
// not have goes on to the next only with its next-rule bit.
func (t *transaction) applyRules(capability byte, rules []byte, x, y int64) {
	t.results(noCVM, 0x00, failed)
	for ; len(rules) >= 2; rules = rules[2:] {
		rule, condition := rules[0], rules[1]
		code := rule &^ cvmNextRule
		if !t.a.Params.CVMCondition(condition, t.a.Config.Terminal.Unattended(), supported(capability, code), t.o.Get(0x9F42), x, y) {
			continue
		}
		if code != cvmFail && supported(capability, code) {
			t.perform(rule, condition)
			return
		}
		if code > cvmEncSign && code != cvmSignature && code != cvmNone {
			t.tvr.Set(emvkernel.UnrecognisedCVM)
		}
		if code == cvmFail {
			t.results(rule, condition, failed)
		}
		if rule&cvmNextRule == 0 || code == cvmFail {
			break
		}
	}
	t.tvr.Set(emvkernel.CVMNotSuccessful)
}

// perform: the method is carried out after the tap, by issuer or merchant.
func (t *transaction) perform(rule, condition byte) {
	switch rule &^ cvmNextRule {
	case cvmOnlinePIN:
		t.cvm = tap.OnlinePIN
		t.tvr.Set(emvkernel.OnlinePINEntered)
		t.results(rule, condition, unknown)
	case cvmSignature:
		t.cvm = tap.ObtainSignature
		t.receipt = true
		t.results(rule, condition, unknown)
	case cvmNone:
		t.results(rule, condition, successful)
	}
}

func supported(capability, code byte) bool {
	switch code {
	case cvmOnlinePIN:
		return capability&canOnlinePIN != 0
	case cvmSignature:
		return capability&canSignature != 0
	case cvmNone:
		return capability&canNoCVM != 0
	case cvmFail:
		return true
	default:
		return false
	}
}
