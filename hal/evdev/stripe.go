package evdev

import (
	"bytes"

	"smartreader/hal"
)

// Characters that frame the tracks as stripe readers type them. Track 3 begins
// with a plus sign, or with the same sign as track 2 after it.
const (
	startOne   = '%'
	startTwo   = ';'
	startThree = '+'
	endOfTrack = '?'
)

// Longest tracks without sentinels and check character (ISO/IEC 7813 and 4909:
// 79, 40 and 107 with them).
const (
	longestOne   = 76
	longestTwo   = 37
	longestThree = 104
)

// stripe gathers the characters of one swipe. Its zero value is ready.
type stripe struct {
	typist typist
	text   [512]byte // two swipes of all tracks
	length int
	spoilt bool // characters were lost or too many
}

// take takes an event and says whether something was typed.
func (s *stripe) take(e event) bool {
	if e.kind == evSyn && e.code == synDropped {
		s.spoilt, s.typist = true, typist{}
		return true
	}
	c, typed := s.typist.take(e)
	switch {
	case !typed:
		return e.kind == evKey // Enter, or a key let go: not silent yet
	case s.length == len(s.text):
		s.spoilt = true
	default:
		s.text[s.length] = c
		s.length++
	}
	return true
}

// wipe forgets all characters; which keys are held down it remembers.
func (s *stripe) wipe() {
	clear(s.text[:])
	s.length, s.spoilt = 0, false
}

// swiped says whether it looks like a swipe at all. Somebody who leans on a
// keyboard, and the rest of a swipe that began before anybody waited, do not.
func (s *stripe) swiped() bool {
	return s.spoilt || bytes.ContainsAny(s.text[:s.length], string([]byte{startOne, startTwo, startThree}))
}

// tracks returns what could be read, in memory of its own.
func (s *stripe) tracks() hal.Tracks {
	if s.spoilt {
		return hal.Tracks{}
	}
	one, two, three := split(s.text[:s.length])
	secret := func(track []byte) hal.Secret {
		if len(track) == 0 {
			return hal.Secret{}
		}
		return hal.NewSecret(bytes.Clone(track))
	}
	return hal.Tracks{One: secret(one), Two: secret(two), Three: secret(three)}
}

// split finds the tracks in what was typed and leaves those out that were not
// read well: readers type "E" in their place, or break off. What stands between
// the tracks (Enter, a check character) does not matter.
func split(text []byte) (one, two, three []byte) {
	second := false
	for len(text) > 0 {
		start := text[0]
		text = text[1:]
		if start != startOne && start != startTwo && start != startThree {
			continue
		}
		end := bytes.IndexAny(text, string([]byte{startOne, startTwo, startThree, endOfTrack}))
		if end < 0 {
			return one, two, three
		}
		if text[end] != endOfTrack {
			text = text[end:] // broken off: begins anew
			continue
		}
		track := text[:end]
		text = text[end+1:]
		switch {
		case start == startOne && one == nil && fits(track, longestOne, alphanumeric):
			one = track
		case start == startTwo && !second:
			second = true
			if fits(track, longestTwo, numeric) {
				two = track
			}
		case start != startOne && three == nil && fits(track, longestThree, numeric):
			three = track
		}
	}
	return one, two, three
}

func fits(track []byte, longest int, allowed func(byte) bool) bool {
	if len(track) == 0 || len(track) > longest || string(track) == "E" {
		return false
	}
	for _, c := range track {
		if !allowed(c) {
			return false
		}
	}
	return true
}

// alphanumeric are the characters of track 1: ASCII 20 to 5F.
func alphanumeric(c byte) bool { return c >= 0x20 && c <= 0x5F }

// numeric are the characters of tracks 2 and 3 that carry information.
func numeric(c byte) bool { return c >= '0' && c <= '9' || c == '=' }
