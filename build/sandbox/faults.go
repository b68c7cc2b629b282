package sandbox

import (
	"net/http"
	"time"
)

// Faults are the switches, as Status shows them and as they are kept on disk.
// All but Unreachable concern the reader face only.
type Faults struct {
	Unreachable bool `json:"unreachable"`

	Latency   *Latency `json:"latency,omitempty"`
	HTTP      *Failing `json:"http,omitempty"`      // 5xx
	RateLimit *Failing `json:"rateLimit,omitempty"` // 429

	// Submissions still to be processed whose answer is lost, whole or in part.
	LoseAnswers int `json:"loseAnswers"`
	Resets      int `json:"resets"`

	WrongCertificate bool   `json:"wrongCertificate"`        // the server's certificate is of another CA
	CaptivePortal    string `json:"captivePortal,omitempty"` // PortalPage, PortalRedirect or PortalPlain
	ClockOffsetMs    int64  `json:"clockOffsetMs"`           // of the platform's clock
}

// Latency delays every answer by a random time. The request was processed
// before, so a reader that gave up meets a late approval; with Request it is
// the request that is late: processed after the wait, or as soon as the reader
// has given up.
type Latency struct {
	MinMs   int64 `json:"minMs"`
	MaxMs   int64 `json:"maxMs"`
	Request bool  `json:"request,omitempty"`
}

// Failing refuses requests without processing them. With Next it is the next
// so many submissions (authorize, offline_payments and rescues), so that a
// heartbeat does not use them up; with Next 0 it is every request until
// switched off.
type Failing struct {
	Status            int `json:"status"`
	RetryAfterSeconds int `json:"retryAfterSeconds,omitempty"`
	Next              int `json:"next,omitempty"`
}

// Kinds of captive portal, instead of the platform: a page in HTML, a redirect
// to one, or plain HTTP where TLS was expected.
const (
	PortalPage     = "html"
	PortalRedirect = "redirect"
	PortalPlain    = "plain"
)

// Bounds of the switches.
const (
	maxLatencyMs  = 120_000
	maxCount      = 1_000_000
	maxRetryAfter = 24 * 3600 // seconds
	maxClockMs    = 100 * 365 * dayMs
)

// fault changes the switches.
func (s *Sandbox) fault(change func(*faults)) error {
	var now faults
	err := s.update(func(t *tx) error {
		now = t.faults
		change(&now)
		t.put(now)
		return nil
	})
	if err == nil {
		s.applyFaults()
		s.log.Info("faults", "now", now.Faults)
	}
	return err
}

// applyFaults sets the gates as the state has it, and holds the state still
// meanwhile: the last of several callers must have the last word.
func (s *Sandbox) applyFaults() {
	s.view(func(st *state) {
		f := st.faults
		s.public.set(f.Unreachable)
		s.device.set(f.Unreachable)
		s.wrong.Store(f.WrongCertificate)
		s.plain.Store(f.CaptivePortal == PortalPlain)
		s.clockMs.Store(f.ClockOffsetMs)
		s.courier.cut(f.Unreachable)
	})
	s.courier.kick() // the clock may have moved
}

// now is the platform's clock.
func (s *Sandbox) now() time.Time {
	return s.opts.Now().Add(time.Duration(s.clockMs.Load()) * time.Millisecond)
}

// SetUnreachable cuts both faces and the webhooks off, or restores them:
// established connections are reset and new ones are reset as soon as they are accepted.
// Requests in progress may or may not have been processed, as in life.
func (s *Sandbox) SetUnreachable(unreachable bool) error {
	return s.fault(func(f *faults) { f.Unreachable = unreachable })
}

// LoseNextAnswer is LoseAnswers for one.
func (s *Sandbox) LoseNextAnswer() error { return s.LoseAnswers(1) }

// LoseAnswers makes the next n submissions end with a cut connection after
// they were processed and written to disk; 0 is off.
func (s *Sandbox) LoseAnswers(n int) error {
	if n < 0 || n > maxCount {
		return invalid("count is not 0 to %d", maxCount)
	}
	return s.fault(func(f *faults) { f.LoseAnswers = n })
}

// ResetAnswers makes the next n submissions end with a reset in the middle of
// their answer, after they were processed; 0 is off.
func (s *Sandbox) ResetAnswers(n int) error {
	if n < 0 || n > maxCount {
		return invalid("count is not 0 to %d", maxCount)
	}
	return s.fault(func(f *faults) { f.Resets = n })
}

// SetLatency delays answers or requests; the zero value is off.
func (s *Sandbox) SetLatency(l Latency) error {
	if l.MinMs < 0 || l.MinMs > l.MaxMs || l.MaxMs > maxLatencyMs {
		return invalid("minMs and maxMs are not 0 <= minMs <= maxMs <= %d", maxLatencyMs)
	}
	return s.fault(func(f *faults) {
		f.Latency = nil
		if l.MaxMs > 0 {
			f.Latency = &l
		}
	})
}

// AnswerStatus makes the reader face answer with a 5xx status for the next
// submissions, or with next 0 for everything until status 0 switches it off.
func (s *Sandbox) AnswerStatus(status, next int) error {
	if status != 0 && (status < 500 || status > 599) {
		return invalid("status is not 500 to 599, or 0 for off")
	}
	if next < 0 || next > maxCount {
		return invalid("count is not 0 to %d", maxCount)
	}
	return s.fault(func(f *faults) {
		f.HTTP = nil
		if status != 0 {
			f.HTTP = &Failing{Status: status, Next: next}
		}
	})
}

// RateLimit makes the reader face answer 429 with Retry-After for the next
// submissions, or with next 0 for everything until 0 seconds switch it off.
func (s *Sandbox) RateLimit(retryAfterSeconds, next int) error {
	if retryAfterSeconds < 0 || retryAfterSeconds > maxRetryAfter {
		return invalid("retryAfterSeconds is not 0 to %d", maxRetryAfter)
	}
	if next < 0 || next > maxCount {
		return invalid("count is not 0 to %d", maxCount)
	}
	return s.fault(func(f *faults) {
		f.RateLimit = nil
		if retryAfterSeconds != 0 {
			f.RateLimit = &Failing{Status: http.StatusTooManyRequests, RetryAfterSeconds: retryAfterSeconds, Next: next}
		}
	})
}

// SetWrongCertificate makes the reader face show a certificate of another CA.
func (s *Sandbox) SetWrongCertificate(on bool) error {
	err := s.fault(func(f *faults) { f.WrongCertificate = on })
	s.device.cutAll() // a certificate is only shown to new connections
	return err
}

// SetCaptivePortal puts a portal in front of the reader face: PortalPage,
// PortalRedirect or PortalPlain; "" takes it away. With SetWrongCertificate the
// portal has a certificate of its own, as most do.
func (s *Sandbox) SetCaptivePortal(kind string) error {
	switch kind {
	case "", PortalPage, PortalRedirect, PortalPlain:
	default:
		return invalid("kind is not html, redirect or plain")
	}
	err := s.fault(func(f *faults) { f.CaptivePortal = kind })
	s.device.cutAll()
	return err
}

// SetClock moves the platform's clock by offsetMs against the machine's; 0
// brings it back.
func (s *Sandbox) SetClock(offsetMs int64) error {
	if offsetMs < -maxClockMs || offsetMs > maxClockMs {
		return invalid("offsetMs is more than a hundred years")
	}
	return s.fault(func(f *faults) { f.ClockOffsetMs = offsetMs })
}

// ClearFaults switches everything off, the clock's offset too.
func (s *Sandbox) ClearFaults() error {
	return s.fault(func(f *faults) { f.Faults = Faults{} })
}

// keyLifeMs is how long idempotency keys are promised to be known.
const keyLifeMs = dayMs

// ForgetKeys forgets all idempotency keys older than 24 hours, of intents and
// of the public face, as a platform may. Natural keys and local ids stay: they
// are what protects a payment from being charged twice.
func (s *Sandbox) ForgetKeys() error {
	return s.update(func(t *tx) error {
		t.put(forgetting{BeforeMs: t.atMs - keyLifeMs})
		return nil
	})
}

// RevokePOS voids the credentials of a POS: readers learn it with their next
// configuration.
func (s *Sandbox) RevokePOS(posID string) error {
	return s.update(func(t *tx) error {
		if _, ok := t.revocations.get(posID); !ok {
			t.put(revocation{POSID: posID, AtMs: t.stamp()})
		}
		return nil
	})
}
