package platform

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	errRefused = &Error{Status: 409, Code: CodeKeyConflict}
	errDial    = &Unreachable{Kind: KindDial, Err: errors.New("no route")}
	errTLS     = &Unreachable{Kind: KindTLS, Err: errors.New("other name")}
	errSilence = &Unreachable{Kind: KindTimeout, Sent: true, Err: context.DeadlineExceeded}
	errGaveUp  = &Unreachable{Kind: KindCanceled, Err: context.Canceled}
)

func TestLinkJudgesByEvidence(t *testing.T) {
	for _, test := range []struct {
		name     string
		evidence []error
		want     LinkState
		kind     Kind
	}{
		{"nothing", nil, LinkUnknown, ""},
		{"an answer", []error{nil}, LinkOnline, ""},
		{"a refusal is an answer", []error{errRefused}, LinkOnline, ""},
		{"one failure", []error{nil, errDial}, LinkOnline, KindDial},
		{"two failures", []error{nil, errDial, errSilence}, LinkOffline, KindTimeout},
		{"two failures from the start", []error{errDial, errTLS}, LinkOffline, KindTLS},
		{"failures with an answer between", []error{errDial, nil, errDial}, LinkOnline, KindDial},
		{"back with one answer", []error{errDial, errDial, errDial, nil}, LinkOnline, ""},
		{"giving up says nothing", []error{nil, errGaveUp, errGaveUp, errGaveUp}, LinkOnline, ""},
		{"our own mistakes say nothing", []error{errors.New("encode"), errors.New("encode")}, LinkUnknown, ""},
		{"a silent call is one failure", []error{nil, errSilence}, LinkOnline, KindTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := NewLink(LinkOptions{})
			for _, err := range test.evidence {
				l.Observe(err)
			}
			if s := l.Status(); s.State != test.want || s.Kind != test.kind {
				t.Errorf("got %v %q, want %v %q", s.State, s.Kind, test.want, test.kind)
			}
		})
	}
}

func TestLinkTellsChanges(t *testing.T) {
	l := NewLink(LinkOptions{FailedAttempts: 1})
	for _, step := range []struct {
		err     error
		changes bool
	}{{nil, true}, {nil, false}, {errDial, true}, {errDial, false}, {nil, true}} {
		changed := l.Changed()
		l.Observe(step.err)
		select {
		case <-changed:
			if !step.changes {
				t.Error("told of no change")
			}
		default:
			if step.changes {
				t.Error("change not told")
			}
		}
	}
}

// prober is a platform in a synctest bubble.
type prober struct {
	began  time.Time
	probes []time.Duration // since began

	mu     sync.Mutex
	answer func(ctx context.Context) error
}

func (p *prober) probe(ctx context.Context) error {
	p.probes = append(p.probes, time.Since(p.began))
	p.mu.Lock()
	answer := p.answer
	p.mu.Unlock()
	return answer(ctx)
}

// always changes the answer while the link runs.
func (p *prober) always(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = func(context.Context) error { return err }
}

func runLink(t *testing.T, p *prober, during func(*Link)) {
	synctest.Test(t, func(t *testing.T) {
		p.began = time.Now()
		l := NewLink(LinkOptions{Probe: p.probe, Jitter: func(d time.Duration) time.Duration { return d }})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		synctest.Wait()
		during(l)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestLinkProbesRarelyWhileOnline(t *testing.T) {
	p := &prober{answer: func(context.Context) error { return nil }}
	runLink(t, p, func(l *Link) {
		if l.State() != LinkOnline {
			t.Fatalf("%v after the first probe", l.State())
		}
		time.Sleep(20 * time.Second)
		l.Observe(nil) // other evidence postpones the next probe
		time.Sleep(45 * time.Second)
	})
	if want := []time.Duration{0, 50 * time.Second}; !slices.Equal(p.probes, want) {
		t.Errorf("probes at %v, want %v", p.probes, want)
	}
}

func TestLinkOfflineByOneProbeTimeout(t *testing.T) {
	p := &prober{answer: func(ctx context.Context) error {
		<-ctx.Done()
		return &Unreachable{Kind: KindTimeout, Err: ctx.Err()}
	}}
	runLink(t, p, func(l *Link) {
		time.Sleep(5*time.Second - time.Millisecond)
		if l.State() != LinkUnknown {
			t.Errorf("%v before the timeout", l.State())
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if l.State() != LinkOffline {
			t.Errorf("%v after one probe timeout", l.State())
		}
	})
}

func TestLinkProbesAtOnceAfterOneFailure(t *testing.T) {
	p := &prober{answer: func(context.Context) error { return nil }}
	runLink(t, p, func(l *Link) {
		time.Sleep(10 * time.Second)
		p.always(errDial)
		l.Observe(errDial)
		synctest.Wait()
		if l.State() != LinkOffline {
			t.Errorf("%v after a failed call and a failed probe", l.State())
		}
	})
	if want := []time.Duration{0, 10 * time.Second}; !slices.Equal(p.probes, want) {
		t.Errorf("probes at %v, want %v", p.probes, want)
	}
}

func TestLinkBacksOffAndRecovers(t *testing.T) {
	p := &prober{answer: func(context.Context) error { return errDial }}
	runLink(t, p, func(l *Link) {
		time.Sleep(65 * time.Second)
		p.always(nil)
		changed := l.Changed()
		<-changed
		if l.State() != LinkOnline {
			t.Errorf("%v after an answer", l.State())
		}
	})
	// Two at once, then intervals 1, 2, 4, 8, 16, 30, 30, ...
	seconds := []time.Duration{0, 0, 1, 3, 7, 15, 31, 61, 91}
	for i := range seconds {
		seconds[i] *= time.Second
	}
	if !slices.Equal(p.probes, seconds) {
		t.Errorf("probes at %v, want %v", p.probes, seconds)
	}
}

// Thresholds are the platform's configuration: they change while the link runs.
func TestLinkTakesOtherThresholds(t *testing.T) {
	p := &prober{answer: func(context.Context) error { return nil }}
	runLink(t, p, func(l *Link) {
		time.Sleep(time.Second)
		l.Configure(LinkOptions{OnlineInterval: 2 * time.Second, FailedAttempts: 3})
		time.Sleep(4 * time.Second)
		l.Configure(LinkOptions{FailedAttempts: 3})
		p.always(errDial)
		l.Observe(errDial) // and a probe at once, which fails too
		synctest.Wait()
		if l.State() != LinkOnline {
			t.Errorf("%v after two failures, want three to count", l.State())
		}
		l.Observe(errDial)
		if l.State() != LinkOffline {
			t.Errorf("%v after three failures", l.State())
		}
	})
	if want := []time.Duration{0, 2 * time.Second, 4 * time.Second, 5 * time.Second}; !slices.Equal(p.probes, want) {
		t.Errorf("probes at %v, want %v", p.probes, want)
	}
}

// A configuration may come while a probe is under way; the race detector looks on.
func TestLinkIsConfiguredWhileItProbes(t *testing.T) {
	probed := make(chan struct{}, 1)
	l := NewLink(LinkOptions{OnlineInterval: time.Microsecond, Probe: func(context.Context) error {
		select {
		case probed <- struct{}{}:
		default:
		}
		return nil
	}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	for range 1000 {
		l.Configure(LinkOptions{OnlineInterval: time.Microsecond})
	}
	<-probed // other thresholds, the same probe
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestLinkObeysRetryAfter(t *testing.T) {
	p := &prober{answer: func(context.Context) error {
		return &Unreachable{Kind: KindServer, Sent: true, RetryAfter: time.Minute, Err: errors.New("503")}
	}}
	runLink(t, p, func(*Link) { time.Sleep(150 * time.Second) })
	if want := []time.Duration{0, time.Minute, 2 * time.Minute}; !slices.Equal(p.probes, want) {
		t.Errorf("probes at %v, want %v", p.probes, want)
	}
}

// A platform that asks for a day gets ten minutes: it may be back by then.
func TestLinkBoundsRetryAfter(t *testing.T) {
	p := &prober{answer: func(context.Context) error {
		return &Unreachable{Kind: KindServer, Sent: true, RetryAfter: 24 * time.Hour, Err: errors.New("503")}
	}}
	runLink(t, p, func(*Link) { time.Sleep(25 * time.Minute) })
	if want := []time.Duration{0, 10 * time.Minute, 20 * time.Minute}; !slices.Equal(p.probes, want) {
		t.Errorf("probes at %v, want %v", p.probes, want)
	}
}

func TestLinkDoesNotSpinOnNonsense(t *testing.T) {
	p := &prober{answer: func(context.Context) error { return errors.New("our own mistake") }}
	runLink(t, p, func(*Link) { time.Sleep(10 * time.Second) })
	if len(p.probes) > 6 {
		t.Errorf("%d probes in ten seconds", len(p.probes))
	}
}

func TestLinkProbeOfTheClientIsAHeartbeat(t *testing.T) {
	a := newAuthority(t)
	c := a.client(a.serve(answers(200, HeartbeatResponse{NowMs: 1})), func(o *Options) {
		o.Heartbeat = func() HeartbeatRequest { return HeartbeatRequest{Pending: 3} }
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	changed := c.Link().Changed()
	go func() { ended <- c.Link().Run(ctx) }()
	<-changed
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if c.Link().State() != LinkOnline {
		t.Errorf("link is %v", c.Link().State())
	}
}
