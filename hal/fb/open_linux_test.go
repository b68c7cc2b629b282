package fb

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"smartreader/hal"
)

func TestOpenOfWhatIsNoFramebuffer(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "fb0")); !errors.Is(err, hal.ErrNotFound) {
		t.Errorf("no file: got %v, want hal.ErrNotFound", err)
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(plain); !errors.Is(err, hal.ErrUnsupported) {
		t.Errorf("a plain file: got %v, want hal.ErrUnsupported", err)
	}
	if _, err := Quiet(plain); err == nil {
		t.Error("a plain file is no console")
	}
}
