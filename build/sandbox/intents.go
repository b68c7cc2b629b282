package sandbox

import (
	"maps"
	"net/http"
	"regexp"
	"unicode/utf8"

	"smartreader/firmware/platform"
)

// Intent statuses.
const (
	statusNew      = "requires_payment_method"
	statusCapture  = "requires_capture"
	statusDone     = "succeeded"
	statusCanceled = "canceled"
)

// maxAmount is what eight digits hold, as the public API has it.
const maxAmount = 99_999_999

var currencyForm = regexp.MustCompile(`^[a-z]{3}$`)

// draft is what an intent is created from, whoever asks.
type draft struct {
	amount                                      int64
	currency, captureMethod, description, usage string
	metadata                                    map[string]string
}

// check returns the name of the first unusable parameter and why. Lengths are
// characters, as the public API and the POS protocol count them.
func (d *draft) check() (param, message string) {
	if param, message = d.checkCharge(); param != "" {
		return param, message
	}
	switch {
	case d.usage != "" && d.usage != "off_session" && d.usage != "on_session":
		return "setup_future_usage", "must be off_session or on_session"
	case utf8.RuneCountInString(d.description) > 1000:
		return "description", "is longer than 1000 characters"
	case len(d.metadata) > 50:
		return "metadata", "has more than 50 keys"
	}
	for key, value := range d.metadata {
		if key == "" || utf8.RuneCountInString(key) > 40 || utf8.RuneCountInString(value) > 500 {
			return "metadata", "has a key longer than 40 or a value longer than 500 characters"
		}
	}
	return "", ""
}

// checkCharge checks only what a charge cannot be made without. A submission
// is held to no more: the cardholder has paid and left, and a payment must not
// fail for ever because of a word about it. The envelope bounds the rest.
func (d *draft) checkCharge() (param, message string) {
	if d.captureMethod == "" {
		d.captureMethod = "automatic"
	}
	switch {
	case d.amount <= 0 || d.amount > maxAmount:
		return "amount", "must be 1 to 99999999 in minor units"
	case !currencyForm.MatchString(d.currency):
		return "currency", "must be a lower-case ISO 4217 code"
	case d.captureMethod != "automatic" && d.captureMethod != "manual":
		return "capture_method", "must be automatic or manual"
	}
	return "", ""
}

func (t *tx) newIntent(d draft) intent {
	id := newID("pi_")
	return intent{PaymentIntent: platform.PaymentIntent{
		ID: id, Status: statusNew, ClientSecret: id + "_secret_" + randomText(25),
		Amount: d.amount, Currency: d.currency, CaptureMethod: d.captureMethod,
		Description: d.description, Metadata: d.metadata, SetupFutureUsage: d.usage,
		CreatedAtMs: t.atMs,
	}}
}

// base is the amount without the tip, which is chosen at the reader.
func (o intent) base() int64 { return o.Amount - o.AmountTip }

// same reports whether the intent is what the draft asks for.
func (o intent) same(d draft) bool {
	return o.base() == d.amount && o.Currency == d.currency && o.CaptureMethod == d.captureMethod &&
		o.Description == d.description && o.SetupFutureUsage == d.usage && maps.Equal(o.Metadata, d.metadata)
}

func (s *Sandbox) createIntent(c caller, q platform.CreatePaymentIntent) (any, error) {
	if q.Key == "" || len(q.Key) > 255 || q.LocalID == "" || len(q.LocalID) > 255 {
		return nil, invalid("key and localId: 1 to 255 characters")
	}
	d := draft{q.Amount, q.Currency, q.CaptureMethod, q.Description, q.SetupFutureUsage, q.Metadata}
	if param, message := d.check(); param != "" {
		return nil, invalid("%s: %s", param, message)
	}
	var made intent
	err := s.update(func(t *tx) error {
		if known, ok := t.intentNamed(keyAlias(q.Key)); ok {
			if !known.same(d) {
				return refused(http.StatusConflict, platform.CodeKeyConflict, "the key was used for an intent with other parameters")
			}
			made = known
			return nil
		}
		if known, ok := t.aliases.get(localAlias(c.reader.ID, q.LocalID)); ok {
			// A key that was forgotten is known from its payment's local id.
			if o, ok := t.intents.get(known.IntentID); ok && known.Key == q.Key && o.same(d) {
				t.put(alias{Name: keyAlias(q.Key), IntentID: o.ID, AtMs: t.atMs})
				made = o
				return nil
			}
			return refused(http.StatusConflict, platform.CodeKeyConflict, "the local id was used for an intent with another key")
		}
		made = t.newIntent(d)
		t.put(made)
		t.put(alias{Name: keyAlias(q.Key), IntentID: made.ID, AtMs: t.atMs})
		t.put(alias{Name: localAlias(c.reader.ID, q.LocalID), IntentID: made.ID, Key: q.Key, AtMs: t.atMs})
		return nil
	})
	return made.PaymentIntent, err
}

func (s *Sandbox) intentByID(w http.ResponseWriter, r *http.Request, _ caller) {
	s.answerIntent(w, r.PathValue("id"))
}

func (s *Sandbox) intentBySecret(w http.ResponseWriter, r *http.Request, _ caller) {
	var id string
	s.view(func(st *state) { id = st.intentBySecret[r.URL.Query().Get("clientSecret")] })
	s.answerIntent(w, id)
}

func (s *Sandbox) answerIntent(w http.ResponseWriter, id string) {
	var o intent
	var ok bool
	s.view(func(st *state) { o, ok = st.intents.get(id) })
	if !ok {
		refuse(w, http.StatusNotFound, platform.CodeIntentNotFound, "no such payment intent")
		return
	}
	writeJSON(w, http.StatusOK, o.PaymentIntent)
}

func (s *Sandbox) cancelIntent(w http.ResponseWriter, r *http.Request, _ caller) {
	serve(s, w, r, func(q platform.CancelPaymentIntent) (any, error) {
		reason := q.Reason
		if reason == "" {
			reason = "requested_by_customer"
		}
		var o intent
		err := s.update(func(t *tx) (err error) {
			o, err = t.cancel(r.PathValue("id"), reason)
			return err
		})
		return o.PaymentIntent, err
	})
}

// cancel ends an intent; money that is only held is given back.
func (t *tx) cancel(id, reason string) (intent, error) {
	o, ok := t.intents.get(id)
	if !ok {
		return o, refused(http.StatusNotFound, platform.CodeIntentNotFound, "no such payment intent")
	}
	switch o.Status {
	case statusCanceled:
		return o, nil
	case statusDone:
		return o, refused(http.StatusConflict, platform.CodeIntentState, "the payment intent has succeeded and can not be canceled")
	case statusCapture:
		t.put(t.undo(&o))
	}
	o.Status, o.Canceled, o.CanceledAtMs = statusCanceled, reason, t.atMs
	t.put(o)
	return o, nil
}

// undo takes the live charge off an intent: what was captured is refunded,
// what was only held is released. The caller puts the intent.
func (t *tx) undo(o *intent) charge {
	a, _ := t.authorizations.get(o.LiveCharge)
	c, _ := t.charges.get(a.ChargeID)
	c.Reversed = true
	if c.Captured > 0 {
		c.Refunded = c.Captured - c.Returned
	} else {
		c.Released = true
	}
	o.LiveCharge, o.AmountCapturable, o.AmountReceived, o.Status = "", 0, 0, statusNew
	return c
}
