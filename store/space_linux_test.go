package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func smallDisk(t *testing.T, sp *modelSpace) *Store {
	t.Helper()
	o, public, err := testOptions("model").withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	m := freshMachine()
	s, err := newStore(background, o, public, modelDisk{m}, &modelSlots{machine: m}, sp)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func refusedForDisk(err error) bool {
	var refusal *Refusal
	return errors.Is(err, ErrRefused) && errors.As(err, &refusal) && refusal.Reason == RefusedDisk
}

func TestFullDiskRefusesNewPaymentsAndGoesOnForwarding(t *testing.T) {
	sp := &modelSpace{freeBytes: 1 << 30, reserve_: true, reserveLen: defaultReserve}
	s := smallDisk(t, sp)
	stored := take(t, s, 1)
	begun := walkTo(t, s, newPayment(2), Created, Collecting, Collected)

	sp.freeBytes = defaultMinFree - 1
	if _, err := s.Commit(background, Change{Payment: newPayment(3)}); !refusedForDisk(err) {
		t.Errorf("a new payment: %v", err)
	}
	if sp.reserved() {
		t.Error("the reserve was not released")
	}
	if h := s.Health(); h.RefusePayments != RefusedDisk || h.Damaged {
		t.Errorf("health %+v", h)
	}
	if _, err := s.Commit(background, to(begun, Stored)); !refusedForDisk(err) {
		t.Errorf("accepting a payment: %v", err)
	}
	walkTo(t, s, begun, Canceled)
	walkTo(t, s, stored, Sending, Forwarded)

	// With the reserve given up there is room above the floor, but it is not
	// for new payments: that would use up the reserve.
	sp.freeBytes = defaultMinFree + defaultReserve - 1
	if _, err := s.Commit(background, Change{Payment: newPayment(4)}); !refusedForDisk(err) {
		t.Errorf("on the reserve: %v", err)
	}
	sp.freeBytes = defaultMinFree + defaultReserve
	walkTo(t, s, newPayment(5), Created)
	if !sp.reserved() {
		t.Error("the reserve was not restored")
	}
	if h := s.Health(); h.RefusePayments != "" {
		t.Errorf("health %+v", h)
	}
}

func TestDiskWithNoRoomAtAllIsNotWritten(t *testing.T) {
	sp := &modelSpace{freeBytes: 1 << 30, reserve_: true}
	s := smallDisk(t, sp)
	stored := take(t, s, 1)
	sp.freeBytes = leastFree - 1
	if _, err := s.Commit(background, to(stored, Sending)); !refusedForDisk(err) {
		t.Errorf("forwarding: %v", err)
	}
	if _, err := s.Payment(stored.LocalID); err != nil {
		t.Errorf("reading: %v", err)
	}
	sp.freeBytes = 1 << 30
	walkTo(t, s, stored, Sending)
}

func TestLargeDatabaseNeedsAsMuchRoomAgain(t *testing.T) {
	sp := &modelSpace{freeBytes: 300 << 20, usedBytes: 400 << 20, reserve_: true}
	s := smallDisk(t, sp)
	if _, err := s.Commit(background, Change{Payment: newPayment(1)}); !refusedForDisk(err) {
		t.Errorf("got %v", err)
	}
}

func TestUnmeasurableDiskRefuses(t *testing.T) {
	sp := &modelSpace{freeBytes: 1 << 30, reserve_: true}
	s := smallDisk(t, sp)
	sp.failure = errors.New("statfs")
	if _, err := s.Commit(background, Change{Payment: newPayment(1)}); !errors.Is(err, sp.failure) {
		t.Errorf("got %v", err)
	}
}

func TestReserveFileTakesRealBlocks(t *testing.T) {
	dir := t.TempDir()
	const size = 4 << 20
	d, err := newDiskSpace(dir, dir, size)
	if err != nil {
		t.Fatal(err)
	}
	if d.reserved() {
		t.Fatal("a new folder has a reserve")
	}
	if err := d.reserve(); err != nil {
		t.Fatal(err)
	}
	if used, err := d.used(); err != nil || used < size {
		t.Errorf("the reserve takes %d bytes, %v", used, err)
	}
	if again, err := newDiskSpace(dir, dir, size); err != nil || !again.reserved() {
		t.Errorf("not found again: %v", err)
	}
	if err := d.release(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "reserve")); err == nil {
		t.Error("it is still there")
	}
	if err := os.WriteFile(d.path, []byte("half made"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := newDiskSpace(dir, dir, size); err != nil || again.reserved() {
		t.Errorf("half a reserve counts: %v", err)
	}
}

func TestOpenMakesTheReserve(t *testing.T) {
	dir := t.TempDir()
	o := testOptions(dir)
	o.ReserveBytes = 1 << 20
	s, err := Open(background, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if info, err := os.Stat(filepath.Join(dir, "reserve")); err != nil || info.Size() != 1<<20 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestReserveIsGivenUpBeforeTheDatabaseOpens(t *testing.T) {
	for free, kept := range map[int64]bool{leastFree - 1: false, leastFree: true} {
		sp := &modelSpace{freeBytes: free, reserve_: true, reserveLen: defaultReserve}
		if err := makeRoom(sp); err != nil || sp.reserved() != kept {
			t.Errorf("%d free: reserved %v, %v", free, sp.reserved(), err)
		}
	}
}

// The order on a real full disk: the reserve goes even when nothing else works.
func TestFullDiskOpens(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("this needs the right to mount a disk; TestReserveIsGivenUpBeforeTheDatabaseOpens has the rule: %v", err)
	}
	defer func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	o := testOptions(filepath.Join(dir, "store"))
	o.ReserveBytes, o.MinFreeBytes = 32<<20, 1<<20
	s, err := Open(background, o)
	if err != nil {
		t.Fatal(err)
	}
	take(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for page := make([]byte, 4096); err == nil; {
		_, err = filler.Write(page)
	}
	if err := filler.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(background, o); err != nil {
		t.Fatal(err)
	}
	if h := s.Health(); h.RefusePayments != RefusedDisk || s.Pending().Count != 1 {
		t.Errorf("health %+v", h)
	}
	p, _, err := s.NextWork(testClock)
	if err != nil {
		t.Fatal(err)
	}
	walkTo(t, s, p, Sending, Forwarded)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestRefusalForDiskSaysWhatHelps(t *testing.T) {
	sp := &modelSpace{freeBytes: 300 << 20, usedBytes: 400 << 20, reserve_: true}
	s := smallDisk(t, sp)
	_, err := s.Commit(background, Change{Payment: newPayment(1)})
	if !refusedForDisk(err) || strings.Contains(err.Error(), "forward") || !strings.Contains(err.Error(), "400 MiB") {
		t.Errorf("nothing waits: %v", err)
	}
	sp.usedBytes, s.room.asked = 0, 0
	take(t, s, 2)
	sp.freeBytes = 20 << 20
	if _, err = s.Commit(background, Change{Payment: newPayment(3)}); !refusedForDisk(err) || !strings.Contains(err.Error(), "forward") {
		t.Errorf("a payment waits: %v", err)
	}
}
