package reader

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"smartreader/firmware/payment"
)

// Whatever comes at whatever times: faces are seen in their order, each for its time,
// the newest outcome always, and what waits is bounded.
func TestFacesInAnyOrder(t *testing.T) {
	for seed := range uint64(2000) {
		if err := anyOrder(rand.New(rand.NewPCG(seed, 0))); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func anyOrder(random *rand.Rand) error {
	var f faces
	begun := time.Unix(0, 0)
	now := begun
	type shown struct {
		number int64
		p      *picture
		at     time.Time
	}
	var seen []shown
	screen := func() { // what run does
		f.advance(now)
		if f.now == nil {
			return
		}
		if f.now.seen.IsZero() {
			f.now.seen = now
			seen = append(seen, shown{f.now.face.Amount, f.now, now})
		}
	}
	step := func(d time.Duration) {
		for end := now.Add(d); now.Before(end); {
			next := end
			if f.now != nil && !f.now.seen.IsZero() && len(f.waiting) > 0 {
				if at := now.Add(f.now.left(now)); at.Before(next) {
					next = at
				}
			}
			now = next
			screen()
		}
	}
	newest := int64(0)
	for number := int64(1); number <= 40; number++ {
		face := payment.Face{
			Kind: payment.FaceKind(random.IntN(int(payment.FaceInsertCard) + 1)), Amount: number, // no two are the same
			Tapped: random.IntN(4) > 0, RemoveCard: random.IntN(4) == 0, Hold: time.Duration(random.IntN(3)) * 700 * time.Millisecond,
		}
		if f.add(face) && face.Kind != payment.FaceCardRead {
			return fmt.Errorf("face %d, kind %d, is told early", number, face.Kind)
		}
		if sortOf(face.Kind) == outcomeFace {
			newest = number
		}
		if len(f.waiting) > mostWaiting {
			return fmt.Errorf("%d faces wait", len(f.waiting))
		}
		if random.IntN(5) > 0 { // else run has not come to it yet
			screen()
			step(time.Duration(random.IntN(1500)) * time.Millisecond)
		}
		if newest == number && (f.now == nil || f.now.face.Amount != number) && !slices.ContainsFunc(f.waiting, func(p *picture) bool { return p.face.Amount == number }) &&
			!slices.ContainsFunc(seen, func(s shown) bool { return s.number == number }) {
			return fmt.Errorf("outcome %d is gone", number)
		}
	}
	screen()
	step(time.Minute)
	if len(f.waiting) > 0 {
		return fmt.Errorf("%d faces still wait", len(f.waiting))
	}
	for i, s := range seen {
		if i > 0 && s.number <= seen[i-1].number {
			return fmt.Errorf("%d is seen after %d", s.number, seen[i-1].number)
		}
		if i+1 < len(seen) {
			if stayed := seen[i+1].at.Sub(s.at); stayed < s.p.least() {
				return fmt.Errorf("%d, kind %d, was seen for %v of %v", s.number, s.p.face.Kind, stayed, s.p.least())
			}
		}
	}
	if newest > 0 && !slices.ContainsFunc(seen, func(s shown) bool { return s.number == newest }) {
		return fmt.Errorf("the newest outcome, %d, was never seen", newest)
	}
	return nil
}

// see has a face seen, as run does with the first one.
func (f *faces) see(face payment.Face, now time.Time) {
	f.add(face)
	f.advance(now)
	f.now.seen = now
}

// Where the screen keeps up, every outcome is seen, not only the newest.
func TestNoOutcomeIsOvertaken(t *testing.T) {
	for kind := range payment.FaceInsertCard + 1 {
		var f faces
		now := time.Unix(0, 0)
		f.see(payment.Face{Kind: payment.FaceCardRead, Tapped: true, Hold: time.Second}, now)
		f.add(payment.Face{Kind: payment.FaceDeclined, Amount: 1, Tapped: true})
		f.add(payment.Face{Kind: kind, Amount: 2, Tapped: true})
		now = now.Add(time.Second)
		if f.advance(now); f.now.face.Amount != 1 {
			t.Errorf("kind %d overtakes the outcome", kind)
		}
		f.now.seen = now
		if f.advance(now.Add(glance)); f.now.face.Amount != 2 {
			t.Errorf("kind %d is lost", kind)
		}
	}
}

// A request that nobody has seen is answered by whatever comes of the card, but not by
// a moment.
func TestUnseenRequestsGoOutOfDate(t *testing.T) {
	for _, c := range []struct {
		next payment.FaceKind
		kept bool
	}{
		{payment.FacePresentCard, true}, {payment.FaceProcessing, true}, {payment.FaceIdle, true},
		{payment.FaceSeePhone, false}, {payment.FaceCardRead, false}, {payment.FaceApproved, false}, {payment.FaceTryAgain, false},
	} {
		var f faces
		now := time.Unix(0, 0)
		f.see(payment.Face{Kind: payment.FaceTapAgain, Hold: time.Second}, now)
		f.add(payment.Face{Kind: payment.FaceOneCard, Amount: 1})
		f.add(payment.Face{Kind: c.next, Amount: 2})
		f.advance(now.Add(time.Second))
		if kept := f.now.face.Kind == payment.FaceOneCard; kept != c.kept {
			t.Errorf("before kind %d it is kept: %v, want %v", c.next, kept, c.kept)
		}
	}
}

// Of cards read one after the other behind a held face, the newest waits.
func TestOneReadCardWaits(t *testing.T) {
	var f faces
	now := time.Unix(0, 0)
	f.see(payment.Face{Kind: payment.FaceTapAgain, Hold: time.Second}, now)
	for i := range int64(9) {
		f.add(payment.Face{Kind: payment.FacePresentCard, Amount: i})
		if !f.add(payment.Face{Kind: payment.FaceCardRead, Amount: i}) {
			t.Errorf("card %d is not told at once", i)
		}
	}
	if n := len(f.waiting); n != 1 || f.waiting[0].face.Amount != 8 {
		t.Errorf("%d wait, first %+v", n, f.waiting[0].face)
	}
}
