package tap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
)

// KernelID is a kernel identifier: of '9F2A' in the directory, and of kernels a reader has (Book B, 3.3.2).
type KernelID byte

// The kernels payment systems use by default.
const (
	KernelMastercard KernelID = 2
	KernelVisa       KernelID = 3
	KernelAmex       KernelID = 4
	KernelJCB        KernelID = 5
	KernelDiscover   KernelID = 6
	KernelUnionPay   KernelID = 7
	KernelEMV        KernelID = 8 // Book C-8
)

// Kernel processes one card, from the selected application to an outcome. It holds its own configuration,
// so that each combination can have another; the configuration must not change while it is used.
type Kernel interface {
	// ID is the kernel identifier that a card's directory asks for.
	ID() KernelID
	// Check reports what of the kernel's configuration cannot be used with this combination and terminal,
	// by its place.
	Check(c *Combination, t *emvkernel.Config) error
	// Activate runs the kernel. A card that leaves, lies or breaks a rule is an outcome. An error is the
	// end of ctx, wrapped, or a mistake of the caller's. Approved and OnlineRequest have a Reading with the
	// cryptogram they stand on, a TC or an ARQC: Entry Point takes no other.
	Activate(ctx context.Context, a *Activation) (Outcome, error)
}

// Combination is an application that the reader takes by tap, with its kernel and limits, for some
// transaction types (Book A, 5.3; Book B, 3.1).
type Combination struct {
	AID    []byte // 5 to 16 bytes; the card's name may be longer
	Types  []byte // '9C' values it is for; empty: purchases (00)
	Kernel Kernel
	Brand  string // as emvkernel.Application.Brand
	// Limits are those that pre-processing looks at, by currency; empty: none, they are the kernel's own
	// business. With some, there is no tap in another currency.
	Limits []Limits
	// TTQ is the terminal transaction qualifiers '9F66' as configured; nil: none. The bits that belong to
	// one transaction (byte 2: 8 and 7) are ignored.
	TTQ *[4]byte
	// StatusCheck asks for a status check where the amount is exactly one unit of the currency.
	StatusCheck bool
	// ZeroAmountAllowed lets an amount of zero be tapped.
	ZeroAmountAllowed bool
	// ExtendedSelection appends the card's extended selection data ('9F29') to the name it is selected by.
	ExtendedSelection bool
}

// Limits bound a tap, in minor units. Nil: there is no such limit. Book B reaches a limit at the amount
// itself (">="), but the floor limit beyond it; Book C-2 counts ">" for all.
type Limits struct {
	Currency    uint16 // ISO 4217 numeric; 0: whatever the payment is in
	Transaction *int64 // no tap from here on
	OnDevice    *int64 // the same, where the consumer's device verifies the cardholder (Book C-2 only)
	Floor       *int64 // the issuer is asked beyond it
	CVMRequired *int64 // the cardholder is verified from here on
}

// LimitsIn returns the limits for a currency; ok false means that there are none for it.
func LimitsIn(list []Limits, currency uint16) (l Limits, ok bool) {
	for _, l := range list {
		if l.Currency == currency || l.Currency == 0 {
			return l, true
		}
	}
	return Limits{}, false
}

// Serves reports whether the combination is for the transaction type ('9C').
func (c *Combination) Serves(transaction byte) bool {
	if len(c.Types) == 0 {
		return transaction == 0x00
	}
	return slices.Contains(c.Types, transaction)
}

// Indicators are what pre-processing found for one combination and one payment (Book B, 3.1.1).
type Indicators struct {
	StatusCheckRequested    bool
	NotAllowed              bool // no tap with this combination
	ZeroAmount              bool
	CVMRequired             bool // the CVM limit is reached
	FloorLimitExceeded      bool
	TransactionLimitReached bool
	HasTTQ                  bool
	TTQ                     [4]byte // this payment's copy, with byte 2 bits 8 and 7 set from the others
}

// Activation is what a kernel is given.
type Activation struct {
	Card        *Link
	Config      *emvkernel.Config // terminal, certification authority keys, revocation list
	Combination *Combination
	Indicators  Indicators
	// Params are the payment's, with an unpredictable number drawn for this activation alone.
	Params emvkernel.Params
	AID    []byte  // the name that was selected
	FCI    []byte  // the answer to SELECT, without status word
	SW     apdu.SW // of SELECT
	Start  Start   // A, B, C or D: where Entry Point began
	// Again says that the same payment was tried before and the card is presented again.
	Again bool
	// Answer is set when the kernel is started again after an OnlineRequest with OnlineData.
	Answer *OnlineAnswer
	UI     func(UIRequest) // never nil
	// UN draws another unpredictable number, for a kernel that needs more than Params has; nil: it draws its own.
	UN  func() ([4]byte, error)
	Log *slog.Logger // never nil; no card data
}

// OnlineAnswer is what the issuer said.
type OnlineAnswer struct {
	Approved                 bool
	ARC                      [2]byte // '8A'
	IssuerAuthenticationData []byte  // '91'; nil: none
	Scripts                  []byte  // templates '71' and '72', concatenated
}

// ErrConfig is wrapped by what Check returns.
var ErrConfig = errors.New("tap: bad configuration")

// Elsewhere is a kernel a reader does not have: the application is known, and its card is asked to be
// inserted. Without it such a card would be told that nothing can be done with it.
type Elsewhere KernelID

// ID implements Kernel.
func (e Elsewhere) ID() KernelID { return KernelID(e) }

// Check implements Kernel.
func (e Elsewhere) Check(*Combination, *emvkernel.Config) error { return nil }

// Activate implements Kernel: try another interface.
func (e Elsewhere) Activate(_ context.Context, a *Activation) (Outcome, error) {
	return Outcome{
		Kind: TryAnotherInterface, AlternateInterface: Contact,
		UI:     &UIRequest{Message: InsertCard, Status: ConditionsNotSatisfied},
		Reason: fmt.Sprintf("this reader has no kernel %d for %s", byte(e), a.Combination.Brand),
	}, nil
}
