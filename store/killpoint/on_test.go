//go:build killpoints

package killpoint

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// The test runs itself as a child that counts its hits on a pipe and must stop
// at the second one.
func TestHitStopsTheProcessAtTheChosenHit(t *testing.T) {
	if os.Getenv("KILLPOINT_CHILD") != "" {
		for range 3 {
			os.Stdout.WriteString("x")
			Hit("store.committed")
		}
		return
	}
	child := exec.Command(os.Args[0], "-test.run", t.Name())
	child.Env = append(os.Environ(), "KILLPOINT_CHILD=1", Variable+"=store.committed:2")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	child.Stdout = write
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()

	var status syscall.WaitStatus
	if _, err := syscall.Wait4(child.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil {
		t.Fatal(err)
	}
	if !status.Stopped() || status.StopSignal() != syscall.SIGSTOP {
		t.Fatalf("the child did not stop: %v", status)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the child ended by itself: %v", err)
	}
	out := make([]byte, 16)
	n, _ := read.Read(out)
	if string(out[:n]) != "xx" {
		t.Fatalf("the child wrote %q before it stopped", out[:n])
	}
}

func TestParse(t *testing.T) {
	if name, n := parse("store.committed"); name != "store.committed" || n != 1 {
		t.Errorf("got %s, %d", name, n)
	}
	if name, n := parse("store.committed:7"); name != "store.committed" || n != 7 {
		t.Errorf("got %s, %d", name, n)
	}
	for _, bad := range []string{"nothing.here", "store.committed:0", "store.committed:x"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was taken", bad)
				}
			}()
			parse(bad)
		}()
	}
}
