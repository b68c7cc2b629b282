// Package disktest gives tests a small real disk, an ext4 on a loop device, that
// can be filled and broken. It needs root, loop devices and e2fsprogs; where they
// are missing the test is skipped with the reason.
package disktest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// OwnMounts runs the rest of a test in a process with mounts of its own, which go
// when it ends, however it ends. It returns false where the test is done.
func OwnMounts(t *testing.T) bool {
	t.Helper()
	const env = "DISKTEST_OWN_MOUNTS"
	if os.Getenv(env) != "" {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("needs root to mount a disk")
	}
	runtime.LockOSThread() // the child dies with this thread
	defer runtime.UnlockOSThread()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=2m")
	child.Env = append(os.Environ(), env+"=1", "TMPDIR="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := child.CombinedOutput()
	switch {
	case errors.Is(err, unix.EPERM):
		t.Skipf("needs a mount namespace: %v", err)
	case err != nil:
		t.Fatalf("%v: %s", err, out)
	case bytes.Contains(out, []byte("--- SKIP")):
		t.Skipf("%s", out)
	}
	t.Logf("%s", out)
	return false
}

// Disk mounts an ext4 of its own, of so many MiB, that can be filled and
// broken.
func Disk(t *testing.T, mib int) (image, mount string) {
	t.Helper()
	for _, tool := range []string{"mkfs.ext4", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skip("needs loop devices")
	}
	dir := t.TempDir()
	image = filepath.Join(dir, "disk")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, int64(mib)<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-m", "0", image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	mount = filepath.Join(dir, "mount")
	if err := os.Mkdir(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	Mount(t, image, mount)
	t.Cleanup(func() {
		// Files on a broken disk may be held until the process ends.
		if out, err := exec.Command("umount", "-l", mount).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return image, mount
}

// Break has ext4 find an error in itself, upon which it turns read-only.
func Break(t *testing.T, mount string) {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		device, rest, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(rest, mount+" ") {
			continue
		}
		if err := os.WriteFile(filepath.Join("/sys/fs/ext4", filepath.Base(device), "trigger_fs_error"), []byte("1"), 0); err != nil {
			t.Skipf("this kernel cannot break a disk: %v", err)
		}
		return
	}
	t.Fatal("the disk is not mounted")
}

// Unmount unmounts a disk that is not in use.
func Unmount(t *testing.T, mount string) {
	t.Helper()
	if out, err := exec.Command("umount", mount).CombinedOutput(); err != nil {
		t.Fatalf("umount: %v: %s", err, out)
	}
}

// Mount mounts a disk again.
func Mount(t *testing.T, image, mount string) {
	t.Helper()
	if out, err := exec.Command("mount", "-o", "loop,data=ordered,errors=remount-ro", image, mount).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a loop device here: %v: %s", err, out)
	}
}
