package hal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"smartreader/hal"
)

func TestAdviceIsWhatPeopleRead(t *testing.T) {
	advice := hal.Advise(fmt.Errorf("%w: %w", hal.ErrNotFound, fs.ErrPermission), "no permission for %s: make it readable", "/dev/x")
	for name, err := range map[string]error{
		"alone":     advice,
		"passed on": fmt.Errorf("ccid: present: %w", advice),
		"joined":    errors.Join(errors.New("close: bad file"), advice),
		"twice":     fmt.Errorf("reader: %w", hal.Advise(hal.Advise(hal.ErrNotFound, "which one"), "%s", advice)),
	} {
		if got := hal.AdviceOf(err); got != "no permission for /dev/x: make it readable" || !errors.Is(err, hal.ErrNotFound) {
			t.Errorf("%s: people read %q of %v", name, got, err)
		}
	}
	if !errors.Is(advice, fs.ErrPermission) {
		t.Error("the cause is lost")
	}
	if got := hal.AdviceOf(fmt.Errorf("ccid: %w", hal.ErrHalted)); got != "ccid: hal: device closed" {
		t.Errorf("an error without advice reads %q", got)
	}
}
