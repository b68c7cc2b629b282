package sandbox

import (
	"encoding/json"
	"fmt"
	"path"
	"reflect"
)

// event is something that happened, with the object as it was then.
type event struct {
	ID          string          `json:"id"` // evt_...
	Type        string          `json:"type"`
	Sequence    uint64          `json:"sequence"` // 1, 2, 3, ...: the order in which events happened
	CreatedAtMs int64           `json:"createdAtMs"`
	Object      json.RawMessage `json:"object"`             // as the public face rendered it
	Previous    json.RawMessage `json:"previous,omitempty"` // of updates: what changed, as it was before
}

func (event) kind() string  { return "event" }
func (o event) key() string { return o.ID }

// Events are kept for eventLifeMs, as on the public platform, but no more of
// them than maxEvents: they are a few KB each. One that a webhook endpoint still
// waits for is kept longer.
const (
	eventLifeMs = 30 * dayMs
	maxEvents   = 20_000
)

// addEvent adds it and forgets the oldest ones when their time has come.
func (s *state) addEvent(o event) {
	s.events.set(o)
	s.told = o.Sequence
	for len(s.events.order) > 1 {
		oldest := s.events.byKey[s.events.order[0]]
		young := oldest.CreatedAtMs > o.CreatedAtMs-eventLifeMs && len(s.events.order) <= maxEvents
		if young || len(s.waiting[oldest.ID]) > 0 {
			return
		}
		delete(s.events.byKey, oldest.ID)
		s.events.order = s.events.order[1:]
	}
}

// tell puts the events that follow from the transaction's changes. It looks at
// nothing but the objects before and after, so that whatever changes a payment
// tells it, and tells it in the line on disk that has the change.
func (t *tx) tell() error {
	n := news{tx: t, shown: newState(), last: t.told}
	intents, charges, refunds := last[intent](t), last[charge](t), last[refund](t)
	for _, c := range charges {
		if o, ok := t.intents.get(c.IntentID); ok {
			n.shown.set(o)
		}
	}
	for _, o := range intents {
		n.shown.set(o)
	}
	for _, o := range intents {
		if _, known := t.intents.get(o.ID); !known {
			n.add("payment_intent.created", renderIntent(n.shown, o.born(), false), nil)
		}
	}
	for _, c := range charges {
		n.charge(c)
	}
	for _, r := range refunds {
		n.refund(r)
	}
	for _, o := range intents {
		n.intent(o)
	}
	return n.err
}

// last returns the objects of one type that the transaction puts, as it leaves
// them.
func last[T object](t *tx) []T {
	var some table[T]
	for _, o := range t.changed {
		if o, ok := o.(T); ok {
			some.set(o)
		}
	}
	return some.all()
}

// news collects the events of one transaction.
type news struct {
	*tx
	shown *state // the objects after it, as far as they are rendered
	last  uint64 // sequence
	err   error
}

func (n *news) add(kind string, object, before any) {
	e := event{ID: newID("evt_"), Type: kind, Sequence: n.last + 1, CreatedAtMs: n.atMs}
	var err error
	if e.Object, err = json.Marshal(object); err == nil && before != nil {
		e.Previous, err = previous(before, object)
	}
	if err != nil {
		n.err = fmt.Errorf("sandbox: event %s: %w", kind, err)
		return
	}
	n.last++
	n.put(e)
	for _, w := range n.endpoints.all() {
		if w.wants(kind) {
			n.put(delivery{EventID: e.ID, EndpointID: w.ID, Sequence: e.Sequence, AtMs: n.atMs})
		}
	}
}

func (n *news) charge(c charge) {
	was, known := n.charges.get(c.ID)
	object := renderCharge(n.shown, c)
	switch {
	case !known && c.Approved:
		n.add("charge.succeeded", object, nil)
	case !known:
		n.add("charge.failed", object, nil)
	case was.Captured == 0 && c.Captured > 0:
		n.add("charge.captured", object, nil)
	}
	if known && (c.Refunded+c.Returned > was.Refunded+was.Returned || c.Released && !was.Released) {
		n.add("charge.refunded", object, nil)
	}
}

func (n *news) refund(r refund) {
	was, known := n.refunds.get(r.ID)
	switch {
	case !known:
		n.add("refund.created", renderRefund(r), nil)
	case r.Failed && !was.Failed:
		n.add("refund.updated", renderRefund(r), renderRefund(was))
		n.add("refund.failed", renderRefund(r), nil)
	}
}

// intent tells what became of it. That a reader took a charge back, after which
// its intent waits for a payment again, has no event of the intent: it is a
// charge.refunded.
func (n *news) intent(o intent) {
	was, _ := n.intents.get(o.ID)
	var kind string
	switch {
	case o.Status == statusDone && was.Status != statusDone:
		kind = "payment_intent.succeeded"
	case o.Status == statusCapture && was.Status != statusCapture:
		kind = "payment_intent.amount_capturable_updated"
	case o.Status == statusCanceled && was.Status != statusCanceled:
		kind = "payment_intent.canceled"
	case o.LastDecline != nil && (was.LastDecline == nil || *was.LastDecline != *o.LastDecline):
		kind = "payment_intent.payment_failed"
	default:
		return
	}
	n.add(kind, renderIntent(n.shown, o, false), nil)
}

// born is the intent as it was created. A stored payment's is created and
// charged at once, when it arrives.
func (o intent) born() intent {
	o.Amount, o.AmountTip = o.base(), 0
	o.Status, o.AmountCapturable, o.AmountReceived = statusNew, 0, 0
	o.LatestChargeID, o.LiveCharge, o.LastDecline = "", "", nil
	o.Canceled, o.CanceledAtMs = "", 0
	return o
}

// previous has the members of before that are not the same after.
func previous(before, after any) (json.RawMessage, error) {
	was, is := before.(map[string]any), after.(map[string]any)
	changed := make(map[string]any)
	for name, now := range is {
		if then := was[name]; !reflect.DeepEqual(then, now) {
			changed[name] = then
		}
	}
	return json.Marshal(changed)
}

// renderEvent shows an event; apiVersion is what an endpoint asked to be told.
func renderEvent(st *state, e event, apiVersion string) any {
	data := map[string]any{"object": e.Object}
	if e.Previous != nil {
		data["previous_attributes"] = e.Previous
	}
	return map[string]any{
		"id":               e.ID,
		"object":           "event",
		"api_version":      nullable(apiVersion),
		"created":          seconds(e.CreatedAtMs),
		"data":             data,
		"livemode":         false,
		"pending_webhooks": len(st.waiting[e.ID]),
		"request":          nil,
		"type":             e.Type,
	}
}

func listEvents(t *tx, q query) (any, error) {
	if err := q.allow("limit", "starting_after", "type"); err != nil {
		return nil, err
	}
	wanted := q.params.Get("type")
	var some []event
	for _, e := range t.events.all() {
		// A * stands for any rest, as in charge.*
		if fits, err := path.Match(wanted, e.Type); err != nil {
			return nil, badRequest("", "type", "Invalid type: %s", wanted)
		} else if fits || wanted == "" {
			some = append(some, e)
		}
	}
	return list(q, "/v1/events", some, func(e event) any { return renderEvent(t.state, e, "") })
}

func getEvent(t *tx, q query) (any, error) {
	if err := q.allow(); err != nil {
		return nil, err
	}
	e, ok := t.events.get(q.id)
	if !ok {
		return nil, missing("event", q.id)
	}
	return renderEvent(t.state, e, ""), nil
}
