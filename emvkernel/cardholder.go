package emvkernel

import (
	"context"
	"encoding/binary"
)

// CVM codes without the bit that says what to do after a failure (EMV Book 3, Annex C3).
const (
	cvmFail             = 0x00
	cvmPlaintextPIN     = 0x01
	cvmOnlinePIN        = 0x02
	cvmPlaintextPINSign = 0x03
	cvmEncipheredPIN    = 0x04
	cvmEncipheredSign   = 0x05
	cvmSignature        = 0x1E
	cvmNone             = 0x1F

	cvmNextRule = 0x40 // apply the succeeding rule if this one is unsuccessful

	ifSupported = 0x03 // the condition "if terminal supports the CVM"
)

// CVM results, '9F34', byte 3.
const (
	resultUnknown    = 0x00
	resultFailed     = 0x01
	resultSuccessful = 0x02
)

// noCVM stands for the method when none was performed.
const noCVM = 0x3F

// VerifyCardholder works through the card's CVM list (EMV Book 3, 10.5; results as in Book 4, "CVM
// Results" [unverified]). Signature and online PIN always leave an unknown result, because the merchant
// or the issuer compares; so does a right offline PIN with a signature to follow [unverified].
//
// What the terminal can do is its capabilities of this payment ('9F33'): without Params.PINPad there is
// no PIN, with Params.NoOnlinePIN no online PIN, see OnlinePINRequired.
//
// The outcome is Canceled or TimedOut when the cardholder left it at that. The card then waits for
// nothing: no Complete is owed.
func (t *Transaction) VerifyCardholder(ctx context.Context) (Outcome, error) {
	return t.step(ctx, "verify cardholder", toVerify, toManage, func(ctx context.Context) error {
		t.cvmResults = []byte{noCVM, 0x00, resultUnknown}
		if t.aip[0]&aipCVM == 0 {
			return nil
		}
		list, ok := t.card[0x8E]
		if !ok {
			t.tvr.Set(ICCDataMissing) // Book 3, 7.5
			return nil
		}
		if len(list) < 8 || len(list)%2 != 0 {
			return terminate("malformed CVM list")
		}
		if len(list) == 8 {
			return nil // no rules: the same as no list
		}
		t.tsi.Set(CVMPerformed)
		return t.applyRules(ctx, list[8:], int64(binary.BigEndian.Uint32(list)), int64(binary.BigEndian.Uint32(list[4:])))
	})
}

// applyRules runs the rules (code, condition) until one succeeds or stops the list. A rule whose method
// fails, or cannot be performed, goes on to the next one only with its next-rule bit; a rule whose
// condition does not hold always does.
//
// The results name the last CVM performed. A rule whose method is not supported or not recognised
// was not performed; the one that says "fail CVM processing" was, and ends the list whatever its next
// rule bit says [unverified].
func (t *Transaction) applyRules(ctx context.Context, rules []byte, x, y int64) error {
	t.cvmResults = []byte{noCVM, 0x00, resultFailed}
	for ; len(rules) >= 2; rules = rules[2:] {
		rule, condition := rules[0], rules[1]
		code := rule &^ cvmNextRule
		if !t.params.CVMCondition(condition, t.cfg.Terminal.Unattended(), t.supports(code), t.card[0x9F42], x, y) {
			// "If supported" would hold where online PINs can be taken.
			t.pinWanted = t.pinWanted || code == cvmOnlinePIN && condition == ifSupported
			continue
		}
		if code == cvmFail {
			t.cvmResults = []byte{rule, condition, resultFailed}
			break
		}
		if t.supports(code) {
			result, err := t.perform(ctx, code)
			if err != nil {
				return err
			}
			t.cvmResults = []byte{rule, condition, result}
			if result != resultFailed {
				return nil
			}
		} else {
			t.noteUnsupported(code)
		}
		if rule&cvmNextRule == 0 {
			break
		}
	}
	t.tvr.Set(CVMNotSuccessful)
	return nil
}

// perform carries out one CVM the terminal supports.
func (t *Transaction) perform(ctx context.Context, code byte) (result byte, err error) {
	switch code {
	case cvmNone:
		return resultSuccessful, nil
	case cvmSignature:
		return resultUnknown, nil
	case cvmOnlinePIN:
		entered, err := t.enterOnlinePIN(ctx)
		if err != nil || !entered {
			return resultFailed, err
		}
		return resultUnknown, nil
	}
	right, err := t.verifyPIN(ctx, code)
	switch {
	case err != nil || !right:
		return resultFailed, err
	case withSignature(code):
		return resultUnknown, nil
	default:
		return resultSuccessful, nil
	}
}

// noteUnsupported records why a rule whose condition holds cannot be performed here.
func (t *Transaction) noteUnsupported(code byte) {
	switch {
	case code == cvmOnlinePIN:
		t.pinWanted = true
		t.tvr.Set(NoPINPad)
	case isPIN(code):
		if !t.anyOfflinePIN() {
			t.tvr.Set(NoPINPad)
		}
	case code != cvmNone && code != cvmSignature:
		t.tvr.Set(UnrecognisedCVM)
	}
}

func isPIN(code byte) bool { return code >= cvmPlaintextPIN && code <= cvmEncipheredSign }

func withSignature(code byte) bool { return code == cvmPlaintextPINSign || code == cvmEncipheredSign }

// supports reports whether the terminal capabilities cover a CVM; a combined one needs both halves.
func (t *Transaction) supports(code byte) bool {
	can := t.capabilities()[1]
	has := func(bits byte) bool { return can&bits == bits }
	switch code {
	case cvmFail:
		return true
	case cvmPlaintextPIN:
		return has(canPlaintextPIN)
	case cvmOnlinePIN:
		return has(canOnlinePIN)
	case cvmPlaintextPINSign:
		return has(canPlaintextPIN | canSignature)
	case cvmEncipheredPIN:
		return has(canEncipheredPIN)
	case cvmEncipheredSign:
		return has(canEncipheredPIN | canSignature)
	case cvmSignature:
		return has(canSignature)
	case cvmNone:
		return has(canNoCVM)
	default:
		return false
	}
}

// anyOfflinePIN: a terminal with one kind of offline PIN has a PIN pad, so the other kind being
// unsupported does not mean that the pad is missing (EMV Book 3, 10.5.1 [unverified]).
func (t *Transaction) anyOfflinePIN() bool {
	return t.capabilities()[1]&(canPlaintextPIN|canEncipheredPIN) != 0
}
