package transcript

import (
	"fmt"
	"strconv"
	"strings"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
)

// pinLine is what a PIN event says.
type pinLine struct {
	online bool
	broken bool // the pad did not work; nothing else counts
	entry  emvkernel.PINEntry
	sw     apdu.SW // offline and entered only
	// challenge: the PIN was entered, and sw is what the card said instead of giving a challenge.
	challenge bool
}

func lineOf(v emvkernel.PINVerdict) pinLine {
	return pinLine{entry: v.Entry, sw: v.SW, challenge: v.Challenge && v.Entry == emvkernel.PINEntered}
}

func (p pinLine) verdict() emvkernel.PINVerdict {
	return emvkernel.PINVerdict{Entry: p.entry, SW: p.sw, Challenge: p.challenge}
}

// noChallenge is the word for a PIN that was entered and could not be enciphered.
const noChallenge = "no-challenge"

// entryWords by emvkernel.PINEntry.
var entryWords = map[emvkernel.PINEntry]string{
	emvkernel.PINEntered: "entered", emvkernel.PINBypassed: "bypassed", emvkernel.PINCanceled: "canceled", emvkernel.PINTimedOut: "timed-out",
}

func (p pinLine) String() string {
	s := "offline "
	if p.online {
		s = "online "
	}
	word, known := entryWords[p.entry]
	switch {
	case p.broken, !known:
		return s + "broken"
	case !p.online && p.challenge:
		return fmt.Sprintf("%s%s %04X", s, noChallenge, uint16(p.sw))
	case !p.online && p.entry == emvkernel.PINEntered:
		return fmt.Sprintf("%s%s %04X", s, word, uint16(p.sw))
	}
	return s + word
}

// parsePIN takes exactly what String writes.
func parsePIN(s string) (p pinLine, ok bool) {
	f := strings.Fields(s)
	if len(f) < 2 {
		return p, false
	}
	p.online, p.broken = f[0] == "online", f[1] == "broken"
	if f[1] == noChallenge {
		p.entry, p.challenge = emvkernel.PINEntered, true
	}
	for entry, word := range entryWords {
		if word == f[1] {
			p.entry = entry
		}
	}
	if len(f) > 2 {
		n, err := strconv.ParseUint(f[2], 16, 16)
		if err != nil {
			return p, false
		}
		p.sw = apdu.SW(n)
	}
	return p, p.String() == s
}
