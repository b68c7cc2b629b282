package payment_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"smartreader/firmware/payment"
	"smartreader/store"
	"smartreader/store/seal"
)

// slow is a platform that approves, and whose answer comes after the reader has
// stopped waiting for it.
type slow struct {
	*issuer
	charged  []string // natural keys
	deadline time.Duration
	plain    bool // the error is not an Unreachable
}

func (s *slow) Authorize(ctx context.Context, p store.Payment, envelope []byte, pin *payment.PINBlock) (payment.Answer, error) {
	if at, ok := ctx.Deadline(); ok {
		s.deadline = time.Until(at)
	}
	answer, err := s.issuer.Authorize(ctx, p, envelope, pin)
	if err != nil || answer.Verdict != payment.Approved {
		s.t.Errorf("the platform says %+v, %v", answer, err)
	}
	s.charged = append(s.charged, p.NaturalKey)
	<-ctx.Done()
	if s.plain {
		return payment.Answer{}, ctx.Err()
	}
	return payment.Answer{}, &payment.Unreachable{Sent: true, Err: ctx.Err()}
}

// Invariant 2: the platform approved, its answer came too late. What is stored
// is the very attempt that was approved, so that it is charged once.
func TestAuthorizationThatTakesTooLongIsDeferredUnderTheSameNaturalKey(t *testing.T) {
	for _, plain := range []bool{false, true} {
		var platform *slow
		b := newBench(t, func(b *bench, o *payment.Options) {
			platform = &slow{issuer: b.platform, plain: plain}
			o.Platform = platform
			o.AuthorizeTimeout = time.Hour
		})
		b.settings.DeferAfter = 20 * time.Millisecond
		p := b.create(1250, payment.PreferOnline)
		b.insert("visa")
		stored, err := b.process(p)
		b.must(err)
		if stored.State != store.Stored || !stored.Attempted || stored.Sequence != 1 {
			t.Errorf("got %+v", stored)
		}
		if platform.deadline <= 0 || platform.deadline > b.settings.DeferAfter {
			t.Errorf("the platform was given %v", platform.deadline)
		}
		if len(platform.charged) != 1 || platform.charged[0] != stored.NaturalKey {
			t.Errorf("charged %v, stored under %s", platform.charged, stored.NaturalKey)
		}
		envelope, err := b.store.Sealed(p.LocalID)
		b.must(err)
		if len(platform.envelopes) != 1 || !bytes.Equal(envelope, platform.envelopes[0]) {
			t.Error("what will be forwarded is not what was sent")
		}
		header, _, err := seal.Open(func(string) (seal.PrivateKey, bool) { return b.platform.key, true }, envelope)
		b.must(err)
		h, err := seal.ParseHeader(header)
		b.must(err)
		if h.NaturalKey() != platform.charged[0] || h.Key != p.Key {
			t.Errorf("the record names %s, %s", h.NaturalKey(), h.Key)
		}
		if b.saw(payment.FaceApproved) || !b.saw(payment.FaceAccepted) {
			t.Error("a deferral must be shown as accepted")
		}
	}
}

func TestAuthorizationThatTakesTooLongAndMayNotBeStoredIsReversed(t *testing.T) {
	for name, test := range map[string]struct {
		behavior string
		amount   int64
		code     payment.Code
	}{
		"require_online": {payment.RequireOnline, 100, payment.RequireOnlineNotConnected},
		"over the limit": {payment.PreferOnline, 2_000_000, payment.OfflineMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			var platform *slow
			b := newBench(t, func(b *bench, o *payment.Options) {
				platform = &slow{issuer: b.platform}
				o.Platform = platform
			})
			b.settings.DeferAfter = 20 * time.Millisecond
			p := b.create(test.amount, test.behavior)
			b.insert("visa")
			_, err := b.process(p)
			b.fails(err, test.code)
			got := b.state(p, store.Reversing)
			if len(platform.charged) != 1 || got.NaturalKey != platform.charged[0] || got.After != store.Created {
				t.Errorf("charged %v, to be reversed %s", platform.charged, got.NaturalKey)
			}
			if b.saw(payment.FaceAccepted) || b.saw(payment.FaceApproved) {
				t.Error("shown as paid")
			}
		})
	}
}

// An answer that comes in time is taken, whatever the configuration says.
func TestAuthorizationInTimeIsNotDeferred(t *testing.T) {
	b := newBench(t)
	b.settings.DeferAfter = time.Minute
	p := b.create(100, payment.PreferOnline)
	b.insert("visa")
	_, err := b.process(p)
	b.must(err)
	b.state(p, store.Approved)
}
