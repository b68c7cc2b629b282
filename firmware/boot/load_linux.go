package boot

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// tellLoad prints now and then what the worker takes, for whoever looks for a
// leak months later.
func (m *machine) tellLoad(ctx context.Context, pid int) error {
	proc := os.DirFS("/proc")
	before, err := loadOf(proc, pid)
	if err != nil {
		return err
	}
	for began := time.Now(); ; {
		if err := pause(ctx, m.params.report); err != nil {
			return err
		}
		now, err := loadOf(proc, pid)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has just ended
		}
		if err != nil {
			return err
		}
		m.say("worker: %s", now.since(before, time.Since(began)))
		before, began = now, time.Now()
	}
}
