package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// What became of a payment. The first three are the platform's verdicts and final.
const (
	statusApproved = "approved"
	statusDeclined = "declined" // by the issuer
	statusFailed   = "failed"   // refused for ever
	statusRefused  = "refused"  // the request was; another try may do better
	statusUnknown  = "unknown"
)

// outcome is a line of the result file: what became of one payment.
type outcome struct {
	LocalID       string `json:"localId"`
	NaturalKey    string `json:"naturalKey"`
	Status        string `json:"status"`
	Code          string `json:"code,omitempty"`
	DeclineCode   string `json:"declineCode,omitempty"`
	Message       string `json:"message,omitempty"`
	ChargeID      string `json:"chargeId,omitempty"`
	PaymentIntent string `json:"paymentIntent,omitempty"`
	Reversed      bool   `json:"reversed,omitempty"`
	At            string `json:"at"` // UTC, RFC 3339
}

func (o *outcome) fill(v verdict) {
	o.Status, o.Code, o.DeclineCode, o.Message, o.ChargeID, o.Reversed = v.Status, v.Code, v.DeclineCode, v.Message, v.ChargeID, v.Reversed
	if v.Intent != nil {
		o.PaymentIntent = v.Intent.ID
	}
}

func (o *outcome) words() string {
	details := strings.Join(strings.Fields(strings.Join([]string{o.Code, o.DeclineCode, o.ChargeID, o.PaymentIntent, o.Message}, " ")), " ")
	status := o.Status
	if o.Reversed {
		status += " and reversed"
	}
	if o.Status == statusUnknown {
		status = "not known, run it again"
	}
	if details == "" {
		return status
	}
	return status + " (" + details + ")"
}

// results is the file that remembers what became of each payment: one JSON object
// per line, the last one of a natural key counts.
type results struct {
	file *os.File
	past map[string]outcome
}

func openResults(name string) (*results, error) {
	r := &results{past: map[string]outcome{}}
	content, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, usage("%v", err)
	}
	whole := bytes.LastIndexByte(content, '\n') + 1 // a line cut short by a power cut is tried again
	lines := bufio.NewScanner(bytes.NewReader(content[:whole]))
	lines.Buffer(nil, maxAnswer)
	for n := 1; lines.Scan(); n++ {
		var o outcome
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil || o.NaturalKey == "" {
			return nil, usage("%s, line %d: not a result of this command; move the file away to begin anew", name, n)
		}
		r.past[o.NaturalKey] = o
	}
	if err := lines.Err(); err != nil {
		return nil, usage("%s: %v", name, err)
	}
	if r.file, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600); err != nil {
		return nil, usage("%v", err)
	}
	_, err = r.file.Seek(int64(whole), 0)
	if err = cmp.Or(r.file.Truncate(int64(whole)), err); err != nil {
		return nil, errors.Join(usage("%v", err), r.file.Close())
	}
	return r, nil
}

// ended returns a final outcome from an earlier run.
func (r *results) ended(naturalKey string) (outcome, bool) {
	o, ok := r.past[naturalKey]
	return o, ok && (o.Status == statusApproved || o.Status == statusDeclined || o.Status == statusFailed)
}

// add puts an outcome on disk.
func (r *results) add(o outcome) error {
	line, err := json.Marshal(o)
	if err == nil {
		_, err = r.file.Write(append(line, '\n'))
	}
	if err == nil {
		err = r.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("noting the result: %w", err)
	}
	r.past[o.NaturalKey] = o
	return nil
}

func (r *results) close() { r.file.Close() }
