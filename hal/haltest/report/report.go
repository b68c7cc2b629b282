package report

import (
	"fmt"
	"io"
	"strings"
)

// Verdict is what came of a check.
type Verdict string

// Verdicts. Only Fail makes a report fail.
const (
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
	Absent  Verdict = "absent"  // the board has no such device
	Skipped Verdict = "skipped" // the device is there and was not checked
)

// Check is one check of one device.
type Check struct {
	Device  string  `json:"device"`
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	// Detail of a failure says what was expected and what came; of an absent
	// device, what was looked for; of one that was skipped, why.
	Detail []string `json:"detail,omitempty"`
	// Remedy of a failure says what to look at.
	Remedy  string  `json:"remedy,omitempty"`
	Seconds float64 `json:"seconds"` // how long it took, hands included
}

// Report is what came of all checks of a board.
type Report struct {
	Board  string  `json:"board"`
	Serial string  `json:"serial"`
	Checks []Check `json:"checks"`
}

// Verdict is Fail when a check failed, else Pass.
func (r *Report) Verdict() Verdict {
	if r.count(Fail) > 0 {
		return Fail
	}
	return Pass
}

func (r *Report) count(v Verdict) (n int) {
	for _, c := range r.Checks {
		if c.Verdict == v {
			n++
		}
	}
	return n
}

// WriteRow writes a check as a row of a table for people, a failure with what
// was expected, what came and what to look at.
func WriteRow(w io.Writer, c Check) error {
	row := fmt.Sprintf("%-8s%-13s%-47s%8.1fs\n", c.Verdict, c.Device, c.Check, c.Seconds)
	for _, detail := range c.Detail {
		row += fmt.Sprintf("        %s\n", strings.ReplaceAll(detail, "\n", "\n        "))
	}
	if c.Verdict == Fail && c.Remedy != "" {
		row += fmt.Sprintf("        remedy: %s\n", c.Remedy)
	}
	_, err := io.WriteString(w, row)
	return err
}

// WriteSummary writes which checks failed, the count, and a last line
// "CONFORMANCE: pass" or "CONFORMANCE: fail". Why a check failed is in its row.
func (r *Report) WriteSummary(w io.Writer) error {
	for _, c := range r.Checks {
		if c.Verdict != Fail {
			continue
		}
		if _, err := fmt.Fprintf(w, "failed: %s, %s\n", c.Device, c.Check); err != nil {
			return err
		}
	}
	board := r.Board
	if r.Serial != "" {
		board += ", serial number " + r.Serial
	}
	_, err := fmt.Fprintf(w, "board %s: %d passed, %d failed, %d absent, %d skipped\nCONFORMANCE: %s\n",
		board, r.count(Pass), r.count(Fail), r.count(Absent), r.count(Skipped), r.Verdict())
	return err
}
