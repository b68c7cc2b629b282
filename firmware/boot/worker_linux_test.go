package boot

import (
	"bufio"
	"fmt"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A worker that was taken over may leave a process that listens on the LAN port
// in its place. Its end is the end of that too. Orphans of this test become its
// children, as they become process 1's.
func TestWhatAWorkerLeavesEndsWithIt(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", "sleep 60 & echo $!; exit 7"},
		&syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{r.Fd(), w.Fd(), 2}})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	var left int
	if _, err := fmt.Fscan(bufio.NewReader(r), &left); err != nil || left < 2 {
		t.Fatalf("left %d, %v", left, err)
	}
	swept := 0
	status := reap(pid, func() {
		swept++
		_ = syscall.Kill(left, syscall.SIGKILL)
	})
	if status.ExitStatus() != 7 || swept != 1 {
		t.Errorf("ended with %d, swept %d times", status.ExitStatus(), swept)
	}
	if err := syscall.Kill(left, 0); err != syscall.ESRCH {
		t.Errorf("process %d is still there (%v)", left, err)
	}
}
