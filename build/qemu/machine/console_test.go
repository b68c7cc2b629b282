package machine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestConsole(t *testing.T) {
	var file strings.Builder
	c := newConsole(&file)
	fmt.Fprint(c, "boot: one\r\nboot: t")
	fmt.Fprint(c, "wo\r\n")
	line, err := c.Await(t.Context(), "two")
	if err != nil || line != "boot: two" {
		t.Errorf("got %q, %v", line, err)
	}
	if file.String() != "boot: one\r\nboot: two\r\n" {
		t.Errorf("the file has %q", &file)
	}
	found := make(chan string)
	go func() { line, _ := c.Await(t.Context(), "three"); found <- line }()
	fmt.Fprint(c, "boot: three\n")
	if line := <-found; line != "boot: three" {
		t.Errorf("got %q", line)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Await(ctx, "four"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	fmt.Fprint(c, "panic")
	c.end()
	if _, err := c.Await(t.Context(), "four"); !errors.Is(err, ErrOff) || !strings.Contains(err.Error(), "panic") {
		t.Errorf("got %v, want the last lines", err)
	}
}

// A machine that talks for weeks does not fill the memory, and who follows
// misses nothing that is still there.
func TestConsoleForgets(t *testing.T) {
	c := newConsole(nil)
	for n := range 3 * keptLines {
		fmt.Fprintf(c, "line %d\n", n)
	}
	fmt.Fprint(c, strings.Repeat("x", 1<<16))
	if len(c.lines) > keptLines || len(c.partial) > 4096 {
		t.Errorf("%d lines, %d bytes", len(c.lines), len(c.partial))
	}
	last := fmt.Sprintf("line %d", 3*keptLines-1)
	if line, err := c.Await(t.Context(), last); err != nil || line != last {
		t.Errorf("got %q, %v", line, err)
	}
}
