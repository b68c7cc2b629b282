package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	"smartreader/store"
	"smartreader/store/killpoint"
)

// result is what one attempt came to. All fields empty: somebody else changed
// the payment first.
type result struct {
	ended       store.State // final state reached, if any
	reversed    bool
	unreachable bool  // surely nothing reached the platform
	held        *Hold // the platform does not take it as things are
	aside       bool  // a person has to look at it
	alone       bool  // it failed while the platform answered others
	err         error // why it did not end
}

// attempt takes one payment one attempt further. The error is ctx's or the
// store's; the payment is then in the state committed last, and both sending
// and unknown mean that the next attempt begins by looking it up.
//
//	reversing               reverse until acknowledged
//	stored, never attempted sending, submit
//	stored, attempted       sending, look up; not found: submit
//	sending (interrupted)   unknown, then as unknown
//	unknown                 look up; not found: sending, submit
//	rescued                 look up
func (f *Forwarder) attempt(ctx context.Context, p store.Payment) (result, error) {
	intent := p.State // what is on record while the request is under way
	switch p.State {
	case store.Rescued:
		return f.settle(ctx, p)
	case store.Stored:
		intent = store.Sending
	case store.Sending:
		intent = store.Unknown
	}
	lookUp := p.State != store.Stored || p.Attempted
	p, err := f.begin(ctx, p, intent)
	if err != nil {
		return undecided(err)
	}
	switch {
	case p.State == store.Reversing:
		return f.reverse(ctx, p)
	case !lookUp:
		return f.submit(ctx, p)
	}

	verdict, err := f.ask(ctx, p, f.lookUp)
	if !errors.Is(err, ErrNotFound) {
		return f.conclude(ctx, p, verdict, err)
	}
	if p.State == store.Unknown {
		if p, err = f.begin(ctx, p, store.Sending); err != nil {
			return undecided(err)
		}
	}
	return f.submit(ctx, p)
}

// submit sends the sealed record. The state is sending, on disk.
func (f *Forwarder) submit(ctx context.Context, p store.Payment) (result, error) {
	envelope, err := f.o.Store.Sealed(p.LocalID)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged) {
		return f.setAside(ctx, p, err)
	}
	if err != nil {
		return result{}, err
	}
	verdict, err := f.ask(ctx, p, func(ctx context.Context, p store.Payment) (Verdict, error) {
		v, err := f.o.Submitter.Submit(ctx, p, envelope)
		if errors.Is(err, ErrNotFound) {
			err = &Temporary{Sent: true, Err: err} // only a look-up can say that
		}
		return checked(v, err)
	})
	return f.conclude(ctx, p, verdict, err)
}

func (f *Forwarder) lookUp(ctx context.Context, p store.Payment) (Verdict, error) {
	return checked(f.o.Submitter.LookUp(ctx, p))
}

func (f *Forwarder) reverse(ctx context.Context, p store.Payment) (result, error) {
	_, err := f.ask(ctx, p, func(ctx context.Context, p store.Payment) (Verdict, error) {
		return Verdict{}, f.o.Submitter.Reverse(ctx, p)
	})
	if err != nil {
		return f.conclude(ctx, p, Verdict{}, err)
	}
	p.State, p.NextAttemptAtMs = p.After, 0
	if p, err = f.commit(ctx, p, "reversal acknowledged"); err != nil {
		return undecided(err)
	}
	killpoint.Hit("forward.verdict-committed")
	return result{ended: p.State, reversed: true}, nil
}

// begin puts an attempt on record before the first byte of it leaves, together
// with the time of the next one: a payment that kills the process at every
// attempt must not keep the others from theirs. Only attempts that surely never
// left are not counted in the end, see conclude.
func (f *Forwarder) begin(ctx context.Context, p store.Payment, intent store.State) (store.Payment, error) {
	killpoint.Hit("forward.before-attempt")
	reason := fmt.Sprintf("attempt %d", p.Attempts+1)
	if p.State == store.Sending && intent == store.Unknown {
		reason = "interrupted while sending"
	}
	p.State = intent
	p.Attempts++
	p.NextAttemptAtMs = time.Now().Add(f.backoff(p.Attempts)).UnixMilli()
	if intent == store.Unknown {
		p.Attempted = true
	}
	p, err := f.o.Store.Commit(ctx, store.Change{Payment: p, Reason: reason})
	if err == nil {
		killpoint.Hit("forward.attempt-committed")
	}
	return p, err
}

// ask makes one request, within the time limit, and lets the pace learn from
// it. The error is ErrNotFound, a *Hold or a *Temporary.
func (f *Forwarder) ask(ctx context.Context, p store.Payment, request func(context.Context, store.Payment) (Verdict, error)) (Verdict, error) {
	round := f.pace.begin()
	limited, cancel := context.WithTimeout(ctx, f.o.Timeout)
	defer cancel()
	verdict, err := request(limited, p)
	killpoint.Hit("forward.answered")
	if err == nil || answered(err) {
		f.succeeded()
		return verdict, err
	}
	t := temporary(err)
	if ctx.Err() == nil { // else it says nothing about the link
		t.alone = f.failed(ctx, round, p, t) == 1 && t.Sent
	}
	return Verdict{}, t
}

// answered tells whether an error is the platform's answer.
func answered(err error) bool {
	_, held := errors.AsType[*Hold](err)
	return held || errors.Is(err, ErrNotFound)
}

// conclude commits what a request came to.
func (f *Forwarder) conclude(ctx context.Context, p store.Payment, verdict Verdict, err error) (result, error) {
	if err == nil {
		return f.end(ctx, p, verdict)
	}
	if hold, ok := errors.AsType[*Hold](err); ok {
		return f.hold(ctx, p, hold)
	}
	t := temporary(err)
	if ctx.Err() != nil && t.Sent {
		return result{}, ctx.Err() // the attempt is on record as it is
	}
	reason := "no answer"
	if t.Sent {
		p.NextAttemptAtMs = time.Now().Add(max(t.RetryAfter, f.backoff(p.Attempts))).UnixMilli()
	} else {
		// Nobody saw it: the pause for everyone is enough, and a long outage must not
		// make the first answer that is lost after it cost minutes.
		reason = "not sent"
		p.Attempts--
		p.NextAttemptAtMs = 0
	}
	if p.State == store.Sending {
		p.State = store.Stored
		if t.Sent {
			p.State, p.Attempted = store.Unknown, true
		}
	}
	if _, err := f.commit(ctx, p, reason); err != nil {
		return undecided(err)
	}
	return result{unreachable: !t.Sent, alone: t.alone, err: t}, nil
}

// hold leaves a payment waiting that the platform does not take as things are.
// It is looked up before it is sent again.
func (f *Forwarder) hold(ctx context.Context, p store.Payment, h *Hold) (result, error) {
	if p.State == store.Sending {
		p.State, p.Attempted = store.Unknown, true
	}
	p.NextAttemptAtMs = 0
	if _, err := f.commit(ctx, p, "held: "+h.Code); err != nil {
		return undecided(err)
	}
	return result{held: h}, nil
}

// end commits the platform's last word; the sealed payload goes with it, unless
// it failed: a wrong refusal must not destroy the only copy.
func (f *Forwarder) end(ctx context.Context, p store.Payment, v Verdict) (result, error) {
	p.State = store.State(v.Status)
	if v.Status == Forwarded && v.Rescued {
		p.State = store.Rescued
	}
	p.NextAttemptAtMs = 0
	p = f.fillIn(p, v)
	p, err := f.commit(ctx, p, v.Code)
	if err != nil {
		return undecided(err)
	}
	killpoint.Hit("forward.verdict-committed")
	f.o.Log.Info("payment ended", "localId", p.LocalID, "sequence", p.Sequence, "state", p.State, "code", v.Code)
	return result{ended: p.State}, nil
}

// fillIn notes what a verdict says.
func (f *Forwarder) fillIn(p store.Payment, v Verdict) store.Payment {
	if p.IntentID != "" && v.IntentID != "" && v.IntentID != p.IntentID {
		f.o.Log.Error("the platform answered with another id", "localId", p.LocalID, "ours", p.IntentID, "theirs", v.IntentID)
	} else if v.IntentID != "" {
		p.IntentID = v.IntentID
	}
	p.ChargeID, p.AuthorizationCode, p.ResponseCode = v.ChargeID, v.AuthorizationCode, v.ResponseCode
	p.Failure = nil
	if v.Status != Forwarded {
		p.Failure = &store.Failure{Code: v.Code, DeclineCode: v.DeclineCode, Message: v.Message}
	}
	return p
}

// setAside leaves a payment whose sealed payload is gone or damaged waiting,
// marked, for a person: it cannot be charged, and must not look finished.
func (f *Forwarder) setAside(ctx context.Context, p store.Payment, cause error) (result, error) {
	p.State = store.Stored
	p.NextAttemptAtMs = time.Now().Add(f.o.MaxWait).UnixMilli()
	p.Failure = &store.Failure{Code: "payload_damaged", Message: "the sealed card data is missing or damaged"}
	if _, err := f.commit(ctx, p, "payload damaged"); err != nil {
		return undecided(err)
	}
	f.o.Log.Error("payment cannot be forwarded", "localId", p.LocalID, "sequence", p.Sequence, "err", cause)
	return result{aside: true, err: cause}, nil
}

// commit puts a result on record, also when ctx has ended meanwhile: what the
// platform said must not be forgotten.
func (f *Forwarder) commit(ctx context.Context, p store.Payment, reason string) (store.Payment, error) {
	return f.o.Store.Commit(context.WithoutCancel(ctx), store.Change{Payment: p, Reason: reason})
}

// undecided passes the store's errors on, except that somebody else changed
// the payment first: the next look shows what it is now.
func undecided(err error) (result, error) {
	if errors.Is(err, store.ErrConflict) {
		return result{}, nil
	}
	return result{}, err
}

// checked refuses an answer that is no verdict.
func checked(v Verdict, err error) (Verdict, error) {
	if err != nil {
		return Verdict{}, err
	}
	switch v.Status {
	case Forwarded, Declined, Failed, Expired:
		return v, nil
	default:
		return Verdict{}, &Temporary{Sent: true, Err: fmt.Errorf("the answer holds no verdict: status %q", v.Status)}
	}
}
