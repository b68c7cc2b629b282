package bench

import (
	"strconv"
	"time"
)

// fault is a request to the platform's switchboard (build/sandbox).
type fault struct {
	path string // below platform/
	body map[string]any
}

// parseFault understands what follows the word fault on the command line.
func parseFault(args []string) (fault, error) {
	name, values := args[0], args[1:]
	form, ok := faultForms[name]
	if !ok {
		return fault{}, Usagef("there is no fault %q; it is: %s", name, commandForms["fault"])
	}
	if len(values) < form.required || len(values) > len(form.values) {
		return fault{}, Usagef("it is: fault %s", form.usage)
	}
	f := fault{path: form.path, body: map[string]any{}}
	for i, text := range values {
		value, err := form.values[i].parse(text)
		if err != nil {
			return fault{}, Usagef("fault %s: %w; it is: fault %s", name, err, form.usage)
		}
		f.body[form.values[i].member] = value
	}
	if lower, ok := f.body["minMs"].(int64); ok && lower > f.body["maxMs"].(int64) {
		return fault{}, Usagef("fault %s: %s is more than %s; it is: fault %s", name, values[0], values[1], form.usage)
	}
	return f, nil
}

// faultForm is how a fault is written on the command line.
type faultForm struct {
	usage    string
	path     string
	required int // so many of values must be given
	values   []faultValue
}

// faultValue is one value of a fault and its member in the body.
type faultValue struct {
	member string
	parse  func(string) (any, error)
}

var faultForms = map[string]faultForm{
	"latency":           {"latency MIN MAX, as in: latency 200ms 2s", "faults/latency", 2, []faultValue{{"minMs", duration}, {"maxMs", duration}}},
	"http":              {"http STATUS [TIMES]", "faults/http", 1, []faultValue{{"status", count}, {"count", count}}},
	"rate-limit":        {"rate-limit SECONDS [TIMES]", "faults/rate_limit", 1, []faultValue{{"retryAfterSeconds", count}, {"count", count}}},
	"reset":             {"reset [TIMES]", "faults/reset", 0, []faultValue{{"count", count}}},
	"lose-next-answer":  {"lose-next-answer [TIMES]", "faults/lose_answer", 0, []faultValue{{"count", count}}},
	"wrong-certificate": {"wrong-certificate on|off", "faults/wrong_certificate", 1, []faultValue{{"on", onOff}}},
	"captive-portal":    {"captive-portal on|off [html|redirect|plain]", "faults/captive_portal", 1, []faultValue{{"on", onOff}, {"kind", word}}},
	"forget-keys":       {"forget-keys", "faults/forget_keys", 0, nil},
	"clock":             {"clock OFFSET, as in: clock -24h", "faults/clock", 1, []faultValue{{"offsetMs", duration}}},
	"clear":             {"clear", "faults/clear", 0, nil},
}

// duration reads 1.5s, 200ms or plain milliseconds, into milliseconds.
func duration(s string) (any, error) {
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return ms, nil
	}
	d, err := time.ParseDuration(s)
	return d.Milliseconds(), err
}

func word(s string) (any, error) { return s, nil }

func count(s string) (any, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	return n, err
}

func onOff(s string) (any, error) {
	switch s {
	case "on", "off":
		return s == "on", nil
	}
	return nil, Usagef("%q is neither on nor off", s)
}
