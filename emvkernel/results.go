package emvkernel

import "fmt"

// Flag is one bit of a TVR or TSI: the byte's number in its upper half, counted from zero, the bit in
// its lower half.
type Flag uint16

// Bits of the terminal verification results, '95' (EMV Book 3, Annex C5).
const (
	ODANotPerformed Flag = 0x0080
	SDAFailed       Flag = 0x0040
	ICCDataMissing  Flag = 0x0020
	InExceptionFile Flag = 0x0010
	DDAFailed       Flag = 0x0008
	CDAFailed       Flag = 0x0004
	SDASelected     Flag = 0x0002

	VersionsDiffer    Flag = 0x0180
	Expired           Flag = 0x0140
	NotYetEffective   Flag = 0x0120
	ServiceNotAllowed Flag = 0x0110
	NewCard           Flag = 0x0108

	CVMNotSuccessful Flag = 0x0280
	UnrecognisedCVM  Flag = 0x0240
	PINTryLimit      Flag = 0x0220
	NoPINPad         Flag = 0x0210 // PIN entry required and PIN pad not present or not working
	PINNotEntered    Flag = 0x0208
	OnlinePINEntered Flag = 0x0204

	FloorLimitExceeded Flag = 0x0380
	LowerLimitExceeded Flag = 0x0340 // lower consecutive offline limit
	UpperLimitExceeded Flag = 0x0320 // upper consecutive offline limit
	SelectedAtRandom   Flag = 0x0310
	ForcedOnline       Flag = 0x0308

	DefaultTDOLUsed    Flag = 0x0480
	IssuerAuthFailed   Flag = 0x0440
	ScriptFailedBefore Flag = 0x0420 // before the final GENERATE AC
	ScriptFailedAfter  Flag = 0x0410 // after the final GENERATE AC
	// Contactless only (Book C-2, "Terminal Verification Results" [unverified]).
	RelayThresholdExceeded  Flag = 0x0408
	RelayTimeLimitsExceeded Flag = 0x0404
	RelayResistance         Flag = 0x0402 // the relay resistance protocol was performed
	RelayNotPerformed       Flag = 0x0401 // it could have been and was not
)

// Bits of the transaction status information, '9B' (EMV Book 3, Annex C6).
const (
	ODAPerformed        Flag = 0x0080
	CVMPerformed        Flag = 0x0040
	CardRiskPerformed   Flag = 0x0020
	IssuerAuthPerformed Flag = 0x0010
	RiskPerformed       Flag = 0x0008
	ScriptPerformed     Flag = 0x0004
)

// TVR is the terminal verification results.
type TVR [5]byte

// Has reports whether the bit is set.
func (r TVR) Has(f Flag) bool { return r[f>>8]&byte(f) != 0 }

// Set sets the bit.
func (r *TVR) Set(f Flag) { r[f>>8] |= byte(f) }

// String returns the ten hexadecimal digits.
func (r TVR) String() string { return fmt.Sprintf("%X", r[:]) }

// TSI is the transaction status information.
type TSI [2]byte

// Has reports whether the bit is set.
func (s TSI) Has(f Flag) bool { return s[f>>8]&byte(f) != 0 }

// Set sets the bit.
func (s *TSI) Set(f Flag) { s[f>>8] |= byte(f) }

// String returns the four hexadecimal digits.
func (s TSI) String() string { return fmt.Sprintf("%X", s[:]) }
