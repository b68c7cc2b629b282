package payment

import (
	"slices"
	"strings"
	"testing"

	"smartreader/emvkernel/emvtest"
)

// Only the published numbers are test cards in live mode: a real card may begin
// like one.
func TestTestCardNumbers(t *testing.T) {
	for pan, want := range map[string][2]bool{ // test card in live mode, taken in test mode
		"371449635398431": {true, true}, "4242424242424242": {true, true}, "4111111111111111": {true, true},
		"371449634242425": {false, true}, "4539578763621486": {false, false}, "4242": {false, false}, "": {false, false},
	} {
		if got := [2]bool{isTestCard([]byte(pan)), isForTests([]byte(pan))}; got != want {
			t.Errorf("%s: %v, want %v", pan, got, want)
		}
	}
}

// inventedNumbers are the software cards' numbers that nobody publishes; each
// begins like one that is. Live mode is safe from them too: their certificates
// lead to test keys only.
var inventedNumbers = []string{"4000000000003410", "4000000000003428", "6200000000000000000", "4761739001010028", "5413330089600028"}

// Every software card can pay in test mode, and live mode knows it for a test card.
func TestSoftwareCardsAreTestCards(t *testing.T) {
	seen := 0
	for _, name := range emvtest.Profiles() {
		profile, err := emvtest.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(profile.Text()) {
			pan, ok := strings.CutPrefix(strings.TrimSpace(line), "pan ")
			if !ok {
				continue
			}
			seen++
			if !isForTests([]byte(pan)) {
				t.Errorf("%s: test mode takes %s for a real card", name, pan)
			}
			if isTestCard([]byte(pan)) == slices.Contains(inventedNumbers, pan) {
				t.Errorf("%s: live mode and the list of invented numbers do not agree about %s", name, pan)
			}
		}
	}
	if seen < len(emvtest.Profiles()) {
		t.Errorf("only %d numbers on %d cards", seen, len(emvtest.Profiles()))
	}
}
