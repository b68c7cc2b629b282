package store

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"smartreader/store/disktest"
)

func freeOf(t *testing.T, path string) int64 {
	t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * int64(s.Bsize)
}

// takeLarge makes a stored payment with a sealed payload of 16 KiB.
func takeLarge(s *Store, n int) (Payment, error) {
	p, err := tryWalk(s, newPayment(n), Created, Collecting, Collected)
	if err != nil {
		return p, err
	}
	c := to(p, Stored)
	c.Seal = func(sequence uint64) ([]byte, string, error) {
		return bytes.Repeat([]byte{byte(sequence)}, 16<<10), fmt.Sprint("natural", sequence), nil
	}
	return s.Commit(background, c)
}

func TestSmallRealDiskFillsAndRecovers(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100 MB")
	}
	if !disktest.OwnMounts(t) {
		return
	}
	_, mount := disktest.Disk(t, 96)
	o := testOptions(filepath.Join(mount, "store"))
	o.MinFreeBytes, o.ReserveBytes = 22<<20, 12<<20
	s, err := Open(background, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()

	var refused error
	n := 0
	for ; refused == nil && n < 20000; n++ {
		_, refused = takeLarge(s, n)
	}
	if !refusedForDisk(refused) {
		t.Fatalf("after %d payments: %v", n, refused)
	}
	stored := s.Pending().Count
	t.Logf("%d payments of 16 KiB, %d MiB free: %v", stored, freeOf(t, mount)>>20, refused)
	if stored < 500 || freeOf(t, mount) < leastFree {
		t.Errorf("refused after %d payments with %d bytes free", stored, freeOf(t, mount))
	}
	if h := s.Health(); h.RefusePayments != RefusedDisk || h.Failed != nil {
		t.Errorf("health %+v", h)
	}

	// Somebody else takes what is left, down to what forwarding needs. The
	// database may be in the middle of a compaction, with tables of its own.
	other := filepath.Join(mount, "other")
	fill(t, other, freeOf(t, mount)-leastFree-14<<20)
	forwarded := 0
	all, err := s.List(Filter{States: []State{Stored}})
	if err != nil || len(all) != stored {
		t.Fatalf("%d stored, %v", len(all), err)
	}
	for _, p := range all[:200] {
		if _, err := tryWalk(s, p, Sending, Forwarded); err != nil {
			t.Fatalf("forwarding on a full disk, after %d: %v", forwarded, err)
		}
		forwarded++
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	for _, p := range all[200:] {
		if _, err := tryWalk(s, p, Sending, Forwarded); err != nil {
			t.Fatalf("forwarding: %v", err)
		}
	}
	if err := s.Flatten(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // what was written last leaves the log
		t.Fatal(err)
	}
	if s, err = Open(background, o); err != nil {
		t.Fatal(err)
	}
	if err := s.Flatten(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d MiB free after forwarding", freeOf(t, mount)>>20)
	if _, err := takeLarge(s, n+1); err != nil {
		t.Errorf("after forwarding: %v; %d MiB free", err, freeOf(t, mount)>>20)
	}
	mustVerify(t, s)
}

// fill takes so much of a disk.
func fill(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(allocate(f, size), f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// A disk that becomes read-only, as ext4 does after an error: payments end, the
// process lives, reading answers or fails typed, and after a restart nothing told
// is lost. A process of its own, because the database lets go of the disk only
// when its process ends.
func TestRealDiskTurnsReadOnly(t *testing.T) {
	const folderEnv, mountEnv, keyEnv = "STORE_TEST_BROKEN_FOLDER", "STORE_TEST_BROKEN_MOUNT", "STORE_TEST_BROKEN_KEY"
	if dir := os.Getenv(folderEnv); dir != "" {
		der, err := hex.DecodeString(os.Getenv(keyEnv))
		if err != nil {
			t.Fatal(err)
		}
		if deviceKey, err = x509.ParseECPrivateKey(der); err != nil {
			t.Fatal(err)
		}
		useBrokenDisk(t, dir, os.Getenv(mountEnv))
		return
	}
	if !disktest.OwnMounts(t) {
		return
	}
	image, mount := disktest.Disk(t, 160)
	dir := filepath.Join(mount, "store")
	child := exec.Command(os.Args[0], "-test.run=^TestRealDiskTurnsReadOnly$", "-test.v")
	der, err := x509.MarshalECPrivateKey(deviceKey)
	if err != nil {
		t.Fatal(err)
	}
	child.Env = append(os.Environ(), folderEnv+"="+dir, mountEnv+"="+mount, keyEnv+"="+hex.EncodeToString(der))
	out, err := child.CombinedOutput()
	if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skipf("%s", out)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	disktest.Unmount(t, mount)
	disktest.Mount(t, image, mount)
	s, err := Open(background, brokenOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	if h := s.Health(); h.Damaged {
		t.Errorf("health %+v", h)
	}
	for n := range 50 {
		if p := mustPayment(t, s, newPayment(n).LocalID); p.State != Stored {
			t.Errorf("%d was stored, is %s", n, p.State)
		}
	}
	take(t, s, 60)
	mustVerify(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func brokenOptions(dir string) Options {
	o := testOptions(dir)
	o.MinFreeBytes, o.ReserveBytes = 16<<20, 8<<20
	return o
}

func useBrokenDisk(t *testing.T, dir, mount string) {
	s, err := Open(background, brokenOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 50 {
		take(t, s, n)
	}
	disktest.Break(t, mount)
	if _, err := tryWalk(s, newPayment(1000), Created); !errors.Is(err, ErrFailed) {
		t.Errorf("a commit on a read-only disk: %v", err)
	}
	if _, err := tryWalk(s, newPayment(1001), Created); !errors.Is(err, ErrFailed) {
		t.Errorf("a commit after that: %v", err)
	}
	if h := s.Health(); !errors.Is(h.Failed, ErrFailed) {
		t.Errorf("health %+v", h)
	}
	if _, err := s.Payment(newPayment(1).LocalID); !errors.Is(err, ErrFailed) {
		t.Errorf("reading: %v", err)
	}
	if s.Pending().Count != 50 {
		t.Errorf("pending %+v", s.Pending())
	}
	if err := s.Close(); err != nil && !errors.Is(err, ErrFailed) {
		t.Errorf("closing: %v", err)
	}
	var out bytes.Buffer
	if err := Salvage(background, dir, &out); err != nil && !errors.Is(err, ErrSalvage) {
		t.Errorf("salvage from a read-only disk: %v", err)
	}
	if x := readExport(t, out.Bytes()); len(x.envelopes) != 50 {
		t.Errorf("%d envelopes salvaged", len(x.envelopes))
	}
}

// failingSync is a head file whose disk reports an error when it is synced.
type failingSync struct{ slotFile }

func (failingSync) Sync() error { return unix.EIO }

func TestIOErrorAtSyncStopsPaymentsAndStatusAnswers(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	p := take(t, s, 1)
	s.slots = failingSync{s.slots}
	if _, err := tryWalk(s, newPayment(2), Created); !errors.Is(err, ErrFailed) || !errors.Is(err, unix.EIO) {
		t.Errorf("%v", err)
	}
	if h := s.Health(); !errors.Is(h.Failed, ErrFailed) {
		t.Errorf("health %+v", h)
	}
	if s.Pending().Count != 1 {
		t.Errorf("pending %+v", s.Pending())
	}
	if _, err := s.Commit(background, to(p, Sending)); !errors.Is(err, ErrFailed) {
		t.Errorf("forwarding: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openDir(t, dir)
	if h := s.Health(); h.Damaged {
		t.Errorf("after reopening: %+v", h)
	}
	if p, err := s.Payment(p.LocalID); err != nil || p.State != Stored {
		t.Errorf("%+v, %v", p, err)
	}
	mustVerify(t, s)
}
