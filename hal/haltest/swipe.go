package haltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"smartreader/hal"
)

// Swiper pulls one card through the head, the same at every call. It may return
// before that has happened (a person was asked to).
type Swiper interface {
	Swipe()
}

// BadSwiper is a Swiper that can also pull a card through that cannot be read.
type BadSwiper interface {
	Swiper
	SwipeBadly()
}

// SwipeReader checks a magnetic stripe head. The card is swiped twice, and once
// badly if the hand is a [BadSwiper].
func SwipeReader(t T, r hal.SwipeReader, hand Swiper) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()

	check(t, "waiting for a swipe ends with the context", "a driver whose device cannot wait interruptibly polls in short steps")
	endsWithContext(t, "Read with no swipe", func(ctx context.Context) error {
		_, err := r.Read(ctx)
		return err
	})
	check(t, "a swipe is read", "swipe at an even pace, stripe to the head; check the device's keyboard layout (US)")
	first := swipe(ctx, t, r, hand.Swipe)
	if first.err != nil {
		t.Fatalf("Read: got %v, want tracks", first.err)
	}
	defer first.v.Wipe()
	check(t, "tracks are bare characters", "take sentinels and the check character away; ASCII 20 to 5F only (ISO/IEC 7813)")
	tracks := []hal.Secret{first.v.One, first.v.Two, first.v.Three}
	read := 0
	for i, track := range tracks {
		if !track.Empty() {
			read++
		}
		if what := flaw(i+1, track.Bytes()); what != "" {
			t.Errorf("track %d: got %s, want the characters between the sentinels", i+1, what)
		}
	}
	if read == 0 {
		t.Errorf("Read: got no track and no error, want hal.ErrMute when no track could be read")
	}
	check(t, "tracks are not shown and can be wiped", "hand tracks out as hal.Secret, each swipe in memory of its own")
	shown := fmt.Sprintf("%v %+v %#v %s", first.v, first.v, first.v, first.v)
	for _, track := range tracks {
		if len(track.Bytes()) > 0 && bytes.Contains([]byte(shown), track.Bytes()) {
			t.Errorf("the tracks show what is in them when printed")
		}
	}
	second := swipe(ctx, t, r, hand.Swipe)
	if second.err != nil {
		t.Fatalf("Read of a second swipe: got %v, want tracks", second.err)
	}
	first.v.Wipe()
	if second.v.One.Empty() && second.v.Two.Empty() && second.v.Three.Empty() || blank(second.v) {
		t.Errorf("wiping one swipe wiped the next, want memory of its own for each")
	}
	second.v.Wipe()

	if bad, ok := hand.(BadSwiper); ok {
		check(t, "a bad swipe is refused", "a swipe without any good track is ErrMute, not silence")
		got := swipe(ctx, t, r, bad.SwipeBadly)
		got.v.Wipe()
		if !errors.Is(got.err, hal.ErrMute) {
			t.Errorf("Read of a bad swipe: got %v, want hal.ErrMute", got.err)
		}
	}
}

func swipe(ctx context.Context, t T, r hal.SwipeReader, swipe func()) *pending[hal.Tracks] {
	t.Helper()
	p := start(func() (hal.Tracks, error) { return r.Read(ctx) })
	if p.after(short) {
		t.Fatalf("Read with no swipe: got %v, want it to wait", p.err)
	}
	swipe()
	<-p.done
	return p
}

// flaw says in what way these are not the characters of a track, never which
// characters they are.
func flaw(track int, b []byte) string {
	for _, c := range b {
		switch {
		case c < 0x20 || c > 0x5F:
			return "a character outside ASCII 20 to 5F"
		case c == '?':
			return "an end sentinel"
		case track == 1 && c == '%' || track > 1 && c == ';':
			return "a start sentinel"
		case track > 1 && (c < '0' || c > '9') && c != '=':
			return "a character that is neither digit nor separator"
		}
	}
	return ""
}

// blank says whether a track is there but all zeros.
func blank(t hal.Tracks) bool {
	for _, track := range []hal.Secret{t.One, t.Two, t.Three} {
		if b := track.Bytes(); len(b) > 0 && len(bytes.Trim(b, "\x00")) == 0 {
			return true
		}
	}
	return false
}
