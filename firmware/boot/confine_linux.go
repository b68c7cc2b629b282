package boot

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

const confineName = "confine"

// Confining reports whether this process is the step between process 1 and the
// worker: it shall call Confine.
func Confining() bool { return os.Args[0] == confineName }

// Confine gives up what is left of this process's rights and becomes the
// worker. It is called with the arguments "confine PROGRAM PORT", by the
// unprivileged user that the worker runs as, and returns only an error.
func Confine() error {
	if len(os.Args) != 3 {
		return errors.New("confine: not meant to be called by hand")
	}
	program := os.Args[1]
	port, err := strconv.ParseUint(os.Args[2], 10, 16)
	if err != nil {
		return fmt.Errorf("confine: port: %w", err)
	}
	if os.Geteuid() == 0 {
		return errors.New("confine: not with the rights of root")
	}
	runtime.LockOSThread() // what is given up below, and the exec, are a thread's
	unix.Umask(0o077)
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("confine: no new privileges: %w", err)
	}
	if err := restrict(program, uint16(port)); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	err = unix.Exec(program, []string{"reader", "-config", SettingsDir + "/reader.json"}, os.Environ())
	return fmt.Errorf("confine: %s: %w", program, err)
}

// restrict applies Landlock. A kernel without it is reported and accepted: the
// user's missing rights still hold.
func restrict(program string, port uint16) error {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		fmt.Fprintf(os.Stderr, "boot: error: THE KERNEL HAS NO LANDLOCK (%v): the worker is confined by its user's rights only\n", err)
		return nil
	}
	// Version 6 is in Linux 6.12: files, device commands, TCP, and signals and
	// abstract sockets of other domains.
	config := landlock.V6
	config.HandledAccessNet = ll.AccessNetBindTCP // connecting is free
	if abi < 6 {
		fmt.Fprintf(os.Stderr, "boot: error: the kernel's Landlock is version %d, not 6: the worker is confined less than meant\n", abi)
	}
	err = config.BestEffort().Restrict(
		landlock.RODirs("/proc", "/sys", "/etc", SettingsDir),
		landlock.ROFiles(program),
		landlock.RWDirs(DataDir).WithRefer(),
		landlock.RWDirs("/dev").WithIoctlDev(),
		landlock.BindTCP(port),
	)
	if err != nil {
		return fmt.Errorf("landlock: %w", err)
	}
	return nil
}
