package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"smartreader/firmware/platform"
)

func TestSignedWebhook(t *testing.T) {
	p := openShop(t)
	b := p.listenFor()
	started := time.Now().Unix()
	made := p.must("POST", "/v1/payment_intents", "amount=500&currency=usd&metadata[order]=A7")
	n := b.want("payment_intent.created")[0]
	if !verified(n, b.secret) || !strings.HasPrefix(b.secret, "whsec_") {
		t.Errorf("signature %q", n.signature)
	}
	if verified(n, "whsec_other") || verified(notice{signature: n.signature, body: append(n.body, ' ')}, b.secret) {
		t.Error("the test's own check accepts anything")
	}
	at, _, _ := strings.Cut(strings.TrimPrefix(n.signature, "t="), ",")
	if sent, err := strconv.ParseInt(at, 10, 64); err != nil || sent < started || sent > time.Now().Unix() {
		t.Errorf("signed at %s", at)
	}
	if !reflect.DeepEqual(n.object, made) {
		t.Errorf("object\n%v\nwant\n%v", n.object, made)
	}
	if n.event["pending_webhooks"] != 1.0 {
		t.Errorf("%v webhooks pending", n.event["pending_webhooks"])
	}
	b.done()
	kept := p.must("GET", "/v1/events/"+n.id, "")
	if kept["pending_webhooks"] != 0.0 {
		t.Errorf("%v webhooks pending", kept["pending_webhooks"])
	}
	constant := fields{"object": "event", "livemode": false, "api_version": "2026-08-26.train", "request": nil, "created": made["created"]}
	for name, want := range constant {
		if got, ok := n.event[name]; !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	n.event["pending_webhooks"], n.event["api_version"] = 0.0, nil // the endpoint's, not the event's
	if !reflect.DeepEqual(kept, n.event) {
		t.Errorf("kept\n%v\nsent\n%v", kept, n.event)
	}
}

// TestSameEventsOnlineAndForwarded: a backend sees no difference between a
// payment made online and one that was stored and forwarded, but what the
// charge itself says about it.
func TestSameEventsOnlineAndForwarded(t *testing.T) {
	for name, test := range map[string]struct {
		card, method string
		amount, tip  int64
		types        []string
	}{
		"automatic": {"visa", "automatic", 1200, 0, []string{"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}},
		"with tip":  {"visa", "automatic", 1500, 300, []string{"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}},
		"manual":    {"visa", "manual", 1200, 0, []string{"payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated"}},
		"declined":  {"declined-insufficient-funds", "automatic", 1200, 0, []string{"payment_intent.created", "charge.failed", "payment_intent.payment_failed"}},
		"by amount": {"visa", "automatic", 1205, 0, []string{"payment_intent.created", "charge.failed", "payment_intent.payment_failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := openShop(t)
			b := p.listenFor()
			metadata := map[string]string{"offlineId": "till-3-0042"}
			var told [2][]notice
			for i := range told {
				y := p.pay(test.card, test.amount)
				y.header.CaptureMethod, y.header.Tip, y.header.Metadata, y.header.Description = test.method, test.tip, metadata, "Coffee"
				var v *platform.Verdict
				if i == 0 {
					o, err := p.client.CreatePaymentIntent(t.Context(), platform.CreatePaymentIntent{
						Key: y.header.Key, LocalID: y.header.LocalID, Amount: test.amount - test.tip, Currency: "usd",
						CaptureMethod: test.method, Metadata: metadata, Description: "Coffee",
					})
					if err != nil {
						t.Fatal(err)
					}
					y.header.IntentID = o.ID
					v = y.authorize()
				} else {
					v = y.forward()
				}
				told[i] = b.want(test.types...)
				for _, n := range told[i] {
					if n.object["metadata"].(fields)["offlineId"] != "till-3-0042" || n.object["description"] != "Coffee" {
						t.Errorf("%s: %v", n.kind, n.object)
					}
				}
				created, charge, end := told[i][0].object, told[i][1].object, told[i][2].object
				if created["status"] != "requires_payment_method" || created["latest_charge"] != nil || created["amount"] != float64(test.amount-test.tip) || created["id"] != end["id"] {
					t.Errorf("created: %v", created)
				}
				if now := p.must("GET", "/v1/charges/"+v.ChargeID, ""); !reflect.DeepEqual(charge, now) {
					t.Errorf("charge\n%v\nwant\n%v", charge, now)
				}
				if now := p.must("GET", "/v1/payment_intents/"+v.Intent.ID, ""); !reflect.DeepEqual(end, now) {
					t.Errorf("intent\n%v\nwant\n%v", end, now)
				}
				deferred := charge["payment_method_details"].(fields)["card_present"].(fields)["offline"]
				if (deferred != nil) != (i == 1) {
					t.Errorf("offline: %v", deferred)
				}
				if failed, ok := end["last_payment_error"].(fields); ok != strings.HasSuffix(test.types[2], "failed") || ok && failed["charge"] != v.ChargeID || ok && failed["decline_code"] != v.DeclineCode {
					t.Errorf("last_payment_error: %v", end["last_payment_error"])
				}
			}
			for i := range told[0] {
				if one, other := members(told[0][i].event), members(told[1][i].event); !slices.Equal(one, other) {
					t.Errorf("%s: members\n%q online\n%q forwarded", told[0][i].kind, one, other)
				}
			}
			b.done()
		})
	}
}

// members lists the names in an object, however deep, but below what differs.
func members(o fields) (names []string) {
	for name, value := range o {
		names = append(names, name)
		if inner, ok := value.(fields); ok && name != "offline" {
			for _, deeper := range members(inner) {
				names = append(names, name+"."+deeper)
			}
		}
	}
	slices.Sort(names)
	return names
}

func TestEventsAfterThePayment(t *testing.T) {
	p := openShop(t)
	b := p.listenFor()
	held := func() string {
		y := p.pay("visa", 900)
		y.header.CaptureMethod = "manual"
		id := y.forward().Intent.ID
		b.want("payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated")
		return id
	}

	id := held()
	p.must("POST", "/v1/payment_intents/"+id+"/capture", "amount_to_capture=800")
	told := b.want("charge.captured", "payment_intent.succeeded")
	if told[0].object["amount_captured"] != 800.0 || told[1].object["amount_received"] != 800.0 || told[1].object["id"] != id {
		t.Errorf("%v", told)
	}
	r := p.must("POST", "/v1/refunds", "payment_intent="+id+"&amount=100&metadata[why]=cold")
	told = b.want("charge.refunded", "refund.created")
	if told[0].object["amount_refunded"] != 100.0 || !reflect.DeepEqual(told[1].object, r) {
		t.Errorf("%v", told)
	}

	id = held()
	p.must("POST", "/v1/payment_intents/"+id+"/cancel", "cancellation_reason=abandoned")
	told = b.want("charge.refunded", "payment_intent.canceled")
	if told[0].object["captured"] != false || told[1].object["cancellation_reason"] != "abandoned" {
		t.Errorf("%v", told)
	}

	unpaid := p.must("POST", "/v1/payment_intents", "amount=500&currency=usd")["id"].(string)
	if _, err := p.client.CancelPaymentIntent(t.Context(), unpaid, platform.CancelPaymentIntent{}); err != nil {
		t.Fatal(err)
	}
	b.want("payment_intent.created", "payment_intent.canceled")

	// Declined, then paid with another card: one intent, whose events tell both.
	first := p.pay("declined-generic", 1250)
	first.authorize()
	b.want("payment_intent.created", "charge.failed", "payment_intent.payment_failed")
	second := first.again("visa")
	second.authorize()
	if end := b.want("charge.succeeded", "payment_intent.succeeded")[1].object; end["last_payment_error"] != nil {
		t.Errorf("%v", end)
	}
	second.reverse()
	if c := b.want("charge.refunded")[0].object; c["refunded"] != true {
		t.Errorf("%v", c)
	}
	second.reverse()

	// What changes nothing tells nothing: a repeat, and what was refused.
	second.authorize()
	wrong := p.pay("visa", 700)
	wrong.header.Amount = 701
	if v := wrong.forward(); v.Status != platform.StatusFailed {
		t.Fatalf("%+v", v)
	}
	b.done()
}

// TestRefundThatFailsIsTold although nobody asks for it meanwhile.
func TestRefundThatFailsIsTold(t *testing.T) {
	p := openShop(t, stopClock)
	v := p.pay("refund-fails", 1250).authorize()
	b := p.listenFor()
	p.must("POST", "/v1/refunds", "charge="+v.ChargeID)
	b.want("charge.refunded", "refund.created")
	p.advance(refundFailsAfterMs*time.Millisecond + time.Second)
	told := b.want("refund.updated", "refund.failed")
	if was := told[0].event["data"].(fields)["previous_attributes"]; !reflect.DeepEqual(was, fields{"status": "succeeded", "failure_reason": nil}) {
		t.Errorf("previous_attributes: %v", was)
	}
	if o := told[1].object; o["status"] != "failed" || o["failure_reason"] != "expired_or_canceled_card" {
		t.Errorf("%v", o)
	}
	b.done()
}

func TestRetries(t *testing.T) {
	p := openShop(t, stopClock, func(o *Options) { o.patience = 300 * time.Millisecond })
	b := p.listenFor()
	for _, status := range []int{500, 404, 302, hold} {
		b.statuses <- status
		p.must("POST", "/v1/payment_intents", "amount=500&currency=usd")
		first := b.want("payment_intent.created")[0]
		b.done()
		if d := b.waits(first.id); d.Attempts != 1 || d.Error == "" || strings.Contains(d.Error, "key=1") {
			t.Errorf("after %d: %+v", status, d)
		}
		b.statuses <- 503
		p.advance(3 * time.Second)
		if again := b.next(); again.id != first.id || !verified(again, b.secret) {
			t.Errorf("after %d: %s %s, want %s again", status, again.kind, again.id, first.id)
		}
		b.done()
		if d := b.waits(first.id); d.Attempts != 2 || d.Error != "it answered 503" {
			t.Errorf("after %d and 503: %+v", status, d)
		}
		p.advance(6 * time.Second)
		if again := b.next(); again.id != first.id || again.signature == first.signature {
			t.Errorf("after %d and 503: %s, want %s again", status, again.id, first.id)
		}
		b.done()
		if d := b.waits(first.id); d.EventID != "" {
			t.Errorf("after all: %+v", d)
		}
	}
}

// waits returns how the event's delivery stands, if it still waits.
func (b *backend) waits(eventID string) (d delivery) {
	b.p.s.view(func(st *state) { d = st.waiting[eventID][b.id] })
	return d
}

// TestWaits: they grow, go on for more than a day whatever the clock says, and
// end.
func TestWaits(t *testing.T) {
	const start = 1_800_000_000_000
	d := delivery{AtMs: start}
	var last int64
	for at := int64(start); !d.GivenUp; at = d.dueMs() {
		d = d.failed(at, "it answered 500")
		if d.WaitMs <= last && last < maxWaitMs*3/4 || d.WaitMs > maxWaitMs*5/4 || d.WaitMs < firstWaitMs*3/4 {
			t.Fatalf("attempt %d: waits %d ms after %d", d.Attempts, d.WaitMs, last)
		}
		last = d.WaitMs
	}
	if lasted := d.AtMs - start; lasted < giveUpMs || lasted > giveUpMs+2*maxWaitMs {
		t.Errorf("gave up after %v and %d attempts", time.Duration(lasted)*time.Millisecond, d.Attempts)
	}
	var least int64
	d = delivery{AtMs: start}
	for range minAttempts - 1 {
		d = d.failed(start+int64(d.Attempts)*1000*dayMs, "")
		if d.GivenUp {
			t.Fatalf("a clock that jumped ended it after %d attempts", d.Attempts)
		}
		least += min(maxWaitMs, int64(firstWaitMs)<<(d.Attempts-1)) * 3 / 4
	}
	if least < dayMs {
		t.Errorf("%d attempts may take only %v", minAttempts, time.Duration(least)*time.Millisecond)
	}
	if in := (delivery{AtMs: start, WaitMs: maxWaitMs}).in(start - 1); in != 0 {
		t.Errorf("a clock that was set back stops it for %v", in)
	}
}

// TestNothingIsDeliveredWhileTheInternetIsCut, and everything afterwards; what
// was cut off in the middle does not count as the endpoint's failure.
func TestNothingIsDeliveredWhileTheInternetIsCut(t *testing.T) {
	p := openShop(t)
	b := p.listenFor()
	b.statuses <- hold
	p.pay("visa", 1200).forward()
	first := b.want("payment_intent.created")[0]
	if err := p.s.SetUnreachable(true); err != nil {
		t.Fatal(err)
	}
	made, err := p.s.createIntent(caller{reader: reader{Reader: p.activation.Reader}}, platform.CreatePaymentIntent{Key: "k", LocalID: "l", Amount: 300, Currency: "usd"})
	if err != nil {
		t.Fatal(err)
	}
	p.advance(time.Hour)
	if now, _ := p.s.errands(nil); len(now) != 0 {
		t.Errorf("%d to be delivered", len(now))
	}
	if w := p.s.Webhooks().Endpoints[0]; w.Pending != 4 || w.Delivered != 0 || w.LastError != "" {
		t.Errorf("%+v", w)
	}
	if len(b.arrived) != 0 {
		t.Errorf("%d arrived", len(b.arrived))
	}
	if err := p.s.SetUnreachable(false); err != nil {
		t.Fatal(err)
	}
	told := b.want("payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "payment_intent.created")
	if told[0].id != first.id || told[3].object["id"] != made.(platform.PaymentIntent).ID {
		t.Errorf("%v", told)
	}
	b.done()
}

// TestRestartInTheMiddle: after it, what was not acknowledged is sent again,
// what was is not.
func TestRestartInTheMiddle(t *testing.T) {
	p := openShop(t)
	b := p.listenFor()
	b.statuses <- http.StatusOK
	b.statuses <- hold
	p.pay("visa", 1200).forward()
	before := b.want("payment_intent.created", "charge.succeeded")
	state := p.s.state
	p.restart()
	after := b.want("charge.succeeded", "payment_intent.succeeded")
	if after[0].id != before[1].id || !bytes.Equal(after[0].body, before[1].body) || !verified(after[1], b.secret) {
		t.Errorf("%s, want %s again", after[0].id, before[1].id)
	}
	b.done()
	p.stop()
	replayed := newState()
	if _, _, err := replayLines("state.jsonl", readState(t, p), replayed); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(replayed, p.s.state) {
		t.Errorf("state differs from its file:\n%+v\n%+v", p.s.state, replayed)
	}
	if !reflect.DeepEqual(state.events.order, replayed.events.order[:3]) {
		t.Errorf("events %v before, %v after", state.events.order, replayed.events.order)
	}
}

// TestEventsAreWrittenWithTheirCause: wherever the power fails, there is an
// event for every charge and none without, and each is delivered or waits.
func TestEventsAreWrittenWithTheirCause(t *testing.T) {
	p := openShop(t, stopClock)
	b := p.listenFor()
	b.statuses <- http.StatusInternalServerError
	p.pay("visa", 1200).forward()
	p.pay("declined-generic", 1200).forward()
	y := p.pay("visa", 1300)
	y.authorize()
	y.reverse()
	b.want("payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "payment_intent.created", "charge.failed",
		"payment_intent.payment_failed", "payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "charge.refunded")
	b.done()
	p.stop()
	data := readState(t, p)
	for cut := range data {
		if cut > 0 && data[cut-1] != '\n' {
			continue
		}
		st := newState()
		if _, _, err := replayLines("state.jsonl", data[:cut], st); err != nil {
			t.Fatal(err)
		}
		var charged, refunded, failed int
		for _, e := range st.events.all() {
			switch e.Type {
			case "charge.succeeded", "charge.failed":
				charged++
			case "charge.refunded":
				refunded++
			}
		}
		reversed := 0
		for _, c := range st.charges.all() {
			if c.Reversed {
				reversed++
			}
		}
		for _, waiting := range st.waiting {
			failed += waiting[b.id].Attempts
		}
		if charged != len(st.charges.order) || refunded != reversed {
			t.Fatalf("cut at %d: %d charges and %d events of them, %d reversed and %d events", cut, len(st.charges.order), charged, reversed, refunded)
		}
		if done := st.delivered[b.id].Delivered; done+len(st.waiting) != len(st.events.order) || failed > 1 {
			t.Fatalf("cut at %d: %d delivered, %d waiting, %d events", cut, done, len(st.waiting), len(st.events.order))
		}
	}
}

func TestEndpointsGetWhatTheyAskedFor(t *testing.T) {
	p := openShop(t)
	p.pay("visa", 1000).forward()
	all, some := p.listenFor(), p.listenFor("charge.succeeded", "payment_intent.payment_failed", "customer.created")
	p.pay("visa", 1200).forward()
	p.pay("declined-generic", 1200).forward()
	some.want("charge.succeeded", "payment_intent.payment_failed")
	all.want("payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "payment_intent.created", "charge.failed", "payment_intent.payment_failed")
	all.done()

	// A slow endpoint delays nobody but itself.
	some.statuses <- hold
	p.pay("visa", 1300).forward()
	some.want("charge.succeeded")
	all.want("payment_intent.created", "charge.succeeded", "payment_intent.succeeded")
	all.done()

	// What is deleted gets nothing any more, not even what it waits for.
	gone := p.must("DELETE", "/v1/webhook_endpoints/"+some.id, "")
	if gone["deleted"] != true || gone["id"] != some.id {
		t.Errorf("%v", gone)
	}
	p.pay("visa", 1400).forward()
	all.want("payment_intent.created", "charge.succeeded", "payment_intent.succeeded")
	all.done()
	if len(some.arrived) != 0 {
		t.Errorf("%d arrived", len(some.arrived))
	}
	if w := p.s.Webhooks(); len(w.Endpoints) != 1 || w.Endpoints[0].ID != all.id {
		t.Errorf("%+v", w)
	}
	p.s.view(func(st *state) {
		for id, waiting := range st.waiting {
			if _, ok := waiting[some.id]; ok {
				t.Errorf("%s waits for a deleted endpoint", id)
			}
		}
	})
	if status, _ := p.ask("GET", "/v1/webhook_endpoints/"+some.id, ""); status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
}

func TestWebhookEndpoints(t *testing.T) {
	p := openShop(t)
	const form = "url=http://127.0.0.1:9/hook&enabled_events[0]=charge.succeeded&enabled_events[1]=refund.failed&api_version=2026-08-26.train&description=Till&metadata[a]=b"
	made := p.must("POST", "/v1/webhook_endpoints", form, "Idempotency-Key", "k")
	if again := p.must("POST", "/v1/webhook_endpoints", form, "Idempotency-Key", "k"); !reflect.DeepEqual(again, made) {
		t.Errorf("%v", again)
	}
	got := p.must("GET", "/v1/webhook_endpoints/"+made["id"].(string), "")
	if _, told := got["secret"]; told || made["secret"] == "" {
		t.Errorf("%v", got)
	}
	delete(made, "secret")
	listed := p.must("GET", "/v1/webhook_endpoints", "")["data"].([]any)
	if !reflect.DeepEqual(got, made) || len(listed) != 1 || !reflect.DeepEqual(listed[0], any(made)) {
		t.Errorf("made %v, got %v, listed %v", made, got, listed)
	}
	if !reflect.DeepEqual(made["enabled_events"], []any{"charge.succeeded", "refund.failed"}) || made["status"] != "enabled" || made["metadata"].(fields)["a"] != "b" {
		t.Errorf("%v", made)
	}
	for name, form := range map[string]string{
		"no url":          "enabled_events[]=*",
		"no events":       "url=http://127.0.0.1:9",
		"no host":         "url=http:///x&enabled_events[]=*",
		"another scheme":  "url=ftp://127.0.0.1&enabled_events[]=*",
		"relative":        "url=/x&enabled_events[]=*",
		"user name":       "url=http://me:pw@127.0.0.1&enabled_events[]=*",
		"misspelt event":  "url=http://127.0.0.1:9&enabled_events[]=payment_intent.suceeded",
		"no event":        "url=http://127.0.0.1:9&enabled_events[]=succeeded",
		"version":         "url=http://127.0.0.1:9&enabled_events[]=*&api_version=a%20b",
		"unknown":         "url=http://127.0.0.1:9&enabled_events[]=*&secret=x",
		"too much about":  "url=http://127.0.0.1:9&enabled_events[]=*&description=" + strings.Repeat("x", 5001),
		"too long a note": "url=http://127.0.0.1:9&enabled_events[]=*&metadata[a]=" + strings.Repeat("x", 501),
	} {
		if status, out := p.ask("POST", "/v1/webhook_endpoints", form); status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", name, status, out)
		}
	}
	for range maxEndpoints - 1 {
		p.must("POST", "/v1/webhook_endpoints", "url=https://[::1]:9&enabled_events[]=*")
	}
	if status, out := p.ask("POST", "/v1/webhook_endpoints", form); status != http.StatusBadRequest {
		t.Errorf("%d %v", status, out)
	}
	if status, _ := p.ask("DELETE", "/v1/webhook_endpoints/we_x", ""); status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
}

func TestListEvents(t *testing.T) {
	p := openShop(t)
	p.pay("visa", 1200).forward()
	p.pay("declined-generic", 1200).forward()
	types := func(params string) (got []string) {
		page := p.must("GET", "/v1/events"+params, "")
		for _, e := range page["data"].([]any) {
			got = append(got, e.(fields)["type"].(string))
		}
		return got
	}
	all := []string{"payment_intent.payment_failed", "charge.failed", "payment_intent.created", "payment_intent.succeeded", "charge.succeeded", "payment_intent.created"}
	if got := types(""); !slices.Equal(got, all) {
		t.Errorf("%q", got)
	}
	if got := types("?type=charge.failed"); !slices.Equal(got, all[1:2]) {
		t.Errorf("%q", got)
	}
	if got := types("?type=charge.*"); !slices.Equal(got, []string{"charge.failed", "charge.succeeded"}) {
		t.Errorf("%q", got)
	}
	page := p.must("GET", "/v1/events?limit=2", "")
	if page["has_more"] != true || page["url"] != "/v1/events" {
		t.Errorf("%v", page)
	}
	after := page["data"].([]any)[1].(fields)["id"].(string)
	if got := types("?starting_after=" + after); !slices.Equal(got, all[2:]) {
		t.Errorf("%q", got)
	}
	for _, params := range []string{"?type=[", "?limit=0", "?starting_after=evt_x", "?typo=x"} {
		if status, out := p.ask("GET", "/v1/events"+params, ""); status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", params, status, out)
		}
	}
	if status, _ := p.ask("GET", "/v1/events/evt_x", ""); status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
}

// TestEventsAreForgotten after 30 days, or when there are too many, but not
// while an endpoint waits for them.
func TestEventsAreForgotten(t *testing.T) {
	st := newState()
	n := uint64(0)
	add := func(atMs int64) string {
		n++
		e := event{ID: "evt_" + strconv.FormatUint(n, 10), Type: "charge.succeeded", Sequence: n, CreatedAtMs: atMs}
		st.set(e)
		return e.ID
	}
	kept := func() int {
		if len(st.events.byKey) != len(st.events.order) {
			t.Fatalf("%d events, %d in order", len(st.events.byKey), len(st.events.order))
		}
		return len(st.events.order)
	}
	const start = 1_800_000_000_000
	add(start)
	add(start + 1)
	add(start + eventLifeMs)
	if kept() != 2 {
		t.Errorf("%d are kept", kept())
	}
	awaited := add(start + eventLifeMs)
	d := delivery{EventID: awaited, EndpointID: "we_1", Sequence: n}
	st.set(d)
	add(start + 3*eventLifeMs)
	if _, ok := st.events.get(awaited); !ok || kept() != 2 {
		t.Errorf("%d are kept", kept())
	}
	d.Delivered = true
	st.set(d)
	for range maxEvents + 10 {
		add(start + 3*eventLifeMs)
	}
	if kept() != maxEvents || st.told != n {
		t.Errorf("%d are kept", kept())
	}
}

func TestWebhookControl(t *testing.T) {
	p := openShop(t, stopClock)
	b := p.listenFor("charge.succeeded")
	b.statuses <- http.StatusInternalServerError
	b.statuses <- http.StatusOK
	p.pay("visa", 1200).forward()
	p.pay("visa", 1300).forward()
	p.pay("visa", 1400).forward()
	b.want("charge.succeeded", "charge.succeeded", "charge.succeeded")
	w := httptest.NewRecorder()
	p.s.ControlHandler().ServeHTTP(w, httptest.NewRequest("GET", "/control/platform/webhooks", nil))
	var got Webhooks
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Endpoints) != 1 {
		t.Fatalf("%s: %v", w.Body, err)
	}
	if e := got.Endpoints[0]; got.Events != 9 || e.ID != b.id || e.Pending < 1 || e.Pending > 2 || e.Delivered < 1 || e.LastError != "it answered 500" || e.LastErrorAtMs == 0 || !slices.Equal(e.EnabledEvents, []string{"charge.succeeded"}) {
		t.Errorf("%s", w.Body)
	}
	if strings.Contains(w.Body.String(), b.secret) {
		t.Error("the secret is shown")
	}
}
