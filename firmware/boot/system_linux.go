package boot

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// mountSystem mounts what every Linux program expects. Hidepid: the worker does
// not see process 1.
func mountSystem() error {
	const safe = unix.MS_NOSUID | unix.MS_NOEXEC
	var errs []error
	for _, fs := range []struct {
		kind, dir string
		flags     uintptr
		options   string
	}{
		{"devtmpfs", "/dev", safe, ""},
		{"proc", "/proc", safe | unix.MS_NODEV, "hidepid=2"},
		{"sysfs", "/sys", safe | unix.MS_NODEV, ""},
		{"tmpfs", "/run", safe | unix.MS_NODEV, "mode=755,size=16m"},
		{"tmpfs", "/tmp", safe | unix.MS_NODEV, "mode=1777,size=16m"},
	} {
		err := os.MkdirAll(fs.dir, 0o755)
		if err == nil {
			err = unix.Mount(fs.kind, fs.dir, fs.kind, fs.flags, fs.options)
		}
		// Busy: the kernel has mounted it already.
		if err != nil && !errors.Is(err, unix.EBUSY) {
			errs = append(errs, fmt.Errorf("%s: %w", fs.dir, err))
		}
	}
	return errors.Join(errs...)
}

// openConsole opens the console anew: the one of the kernel's making may be
// from before /dev was mounted.
func openConsole() *console {
	f, err := os.OpenFile("/dev/console", os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return newConsole(os.Stderr)
	}
	// Nobody reads what is typed on the console, and a PIN typed on a keypad,
	// which the kernel takes for the console's keyboard, must not show on it.
	_ = noEcho(int(f.Fd()))
	// A panic of the Go runtime itself is written to file 2.
	_ = unix.Dup3(int(f.Fd()), 2, 0)
	return newConsole(f)
}

// noEcho keeps a terminal from printing what is typed on it, and from ringing
// when there is too much of that.
func noEcho(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err // no terminal
	}
	t.Lflag &^= unix.ECHO | unix.ECHONL
	t.Iflag &^= unix.IMAXBEL
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

// kernelSettings keep from the worker what it does not need, and shut ways
// around its confinement.
var kernelSettings = [][2]string{
	{"kernel/dmesg_restrict", "1"},
	{"kernel/kptr_restrict", "2"},
	{"kernel/unprivileged_bpf_disabled", "1"},
	{"kernel/sysrq", "0"},
	// Landlock's rules for TCP do not apply to multipath TCP, which Go's
	// net.Listen uses where it can.
	{"net/mptcp/enabled", "0"},
	{"user/max_user_namespaces", "0"},
	{"kernel/io_uring_disabled", "2"},
}

// setUpKernel reads the command line and applies kernelSettings.
func (m *machine) setUpKernel() error {
	line, err := os.ReadFile("/proc/cmdline")
	if err == nil {
		m.params, err = parseCmdline(string(line))
	}
	errs := []error{err}
	for _, s := range kernelSettings {
		err := os.WriteFile("/proc/sys/"+s[0], []byte(s[1]), 0)
		// A kernel without the setting is without the danger.
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	// A core file would hold card data in the clear. The worker inherits this.
	errs = append(errs,
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
		unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF),
		os.MkdirAll("/etc", 0o755),
		os.WriteFile("/etc/hosts", []byte("127.0.0.1 localhost\n::1 localhost\n"), 0o644),
		linkDefaults())
	return errors.Join(errs...)
}

// linkDefaults makes the places in the reader's default configuration lead to
// the device's own: reader.json need not name them.
func linkDefaults() error {
	var errs []error
	for link, place := range map[string]string{
		"/var/lib/smartreader": DataDir,
		"/etc/smartreader":     SettingsDir,
	} {
		dir := link[:strings.LastIndexByte(link, '/')]
		errs = append(errs, os.MkdirAll(dir, 0o755))
		if err := os.Symlink(place, link); !errors.Is(err, os.ErrExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
