package emvkernel

import (
	"fmt"
	"time"
)

// Params are the facts of one payment.
type Params struct {
	Amount   int64  // '9F02', minor units, cashback included, 0 to 999,999,999,999
	Cashback int64  // '9F03', minor units, part of Amount
	Currency uint16 // '5F2A', ISO 4217 numeric, e.g. 840
	Exponent byte   // '5F36', digits after the point
	Type     byte   // '9C' as coded: 0x00 goods and services, 0x01 cash, 0x09 with cashback, 0x20 refund
	// Time is the local date and time of the payment: '9A', '9F21', and what card dates and
	// certificates are compared with. The caller vouches for it.
	Time time.Time
	// UnpredictableNumber is '9F37', drawn by the caller from a random source for this payment.
	UnpredictableNumber [4]byte
	// RandomSelection is 1 to 99, drawn by the caller for this payment. It is needed only when an
	// application configures random selection.
	RandomSelection byte
	Counter         uint32 // '9F41', transaction sequence counter: from 1, one more each time, eight digits
	// NoOnlinePIN withdraws the online PIN from the terminal capabilities of this payment: nobody could
	// verify it, or the PIN pad has no key for it.
	NoOnlinePIN bool
	// NoOfflineApproval withdraws Application.OfflineApproval for this payment.
	NoOfflineApproval bool
	// MayApproveOffline is asked, where nothing else forbids it, whether the card may approve this payment
	// without its issuer: once, when all is known of card and cardholder and before the card is asked for
	// its decision. It may call Card, Receipt, TVR and Authenticated, and no step. Nil: it may.
	MayApproveOffline func() bool
	// ForceOnline is set when the merchant wants the issuer asked whatever limits and action codes say. An
	// offline-only terminal then declines.
	ForceOnline bool
	// SaleLog returns the amount, in minor units of Currency, of the last payment with this account that
	// the terminal remembers, 0 if none: a sale split in two counts as one for the floor limit. Nil: no log.
	SaleLog func(pan Secret, sequence string) int64
	// ExceptionFile reports whether the account is on the terminal's exception file. Nil: there is none.
	// The TVR then says InExceptionFile, and no card of such an account is asked to approve without its
	// issuer; whether it is deferred is the caller's decision, and it never should be.
	//
	// Neither function may keep pan, which is the transaction's memory, or take the transaction a step on.
	ExceptionFile func(pan Secret, sequence string) bool
	// PINPad asks for PINs. Nil is a terminal without one: whatever its configuration says, its
	// capabilities in this payment are then without PIN.
	PINPad PINPad
}

// Validate reports the first parameter that cannot be used. NewTransaction asks it.
func (p *Params) Validate() error {
	switch {
	case p.Amount < 0 || p.Amount > maxAmount:
		return fmt.Errorf("%w: amount %d, want 0 to %d minor units", ErrConfig, p.Amount, maxAmount)
	case p.Cashback < 0 || p.Cashback > p.Amount:
		return fmt.Errorf("%w: cashback %d is not a part of the amount %d", ErrConfig, p.Cashback, p.Amount)
	case p.Currency == 0 || p.Currency > 999:
		return fmt.Errorf("%w: currency %d is not an ISO 4217 numeric code", ErrConfig, p.Currency)
	case p.Exponent > 9:
		return fmt.Errorf("%w: currency exponent %d, want one digit", ErrConfig, p.Exponent)
	case p.Type>>4 > 9 || p.Type&0x0F > 9:
		return fmt.Errorf("%w: transaction type %02X, want two decimal digits", ErrConfig, p.Type)
	case p.Time.IsZero():
		return fmt.Errorf("%w: no time; give the local date and time of the payment", ErrConfig)
	case p.RandomSelection > 99:
		return fmt.Errorf("%w: random selection number %d, want 1 to 99", ErrConfig, p.RandomSelection)
	case p.Counter > 99_999_999:
		return fmt.Errorf("%w: counter %d, want at most eight digits", ErrConfig, p.Counter)
	}
	return nil
}
