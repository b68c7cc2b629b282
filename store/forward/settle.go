package forward

import (
	"context"
	"errors"
	"time"

	"smartreader/store"
	"smartreader/store/killpoint"
)

// askEvery is how often it is asked how a rescued payment ended.
const askEvery = time.Hour

// settle asks how a rescued payment ended. It is somebody else's to send, so
// nothing is put on record before, and an answer that never came costs nothing:
// neither does it slow down others.
//
//	not known, lost         as before
//	forwarded               rescued, with the charge; the sealed payload goes
//	declined                declined
//	failed, expired         rescued, with the reason: it may be taken back
func (f *Forwarder) settle(ctx context.Context, p store.Payment) (result, error) {
	limited, cancel := context.WithTimeout(ctx, f.o.Timeout)
	defer cancel()
	verdict, err := f.lookUp(limited, p)
	killpoint.Hit("forward.answered")
	switch {
	case err == nil:
	case answered(err):
		f.pace.succeeded()
		return result{}, nil
	default:
		t := temporary(err)
		f.pace.wish(t)
		return result{err: t}, nil
	}
	f.pace.succeeded()
	if verdict.Status == Declined || verdict.Status == Forwarded && verdict.ChargeID != "" {
		verdict.Rescued = true
		return f.end(ctx, p, verdict)
	}
	if p.Failure != nil && p.Failure.Code == verdict.Code || verdict.Status == Forwarded {
		return result{}, nil // as known
	}
	if _, err := f.commit(ctx, f.fillIn(p, verdict), verdict.Code); err != nil && !errors.Is(err, store.ErrConflict) {
		return result{}, err
	}
	return result{}, nil
}
