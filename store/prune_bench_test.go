package store

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"smartreader/store/seal"
)

// BenchmarkPrune is a quarter of a shop: 5,000 payments stored, forwarded and
// pruned. It reports the database's size and the time Open takes, before and
// after, and how long a payment's commit takes at most while Prune runs.
func BenchmarkPrune(b *testing.B) {
	const payments = 5000
	sealing, err := seal.NewKey("bench")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		dir := b.TempDir()
		s, err := Open(background, testOptions(dir))
		if err != nil {
			b.Fatal(err)
		}
		var group sync.WaitGroup
		turns := make(chan int)
		for range 32 {
			group.Go(func() {
				for n := range turns {
					p, err := tryWalk(s, withCard(newPayment(n)), Created, Collecting, Collected)
					if err == nil {
						c := to(p, Stored)
						c.Seal = func(sequence uint64) ([]byte, string, error) {
							envelope, err := sealing.Public().Seal(make([]byte, 500), make([]byte, 1000))
							return envelope, fmt.Sprint("natural", sequence), err
						}
						p, err = s.Commit(background, c)
					}
					if err == nil {
						_, err = tryWalk(s, p, Sending, Forwarded)
					}
					if err != nil {
						b.Error(err)
					}
				}
			})
		}
		for n := range payments {
			turns <- n
		}
		close(turns)
		group.Wait()
		size := func(name string) {
			if err := s.Flatten(); err != nil {
				b.Fatal(err)
			}
			if err := s.Close(); err != nil { // so that nothing is left in the log
				b.Fatal(err)
			}
			begin := time.Now()
			if s, err = Open(background, testOptions(dir)); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(time.Since(begin).Milliseconds()), "ms-open-"+name)
			if err := s.Flatten(); err != nil {
				b.Fatal(err)
			}
			used, err := s.room.space.used()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(used)/(1<<20), "MiB-"+name)
		}
		size("before")
		s.clock = func() time.Time { return testClock.Add(120 * day) }
		if err := s.RaiseFloor(background, s.clock()); err != nil {
			b.Fatal(err)
		}
		done, longest := make(chan struct{}), time.Duration(0)
		var busy sync.WaitGroup
		busy.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				begin := time.Now()
				if _, err := s.Note(background, "note", "business"); err != nil {
					b.Error(err)
					return
				}
				longest = max(longest, time.Since(begin))
			}
		})
		begin := time.Now()
		pruned, err := s.Prune(background, s.clock().Add(-90*day))
		took := time.Since(begin)
		close(done)
		busy.Wait()
		if err != nil || pruned.Payments < payments*9/10 {
			b.Fatalf("%+v, %v", pruned, err)
		}
		b.ReportMetric(float64(took.Milliseconds()), "ms-prune")
		b.ReportMetric(float64(longest.Microseconds())/1000, "ms-longest-commit")
		b.ReportMetric(float64(pruned.Entries), "entries")
		size("after")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
