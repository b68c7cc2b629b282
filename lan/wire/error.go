package wire

import (
	"errors"
	"fmt"
)

// JSON-RPC error numbers. Every error also carries an Error as its data.
const (
	RPCParseError     = -32700
	RPCInvalidRequest = -32600
	RPCMethodNotFound = -32601
	RPCInvalidParams  = -32602
	RPCInternalError  = -32603
	RPCRefused        = -32000 // understood and refused or failed; see data.code
)

// Retry says what a POS should do with the same payment after an error.
type Retry string

// The three answers.
const (
	RetrySame         Retry = "same"          // repeat the same call with the same requestId, also to learn an unknown outcome
	RetryCollectAgain Retry = "collect_again" // ask for a card again with the same payment and a new requestId
	RetryNever        Retry = "never"         // it is over, or something else must be put right first (see remedy)
)

// Error is the data of a JSON-RPC error: what happened, what to do about it,
// and whether trying again makes sense. It is never the carrier of a decline
// alone: PaymentIntent shows the state the payment is in afterwards.
type Error struct {
	Code            Code           `json:"code"`
	Message         string         `json:"message"`
	Remedy          string         `json:"remedy"`
	DeclineCode     string         `json:"declineCode,omitempty"`
	NativeErrorCode int            `json:"nativeErrorCode,omitempty"` // the iOS number where one exists
	PaymentIntent   *PaymentIntent `json:"paymentIntent,omitempty"`   // null: the outcome is unknown, ask again
	Retry           Retry          `json:"retry"`
}

// NewError makes an error with the table's number, remedy and retry. An empty
// message means the table's text.
func NewError(code Code, message string) *Error {
	d := code.defaults()
	if message == "" {
		message = d.message
	}
	return &Error{Code: code, Message: message, Remedy: d.remedy, NativeErrorCode: d.native, Retry: d.retry}
}

// Errorf is NewError with a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return NewError(code, fmt.Sprintf(format, args...))
}

// WithPaymentIntent returns a copy that carries the payment.
func (e *Error) WithPaymentIntent(pi PaymentIntent) *Error {
	c := *e
	c.PaymentIntent = &pi
	return &c
}

// WithRemedy returns a copy with another remedy than the table's.
func (e *Error) WithRemedy(remedy string) *Error {
	c := *e
	c.Remedy = remedy
	return &c
}

// WithRetry returns a copy with another retry than the table's.
func (e *Error) WithRetry(r Retry) *Error {
	c := *e
	c.Retry = r
	return &c
}

// WithNative returns a copy with another number than the table's.
func (e *Error) WithNative(n int) *Error {
	c := *e
	c.NativeErrorCode = n
	return &c
}

// OutcomeUnknown reports whether the call may have been carried out although it
// failed: repeat it with the same requestId to learn the outcome.
func (e *Error) OutcomeUnknown() bool {
	switch e.Code {
	case CodeGenericReaderError, CodeReaderCommunicationError, CodeRequestTimedOut:
		return e.Retry == RetrySame
	}
	return false
}

// Error implements error.
func (e *Error) Error() string {
	if e.Remedy == "" {
		return string(e.Code) + ": " + e.Message
	}
	return string(e.Code) + ": " + e.Message + " (" + e.Remedy + ")"
}

// Is makes errors.Is(err, wire.CodeReaderBusy) work.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// AsError finds the Error in err's chain.
func AsError(err error) (*Error, bool) {
	return errors.AsType[*Error](err)
}
