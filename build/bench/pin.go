package bench

import (
	"context"
	"net/http"
	"strings"
)

// PINPad is the cardholder at a simulated PIN pad, who enters the right PIN
// unless told otherwise.
type PINPad interface {
	SetPIN(digits string) error // what is right in the cardholder's mind from now on
	EnterWrong(times int)
	Bypass() // the next entry is left out
	Cancel() // at the next entry, Cancel is pressed
	TimeOut()
}

// pinRequest is the body of POST /control/pin: one of the two.
type pinRequest struct {
	PIN  string `json:"pin,omitempty"`
	Next string `json:"next,omitempty"` // one of pinActs
}

var pinActs = map[string]func(PINPad){
	"wrong":   func(p PINPad) { p.EnterWrong(1) },
	"bypass":  PINPad.Bypass,
	"cancel":  PINPad.Cancel,
	"timeout": PINPad.TimeOut,
}

// pinForm is how the command is written.
const pinForm = "pin wrong, bypass, cancel, timeout or 4 to 12 digits"

// checkPIN refuses what is neither an act nor a PIN.
func checkPIN(what string) error {
	_, known := pinActs[what]
	digits := strings.Trim(what, "0123456789") == ""
	if known || digits && len(what) >= 4 && len(what) <= 12 {
		return nil
	}
	return Usagef("that is no PIN; it is: %s", pinForm)
}

const pinUsage = `the body must be {"next": "wrong"}, bypass, cancel or timeout, or {"pin": DIGITS}`

func (c Control) pin(r *http.Request) error {
	var body pinRequest
	if err := ReadBody(r, &body); err != nil {
		return err
	}
	act, known := pinActs[body.Next]
	switch {
	case body.PIN != "" && body.Next == "":
		if err := c.PINPad.SetPIN(body.PIN); err != nil {
			return Usagef("%w", err)
		}
	case known && body.PIN == "":
		act(c.PINPad)
	default:
		return Usagef(pinUsage)
	}
	return nil
}

// PIN tells the cardholder what to do at the next PIN entry: wrong, bypass,
// cancel, timeout, or which PIN to enter from now on.
func (c Client) PIN(ctx context.Context, what string) error {
	body := pinRequest{Next: what}
	if _, known := pinActs[what]; !known {
		body = pinRequest{PIN: what}
	}
	return c.Do(ctx, http.MethodPost, "pin", body, nil)
}
