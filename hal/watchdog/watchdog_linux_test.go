package watchdog

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

func plain(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "watchdog0")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// counts is hardware that counts to a number of seconds at most.
func counts(most int, asked *int) setTimeout {
	return func(_ *os.File, seconds int) (int, error) {
		*asked = seconds
		return min(seconds, most), nil
	}
}

func TestKicksAndDisarms(t *testing.T) {
	path, asked := plain(t), 0
	w, err := open(path, 90*time.Second, counts(15, &asked))
	if err != nil {
		t.Fatal(err)
	}
	if asked != 90 || w.Timeout() != 15*time.Second {
		t.Errorf("asked for %d s, got %v", asked, w.Timeout())
	}
	haltest.Watchdog(t, w)
	haltest.Closing(t, w, w.Close)
	if b, err := os.ReadFile(path); err != nil || string(b) != "\n\n\nV" {
		t.Errorf("written %q, %v; want three kicks and the request to disarm", b, err)
	}
}

func TestTooShortIsRefusedAndDisarmed(t *testing.T) {
	path, asked := plain(t), 0
	if _, err := open(path, time.Minute, counts(9, &asked)); !errors.Is(err, hal.ErrUnsupported) {
		t.Errorf("hardware that counts to 9: got %v, want hal.ErrUnsupported", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "V" {
		t.Errorf("written %q, want the request to disarm", b)
	}
	if _, err := open(path, 9*time.Second, counts(60, &asked)); !errors.Is(err, hal.ErrUnsupported) {
		t.Errorf("9 s asked for: got %v, want hal.ErrUnsupported", err)
	}
}

func TestWhatIsNoWatchdog(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "watchdog0"), time.Minute); !errors.Is(err, hal.ErrNotFound) {
		t.Errorf("no device: got %v, want hal.ErrNotFound", err)
	}
	if _, err := Open(plain(t), time.Minute); !errors.Is(err, hal.ErrUnsupported) || !errors.Is(err, unix.ENOTTY) {
		t.Errorf("a plain file: got %v, want hal.ErrUnsupported", err)
	}
}
