package emvkernel

import (
	"context"
	"errors"
	"fmt"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/oda"
)

// PINPad asks the cardholder for a PIN. An offline PIN goes from the pad to the card: the pad sends VERIFY
// itself, behind a GET CHALLENGE when the PIN is enciphered. An online PIN stays in the pad, encrypted, for
// the authorization. The kernel says what to do and judges what came of it; digits never come this way, and
// there is no call that could return them.
//
// It works on the card of its transaction, so it belongs to one payment and is given in Params. While one
// of its methods runs the kernel sends nothing.
type PINPad interface {
	// VerifyOffline is one try. Errors of the card's transport reach the kernel's caller wrapped and end
	// the transaction. One that wraps ErrPINPad does not: nothing was sent to the card, and the kernel
	// goes on as a terminal whose PIN pad does not work.
	VerifyOffline(ctx context.Context, pin OfflinePIN) (PINVerdict, error)
	// EnterOnline asks for a PIN and keeps it, as an encrypted block, for the authorization: the block
	// does not come this way either. It is called only when the capabilities have an online PIN and
	// Params.NoOnlinePIN is false. Errors are those of VerifyOffline.
	EnterOnline(ctx context.Context, pin OnlinePIN) (PINEntry, error)
}

// OnlinePIN is a PIN for the issuer.
type OnlinePIN struct {
	PAN       Secret // digits: every block format binds the account; the transaction's memory, not to be kept
	Languages string // the card's, as in CardData
	Bypass    bool   // the cardholder may go on without
}

// ErrPINPad is what a PINPad wraps when it does not work, or does not do what was asked.
var ErrPINPad = errors.New("emvkernel: PIN pad not working")

// OfflinePIN is one try at an offline PIN.
type OfflinePIN struct {
	TriesLeft int    // as the card says: 1 is the last; 0 means that it does not say
	Again     bool   // the try before was wrong: say so
	Languages string // the card's, as in CardData
	Bypass    bool   // the cardholder may go on without
	// Enciphered asks for an enciphered PIN (VERIFY with P2 '88') under the key below, which was
	// recovered and checked; else the PIN goes in clear (P2 '80').
	Enciphered        bool
	Modulus, Exponent []byte
}

// PINEntry says how PIN entry ended.
type PINEntry byte

// How PIN entry ended.
const (
	PINEntered  PINEntry = iota + 1 // a PIN was entered; an offline one was given to the card, and SW is its answer
	PINBypassed                     // the cardholder went on without, which had been offered
	PINCanceled                     // the cardholder does not want to pay
	PINTimedOut                     // the cardholder did nothing
)

// PINVerdict is what came of one try at an offline PIN.
type PINVerdict struct {
	Entry PINEntry
	// SW is the card's answer to VERIFY, or to the GET CHALLENGE it refused, when Entry is PINEntered.
	SW apdu.SW
	// Challenge says that SW answers GET CHALLENGE: the card gave no challenge, or not one of eight bytes,
	// and VERIFY was not sent. The PIN cannot be checked then, which is no wrong PIN.
	Challenge bool
}

// maxTries is more than a card can have: the status word '63Cx' has one digit for them.
const maxTries = 16

// verifyPIN performs one CVM with an offline PIN, with as many tries as the card gives (EMV Book 3,
// 10.5.1 "Offline PIN Processing"). Whatever makes it fail is in the TVR, but for a key that cannot be
// recovered and a challenge that the card refuses (Book 2, 7.2), which have no bits of their own.
//
// Where no tries are left, later rules with an offline PIN fail without asking; after a bypass all rules
// with a PIN do (Book 4, 6.3.4.3). A pad that could not do one kind of PIN may do the other. A card that
// refuses VERIFY in another way ends the transaction.
func (t *Transaction) verifyPIN(ctx context.Context, code byte) (right bool, err error) {
	if t.pinOver || t.bypassed {
		return false, nil
	}
	tries, known, err := t.getNumber(ctx, 0x9F17, 1)
	if err != nil {
		return false, err
	}
	if known && tries == 0 {
		t.tvr.Set(PINTryLimit)
		t.pinOver, t.pinFailed = true, true
		return false, nil
	}
	try := OfflinePIN{TriesLeft: tries, Languages: Languages(t.preference()), Bypass: t.app.PINBypass}
	if code == cvmEncipheredPIN || code == cvmEncipheredSign {
		key, err := t.pinKey()
		if _, failed := errors.AsType[*oda.Failure](err); failed {
			t.log.DebugContext(ctx, "no key to encipher the PIN with", "reason", err.Error())
			return false, nil
		}
		if err != nil {
			return false, err
		}
		try.Enciphered, try.Modulus, try.Exponent = true, key.Modulus, key.Exponent
	}
	left := maxTries
	if known {
		left = tries
	}
	for {
		verdict, err := t.params.PINPad.VerifyOffline(ctx, try)
		if err != nil {
			return false, t.padFailed(ctx, "VERIFY", err)
		}
		if entered, err := t.entered(ctx, verdict.Entry); err != nil || !entered {
			return false, err
		}
		if verdict.Challenge {
			t.log.DebugContext(ctx, "no challenge to encipher the PIN with", "status", verdict.SW.Error())
			return false, nil
		}
		switch sw := verdict.SW; {
		case sw == apdu.OK:
			return true, nil
		case sw.Is(apdu.TriesLeft):
			n := int(sw & 0x0F)
			if n >= left {
				return false, terminate("VERIFY: the card does not count the tries down")
			}
			left = n
		case sw == apdu.AuthenticationBlocked, sw == apdu.DataInvalidated:
			left = 0
		default:
			return false, terminate("VERIFY: " + sw.Error())
		}
		t.pinFailed = true
		if left == 0 {
			t.tvr.Set(PINTryLimit)
			t.pinOver = true
			return false, nil
		}
		try.TriesLeft, try.Again = left, true
	}
}

// enterOnlinePIN performs the CVM "online PIN" (EMV Book 3, 10.5.2): the issuer will judge what was
// entered.
func (t *Transaction) enterOnlinePIN(ctx context.Context) (entered bool, err error) {
	if t.bypassed {
		return false, nil
	}
	entry, err := t.params.PINPad.EnterOnline(ctx, OnlinePIN{
		PAN: t.pan, Languages: Languages(t.preference()), Bypass: t.app.PINBypass,
	})
	if err != nil {
		t.pinWanted = true
		return false, t.padFailed(ctx, "online PIN", err)
	}
	if entered, err = t.entered(ctx, entry); entered {
		t.tvr.Set(OnlinePINEntered)
	}
	return entered, err
}

// padFailed passes on an error of the pad, unless it says that the pad does not work: then there is none
// and the CVM has failed.
func (t *Transaction) padFailed(ctx context.Context, what string, err error) error {
	if !errors.Is(err, ErrPINPad) || ctx.Err() != nil {
		return fmt.Errorf("emvkernel: %s: %w", what, err)
	}
	t.log.WarnContext(ctx, "PIN pad not working", "error", err)
	t.tvr.Set(NoPINPad)
	return nil
}

// entered reports whether there is a PIN. If there is none the CVM has failed or the payment is over. A
// pad that tells of a bypass it was not to offer does not work as it should, and is taken for broken.
func (t *Transaction) entered(ctx context.Context, entry PINEntry) (bool, error) {
	switch entry {
	case PINEntered:
		return true, nil
	case PINBypassed:
		if !t.app.PINBypass {
			return false, t.padFailed(ctx, "PIN entry", fmt.Errorf("%w: bypassed, which was not offered", ErrPINPad))
		}
		t.tvr.Set(PINNotEntered)
		t.bypassed, t.pinFailed = true, true
		return false, nil
	case PINCanceled:
		return false, decide(Canceled, "cardholder canceled PIN entry")
	case PINTimedOut:
		return false, decide(TimedOut, "no PIN was entered in time")
	default:
		return false, fmt.Errorf("%w: the PIN pad ended with entry %d, which is unknown", ErrConfig, entry)
	}
}

// pinKey recovers the key for an enciphered PIN: the card's PIN encipherment key where it has one, else
// the key it signs with (EMV Book 2, 7.1 "Keys and Certificates" of PIN encipherment). One whose
// certificate is wrong is not replaced by the other.
func (t *Transaction) pinKey() (key oda.PublicKey, err error) {
	if certificate, own := t.card[0x9F2D]; own {
		var issuer oda.PublicKey
		if issuer, err = t.chain().IssuerKey(); err != nil {
			return oda.PublicKey{}, err
		}
		key, err = oda.RecoverPINKey(issuer, oda.Certificate{
			Certificate: certificate, Remainder: t.card[0x9F2F], Exponent: t.card[0x9F2E],
		}, t.card[0x5A], t.params.Time)
	} else {
		key, err = t.chain().ICCKey(&t.static, t.aip[:])
	}
	if err == nil && !carriesPIN(key.Modulus) {
		err = &oda.Failure{What: "key for enciphered PINs", Reason: oda.BadKey}
	}
	if err != nil {
		return oda.PublicKey{}, err
	}
	return key, nil
}

// carriesPIN: room for header, PIN block and challenge, and a modulus above any block that begins with the
// header '7F'. Another key is the card's fault; a PIN pad that has to refuse it would look broken.
func carriesPIN(modulus []byte) bool {
	return len(modulus) >= 1+8+8 && modulus[0] >= 0x80 && modulus[len(modulus)-1]&1 == 1
}

// OnlinePINRequired reports that the cardholder could not be verified because, of what works here, the
// card's list leaves nothing but an online PIN, and none can be taken in this payment: the terminal has no
// such capability, Params.NoOnlinePIN withdrew it, or the pad did not work. Then no PIN was wrong, left out
// or blocked: it is a card for another terminal, or for another time, and no decline. It is known after
// VerifyCardholder; the transaction itself goes on, with CVMNotSuccessful in its TVR.
func (t *Transaction) OnlinePINRequired() bool {
	return t.pinWanted && !t.pinFailed && t.tvr.Has(CVMNotSuccessful)
}

// OnlinePINEntered reports that the pad holds a PIN for the issuer. Nobody else can verify it: the payment
// is authorized with it or not at all, and never deferred.
func (t *Transaction) OnlinePINEntered() bool { return t.tvr.Has(OnlinePINEntered) }
