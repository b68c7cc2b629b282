package boot

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parameters are ours on the kernel command line.
type parameters struct {
	disk     uint32        // disk signature; 0: none given
	watchdog bool          // the hardware watchdog may be used
	report   time.Duration // how often the worker's load is printed
}

// parseCmdline reads the kernel command line. Of a setting given twice the last
// counts, as it does for the kernel. With an error it returns what is right: a
// mistake in one setting must not lose the disk.
func parseCmdline(line string) (parameters, error) {
	var errs []error
	wrong := func(name, value, what string) {
		errs = append(errs, fmt.Errorf("kernel command line: %s=%q is %s", name, value, what))
	}
	p := parameters{watchdog: true, report: time.Hour}
	for _, word := range strings.Fields(line) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "reader.disk":
			n, err := strconv.ParseUint(value, 16, 32)
			if err != nil || len(value) != 8 || n == 0 {
				wrong(name, value, "not a disk signature of 8 hexadecimal digits")
				continue
			}
			p.disk = uint32(n)
		case "reader.watchdog":
			if value != "on" && value != "off" {
				wrong(name, value, "neither on nor off")
				continue
			}
			p.watchdog = value == "on"
		case "reader.report":
			seconds, err := strconv.ParseUint(value, 10, 31)
			if err != nil || seconds == 0 {
				wrong(name, value, "not a number of seconds")
				continue
			}
			p.report = time.Duration(seconds) * time.Second
		}
	}
	return p, errors.Join(errs...)
}
