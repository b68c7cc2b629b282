package oda

import "fmt"

// Reason says why an authentication failed.
type Reason byte

// Missing is the reason the kernel must tell apart: the card did not give data it promised (TVR
// "ICC data missing"). All others are failures of the data given.
const (
	Missing           Reason = iota + 1 // the card lacks a data object the method needs
	NoCAKey                             // no certification authority key with this RID and index
	KeyExpired                          // the certification authority key is past its last month
	BadKey                              // exponent is neither 3 nor 65537, or no usable modulus
	WrongLength                         // signature or certificate is not as long as the key that made it
	BadHeader                           // recovered data does not start with '6A'
	BadTrailer                          // recovered data does not end with 'BC'
	BadFormat                           // another certificate or signature format than expected
	BadAlgorithm                        // hash or key algorithm is not '01'
	HashMismatch                        // the hash inside does not fit the data
	BadKeyLength                        // key length or exponent length in the certificate is impossible
	RemainderMismatch                   // the remainder is not as long as what is missing from the key
	IssuerMismatch                      // issuer identifier is not the beginning of the account number
	PANMismatch                         // the certificate is for another account number
	Expired                             // certificate expired before the transaction date
	Revoked                             // the certificate is on the revocation list
	BadStaticData                       // static data to be authenticated is not usable
	NoUnpredictable                     // the list of data to be signed leaves out the unpredictable number
	BadDynamicData                      // ICC dynamic data is malformed
	CIDMismatch                         // signed and plain cryptogram information data differ
	TransactionHash                     // transaction data hash code differs
)

// Error returns the reason in words.
func (r Reason) Error() string {
	switch r {
	case Missing:
		return "data missing on the card"
	case NoCAKey:
		return "no such certification authority key"
	case KeyExpired:
		return "certification authority key expired"
	case BadKey:
		return "unusable key"
	case WrongLength:
		return "wrong length"
	case BadHeader:
		return "header is not 6A"
	case BadTrailer:
		return "trailer is not BC"
	case BadFormat:
		return "unexpected format"
	case BadAlgorithm:
		return "unknown algorithm"
	case HashMismatch:
		return "hash differs"
	case BadKeyLength:
		return "impossible key length"
	case RemainderMismatch:
		return "key remainder has the wrong length"
	case IssuerMismatch:
		return "issuer identifier does not match the account number"
	case PANMismatch:
		return "account number does not match"
	case Expired:
		return "certificate expired"
	case Revoked:
		return "certificate revoked"
	case BadStaticData:
		return "static data not usable"
	case NoUnpredictable:
		return "unpredictable number not asked for"
	case BadDynamicData:
		return "dynamic data malformed"
	case CIDMismatch:
		return "cryptogram information data differs"
	case TransactionHash:
		return "transaction data hash differs"
	default:
		return fmt.Sprintf("reason %d", byte(r))
	}
}

// Failure is an authentication that did not succeed.
type Failure struct {
	What   string // "issuer certificate", "CDA signature", ...
	Reason Reason
}

func (f *Failure) Error() string { return "oda: " + f.What + ": " + f.Reason.Error() }

// Unwrap returns the Reason, for errors.Is.
func (f *Failure) Unwrap() error { return f.Reason }

func fail(what string, reason Reason) error { return &Failure{What: what, Reason: reason} }
