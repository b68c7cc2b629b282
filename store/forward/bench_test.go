package forward

import (
	"context"
	"fmt"
	"testing"
	"time"

	"smartreader/store"
)

// far is a platform that takes its time, and everything.
type far struct{ latency time.Duration }

func (f far) Submit(_ context.Context, p store.Payment, _ []byte) (Verdict, error) {
	time.Sleep(f.latency)
	return Verdict{Status: Forwarded, IntentID: "pi_" + p.LocalID, ChargeID: "ch_" + p.LocalID}, nil
}

func (far) LookUp(context.Context, store.Payment) (Verdict, error) { return Verdict{}, ErrNotFound }

func (far) Reverse(context.Context, store.Payment) error { return nil }

// BenchmarkDrain forwards a backlog of different cards over a link of 50 ms, one
// at a time and four at a time, on the same disk in the same run: the ratio
// says more than the times.
func BenchmarkDrain(b *testing.B) {
	const backlog = 60
	rate := func(b *testing.B, n int) float64 {
		var took time.Duration
		for range b.N {
			b.StopTimer()
			s, err := store.Open(background, store.Options{Dir: b.TempDir(), Signer: deviceKey})
			if err != nil {
				b.Fatal(err)
			}
			for i := range backlog {
				withCard(b, s, i, fmt.Sprintf("%04d", i))
			}
			start := time.Now()
			b.StartTimer()
			sum, err := newCrewOf(n, s, far{50 * time.Millisecond}).ForwardNow(background)
			b.StopTimer()
			took += time.Since(start)
			if err != nil || sum.Forwarded != backlog {
				b.Fatalf("%+v, %v", sum, err)
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
		return float64(backlog*b.N) / took.Seconds()
	}
	one := 0.0
	b.Run("one", func(b *testing.B) {
		one = rate(b, 1)
		b.ReportMetric(one, "payments/s")
	})
	b.Run("four", func(b *testing.B) {
		four := rate(b, 4)
		b.ReportMetric(four, "payments/s")
		if one > 0 {
			b.ReportMetric(four/one, "times-one")
		}
	})
}

// BenchmarkLook is one look at a long queue of few cards, its worst case: all
// but the first of each have to wait.
func BenchmarkLook(b *testing.B) {
	const backlog = 2000
	s, err := store.Open(background, store.Options{Dir: b.TempDir(), Signer: deviceKey})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := range backlog {
		withCard(b, s, i, fmt.Sprintf("%04d", i%4))
	}
	f := newCrewOf(4, s, far{})
	for b.Loop() {
		if l, err := f.look(time.Now(), map[string]bool{}, nil); err != nil || len(l.ready) != 4 {
			b.Fatal(l, err)
		}
	}
}
