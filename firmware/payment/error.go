package payment

import (
	"fmt"

	"smartreader/store"
)

// Code names why a command failed, in the words of Stripe Terminal's Android
// and React Native SDKs, so that a POS developer knows them already.
type Code string

const (
	AlreadyCompleted          Code = "CANCEL_FAILED"
	AmountExceedsMaxOffline   Code = "AMOUNT_EXCEEDS_MAX_OFFLINE_AMOUNT"
	Canceled                  Code = "CANCELED"
	CardInsertNotRead         Code = "CARD_INSERT_NOT_READ"
	CardSwipeNotAvailable     Code = "CARD_SWIPE_NOT_AVAILABLE"
	InteracNotOffline         Code = "INTERAC_NOT_SUPPORTED_OFFLINE"
	TestmodePaymentInLivemode Code = "OFFLINE_TESTMODE_PAYMENT_IN_LIVEMODE"
	LivemodePaymentInTestmode Code = "OFFLINE_LIVEMODE_PAYMENT_IN_TESTMODE"
	CardLeftInReader          Code = "CARD_LEFT_IN_READER"
	CardNotSupported          Code = "CARD_NOT_SUPPORTED"
	CardReadTimedOut          Code = "CARD_READ_TIMED_OUT"
	CardRemoved               Code = "CARD_REMOVED"
	ConfirmInvalid            Code = "CONFIRM_INVALID_PAYMENT_INTENT"
	DatabaseTooLarge          Code = "OFFLINE_PAYMENTS_DATABASE_TOO_LARGE"
	DeclinedByPlatform        Code = "DECLINED_BY_STRIPE_API"
	DeclinedByReader          Code = "DECLINED_BY_READER"
	ForceOfflineDisabled      Code = "FORCE_OFFLINE_WITH_FEATURE_DISABLED"
	GenericReaderError        Code = "GENERIC_READER_ERROR"
	IdempotencyMismatch       Code = "IDEMPOTENCY_MISMATCH"
	Interrupted               Code = "INTERRUPTED"
	InvalidOfflineCurrency    Code = "INVALID_OFFLINE_CURRENCY"
	InvalidParameter          Code = "INVALID_REQUIRED_PARAMETER"
	IntentNotFound            Code = "OFFLINE_PAYMENT_INTENT_NOT_FOUND"
	MissingEMVData            Code = "MISSING_EMV_DATA"
	NotConnectedToInternet    Code = "STRIPE_API_CONNECTION_ERROR"
	OfflineCardExpired        Code = "OFFLINE_AND_CARD_EXPIRED"
	OfflineDeclined           Code = "OFFLINE_TRANSACTION_DECLINED"
	OfflineKeysUnavailable    Code = "OFFLINE_ENCRYPTION_KEYS_UNAVAILABLE"
	OfflineMismatch           Code = "OFFLINE_COLLECT_AND_CONFIRM_MISMATCH"
	OnlinePINNotOffline       Code = "ONLINE_PIN_NOT_SUPPORTED_OFFLINE"
	PlatformError             Code = "STRIPE_API_ERROR"
	ReaderBusy                Code = "READER_BUSY"
	RequireOnlineNotConnected Code = "NOT_CONNECTED_TO_INTERNET_AND_REQUIRE_ONLINE_SET"
	TestCardInLivemode        Code = "TEST_CARD_IN_LIVEMODE"
	UnexpectedOperation       Code = "UNEXPECTED_OPERATION"
	CertificateError          Code = "READER_COMMUNICATION_SSL_ERROR"
	LedgerDamaged             Code = "LEDGER_DAMAGED"
)

// Retry tells a POS what to do with the same payment after an error.
type Retry string

const (
	RetrySame         Retry = "same"          // ask again, with the same request
	RetryCollectAgain Retry = "collect_again" // nothing was charged: present a card again
	RetryNever        Retry = "never"         // this command cannot succeed as it is
)

// Error is a command that failed for a reason its caller can act on. It never
// holds card data. Payment is the payment as it stands, when there is one.
type Error struct {
	Code        Code
	Message     string // what happened
	Remedy      string // what to do now
	DeclineCode string // the issuer's reason, for the POS only
	Retry       Retry
	// Native is the number of the error in Stripe Terminal's iOS SDK where it is
	// not the one that belongs to the code; 0: it is.
	Native  int
	Payment *store.Payment

	insert bool // the same card, inserted, may do
}

func (e *Error) Error() string { return fmt.Sprintf("payment: %s: %s", e.Code, e.Message) }

// Is reports whether target is an *Error with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

func refuse(code Code, retry Retry, message, remedy string) *Error {
	return &Error{Code: code, Message: message, Remedy: remedy, Retry: retry}
}

// recorded is e as the outcome that is remembered with its request: whoever
// repeats the request gets the same answer again, so that would be no advice.
func (e *Error) recorded() *Error {
	if e.Retry != RetrySame {
		return e
	}
	c := *e
	c.Retry = RetryCollectAgain
	return &c
}

func (e *Error) with(p store.Payment) *Error {
	c := *e
	c.Payment = &p
	return &c
}
