package hal

import (
	"errors"
	"fmt"
)

// Advice is an error that people can act on: one sentence that says what is wrong
// with a device and what can be done about it. A driver makes one with [Advise];
// whoever shows an error to a POS or an installer shows what [AdviceOf] finds.
type Advice struct {
	Text string
	Err  error // what the error matches, ErrNotFound for example
}

// Advise returns an *Advice that matches err and reads as the format says.
func Advise(err error, format string, args ...any) error {
	return &Advice{fmt.Sprintf(format, args...), err}
}

// Error is the text alone. What Err says is for errors.Is: people have no use for
// "device not found" behind the name of the device.
func (a *Advice) Error() string { return a.Text }

// Unwrap returns Err.
func (a *Advice) Unwrap() error { return a.Err }

// AdviceOf is what people read of an error: the first advice in it, without what
// those say who passed it on. An error without advice speaks for itself.
func AdviceOf(err error) string {
	if a, ok := errors.AsType[*Advice](err); ok {
		return a.Text
	}
	return err.Error()
}
