package haltest

import "context"

// T is the test a suite runs in. *testing.T is one; a report about hardware on
// a bench is another (package bench).
//
// Fatalf does not return. Suites call a T from the goroutine they were called
// on, and no other.
type T interface {
	Helper()
	Context() context.Context
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Checker is a T that wants to know which check is at work: whatever is
// reported from a call of Check to the next belongs to that check. Remedy says
// what to look at when it fails.
type Checker interface {
	T
	Check(name, remedy string)
}

// check begins a check.
func check(t T, name, remedy string) {
	t.Helper()
	if c, ok := t.(Checker); ok {
		c.Check(name, remedy)
		return
	}
	t.Logf("check: %s", name)
}
