package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// What hal/conformance prints for whoever stands at the device.
const (
	prompt  = "HAND: "
	verdict = "CONFORMANCE: "
)

// conformanceTool is the Go package that runs in place of the reader.
const conformanceTool = "smartreader/hal/conformance"

// handCard is the card that the hand has.
const handCard = "visa"

// obey does what a line of the console asks a person for. Lines that ask for
// nothing are skipped.
func (r *rig) obey(ctx context.Context, line string) error {
	_, wish, ok := strings.Cut(line, prompt)
	if !ok {
		return nil
	}
	switch wish = strings.TrimSpace(wish); {
	case strings.HasPrefix(wish, "insert"):
		return r.Insert(ctx, handCard)
	case strings.HasPrefix(wish, "remove"):
		return r.Remove(ctx)
	case strings.HasPrefix(wish, "hold two"):
		return r.hold(handCard, "mastercard")
	case strings.HasPrefix(wish, "hold"):
		return r.hold(handCard)
	case strings.HasPrefix(wish, "take"):
		r.field.Take()
		return nil
	case strings.HasPrefix(wish, "press"):
		return r.press(ctx, wish[strings.LastIndexByte(wish, ' ')+1:])
	}
	return fmt.Errorf("nobody here can do what it asks for: %q", wish)
}

// conform runs the conformance tool on the machine, does what it asks for, and
// returns what it printed, from its first line to its verdict.
func (r *rig) conform(ctx context.Context, each func(line string)) (passed bool, err error) {
	if err := r.build(ctx, "", conformanceTool); err != nil {
		return false, err
	}
	m, err := r.switchOn(ctx)
	if err != nil {
		return false, err
	}
	limit, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	var failed error
	err = m.Console.Follow(limit, func(line string) bool {
		each(line)
		if _, said, ok := strings.Cut(line, verdict); ok {
			passed = strings.HasPrefix(strings.TrimSpace(said), "pass")
			return true
		}
		failed = r.obey(limit, line)
		return failed != nil
	})
	if failed != nil {
		err = failed
	}
	if err != nil {
		return false, fmt.Errorf("conformance: %w\nThe console log is %s", err, r.consoleFile())
	}
	return passed, nil
}
