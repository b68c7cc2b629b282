package reader

import (
	"slices"
	"time"

	"smartreader/firmware/payment"
	"smartreader/hal"
)

// faces are the payment's pictures in their order: what is seen now, and what comes
// next. The payment adds them, the screen goes on to the next one when it can show it. A
// picture that has to be read keeps the others waiting; so the screen may be late, the
// payment never is. What waits is bounded: of what only was true for a moment, the newest
// is kept. Outcomes are never overtaken, and the newest is never lost.
//
// The zero value is ready: nothing was shown yet. Access is the screen's to guard.
type faces struct {
	now     *picture
	waiting []*picture // after now, oldest first
	read    bool       // the card of this tap was read
}

// picture is a face with its time on the screen.
type picture struct {
	face      payment.Face
	seen      time.Time // since when; zero: not yet
	afterRead bool      // the tap it belongs to was read before
	sounded   bool      // its tone, which comes once
	early     bool      // its lights and tone came before it was seen
}

// faceSort says how a face behaves between others.
type faceSort byte

const (
	// momentFace is true until the next face, and worth no time of its own.
	momentFace faceSort = iota
	// requestFace asks the cardholder for something. Unseen, it is out of date as soon as
	// something else was asked, a card was read, or there is an outcome.
	requestFace
	// readFace stays while the lights say the same.
	readFace
	// outcomeFace is how something ended, and always comes.
	outcomeFace
)

func sortOf(kind payment.FaceKind) faceSort {
	switch kind {
	case payment.FaceOneCard, payment.FaceTapAgain, payment.FaceSeePhone, payment.FaceInsertCard:
		return requestFace
	case payment.FaceCardRead:
		return readFace
	case payment.FaceApproved, payment.FaceAccepted, payment.FaceDeclined, payment.FaceNotAccepted, payment.FaceTryAgain, payment.FaceError:
		return outcomeFace
	}
	return momentFace
}

const (
	// glance is how long a request or an outcome stays at least, whatever its Hold is,
	// where no card in the slot keeps the next face away.
	glance = time.Second
	// longestHold bounds what a kernel's configuration can do to the screen.
	longestHold = 10 * time.Second
	// mostWaiting bounds the faces that wait. After the newest outcome at most a read
	// card, a request and a moment wait.
	mostWaiting = 4
)

// least is how long a picture stays.
func (p *picture) least() time.Duration {
	hold := min(p.face.Hold, longestHold)
	switch sort := sortOf(p.face.Kind); {
	case sort == readFace:
		return max(hold, hal.ReadLit)
	case sort == requestFace, sort == outcomeFace && !p.face.RemoveCard:
		return max(hold, glance)
	}
	return hold
}

// left is how long it still stays, as far as it alone counts. An unseen one has all its
// time before it.
func (p *picture) left(now time.Time) time.Duration {
	least := p.least()
	switch {
	case sortOf(p.face.Kind) == momentFace && least <= 0:
		return 0
	case p.seen.IsZero():
		return max(least, 1)
	}
	return max(0, least-now.Sub(p.seen))
}

// add takes the next face. Early: a card was read just now, which lights and tone are to
// say at once: it may be taken away, whenever that will be seen. Only an outcome that
// nobody has seen yet comes before it.
func (f *faces) add(face payment.Face) (early bool) {
	if all := f.all(); len(all) > 0 {
		newest := all[len(all)-1]
		again := newest.face.Ready && !face.Ready // it had been put right, and happened once more
		if same(newest.face, face) && !again {
			face.Hold = max(face.Hold, newest.face.Hold)
			newest.face = face
			return false
		}
	}
	if face.Kind == payment.FaceCardRead && f.read {
		return false // a card is read once; what comes after is being processed
	}
	p := &picture{face: face, afterRead: f.read}
	sort := sortOf(face.Kind)
	f.waiting = slices.DeleteFunc(f.waiting, func(w *picture) bool {
		switch sortOf(w.face.Kind) {
		case momentFace:
			return true
		case requestFace:
			return sort != momentFace
		case readFace:
			return sort == readFace
		}
		return false
	})
	if f.waiting = append(f.waiting, p); len(f.waiting) > mostWaiting {
		f.waiting = f.waiting[1:]
	}
	switch face.Kind {
	case payment.FaceCardRead:
		f.read = true
		early = !f.outcomeUnseen()
		p.early, p.sounded = early, early
	case payment.FaceProcessing:
	default:
		f.read = false
	}
	return early
}

// asked leaves out that a card was read, as far as lights and tone have told it: who is
// asked for something else knows by then.
func (f *faces) asked() {
	f.waiting = slices.DeleteFunc(f.waiting, func(p *picture) bool { return p.early })
}

// same tells a face that only changed from the next one. A request stays one when the
// tap that led to it is over.
func same(a, b payment.Face) bool {
	return a.Kind == b.Kind && a.Amount == b.Amount && a.Currency == b.Currency
}

// advance goes on to what may be seen.
func (f *faces) advance(now time.Time) {
	for len(f.waiting) > 0 && (f.now == nil || f.now.left(now) == 0) {
		f.now, f.waiting = f.waiting[0], f.waiting[1:]
	}
}

// outcomeUnseen tells whether an outcome has not been seen yet.
func (f *faces) outcomeUnseen() bool {
	return slices.ContainsFunc(f.all(), (*picture).unseenOutcome)
}

// last goes on to the newest outcome that nobody has seen, leaving out what is before
// it and what comes after; false: there is none.
func (f *faces) last() bool {
	for _, p := range slices.Backward(f.all()) {
		if p.unseenOutcome() {
			f.now, f.waiting = p, nil
			return true
		}
	}
	return false
}

func (p *picture) unseenOutcome() bool { return sortOf(p.face.Kind) == outcomeFace && p.seen.IsZero() }

// all are the pictures from now on.
func (f *faces) all() []*picture {
	if f.now == nil {
		return f.waiting
	}
	return append([]*picture{f.now}, f.waiting...)
}
