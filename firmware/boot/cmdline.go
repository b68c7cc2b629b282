package boot

import (
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
// counts, as it does for the kernel.
func parseCmdline(line string) (parameters, error) {
	p := parameters{watchdog: true, report: time.Hour}
	for _, word := range strings.Fields(line) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "reader.disk":
			n, err := strconv.ParseUint(value, 16, 32)
			if err != nil || len(value) != 8 || n == 0 {
				return p, fmt.Errorf("kernel command line: reader.disk=%q is not a disk signature of 8 hexadecimal digits", value)
			}
			p.disk = uint32(n)
		case "reader.watchdog":
			if value != "on" && value != "off" {
				return p, fmt.Errorf("kernel command line: reader.watchdog=%q is neither on nor off", value)
			}
			p.watchdog = value == "on"
		case "reader.report":
			seconds, err := strconv.ParseUint(value, 10, 31)
			if err != nil || seconds == 0 {
				return p, fmt.Errorf("kernel command line: reader.report=%q is not a number of seconds", value)
			}
			p.report = time.Duration(seconds) * time.Second
		}
	}
	return p, nil
}
