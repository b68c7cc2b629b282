package usbfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"smartreader/hal"
)

// TestLayout checks the structures against the kernel's, as 64-bit C has them.
func TestLayout(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("sizes are those of 64 bits")
	}
	if got := unsafe.Sizeof(urb{}); got != 56 {
		t.Errorf("struct usbdevfs_urb has %d bytes, want 56", got)
	}
	if got := unsafe.Offsetof(urb{}.Actual); got != 28 {
		t.Errorf("actual_length is at %d, want 28", got)
	}
	for name, got := range map[string][2]uintptr{
		"SUBMITURB":        {ioctlSubmit, 0x8038550A},
		"DISCARDURB":       {ioctlDiscard, 0x550B},
		"REAPURBNDELAY":    {ioctlReap, 0x4008550D},
		"RELEASEINTERFACE": {ioctlRelease, 0x80045510},
		"RESET":            {ioctlReset, 0x5514},
		"DISCONNECT_CLAIM": {ioctlDisconnectClaim, 0x8108551B},
	} {
		if got[0] != got[1] {
			t.Errorf("USBDEVFS_%s is %#x, want %#x", name, got[0], got[1])
		}
	}
}

func TestOpenErrors(t *testing.T) {
	root := t.TempDir()
	i := Info{Bus: 1, Number: 2}
	if _, err := Open(root, i, 0); !errors.Is(err, hal.ErrNotFound) {
		t.Errorf("no node: got %v, want hal.ErrNotFound", err)
	}
	name := filepath.Join(root, i.Node())
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := Open(root, i, 0); err == nil {
		t.Error("a plain file was taken for a device", d.Close())
	}
}

func TestTranslate(t *testing.T) {
	for errno, want := range map[unix.Errno]error{
		unix.ENODEV: hal.ErrNotFound,
		unix.EPIPE:  ErrStall,
		unix.EBUSY:  ErrBusy,
		unix.EACCES: fs.ErrPermission,
	} {
		if err := translate(errno); !errors.Is(err, want) || !errors.Is(err, errno) {
			t.Errorf("%v: got %v, want %v", errno, err, want)
		}
	}
}
