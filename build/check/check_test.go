package main

import (
	"context"
	"debug/elf"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func ok(remark string) func(context.Context, *job) (string, error) {
	return func(context.Context, *job) (string, error) { return remark, nil }
}

func bad(text string) func(context.Context, *job) (string, error) {
	return func(context.Context, *job) (string, error) { return "", errors.New(text) }
}

func TestFailuresAreShownLastAndNothingIsSkipped(t *testing.T) {
	var out strings.Builder
	err := run(t.Context(), []step{
		{"one", "first", ok("fine")},
		{"two", "second", bad("this broke")},
		{"three", "third", ok("also fine")},
		{"four", "fourth", bad("this too")},
	}, &job{out: &out})
	if !errors.Is(err, errFailed) || !strings.Contains(err.Error(), "two, four") {
		t.Errorf("got %v, want the names of the failed steps", err)
	}
	text := out.String()
	order := []string{"one", "fine", "FAILED", "also fine", "--- two: second", "this broke", "--- four: fourth", "this too", "2 of 4 steps failed"}
	for _, want := range order {
		i := strings.Index(text, want)
		if i < 0 {
			t.Fatalf("the report lacks %q, or has it too early:\n%s", want, out.String())
		}
		text = text[i+len(want):]
	}
}

func TestAllPassed(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), []step{{"one", "first", ok("fine")}}, &job{out: &out}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "all 1 steps passed") {
		t.Errorf("report:\n%s", out.String())
	}
}

func TestInterruptStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out strings.Builder
	err := run(ctx, []step{
		{"one", "first", func(context.Context, *job) (string, error) { cancel(); return "", errors.New("killed") }},
		{"two", "second", func(context.Context, *job) (string, error) { t.Error("went on"); return "", nil }},
	}, &job{out: &out})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		want error
		text string
	}{
		{[]string{"-list"}, nil, "staticcheck"},
		{[]string{"-help"}, flag.ErrHelp, "-fuzz"},
		{[]string{"-only", "vet,nonsense"}, errUsage, `no step "nonsense"; there are gofmt, modules, vet`},
		{[]string{"-nonsense"}, errUsage, "nonsense"},
		{[]string{"test"}, errUsage, "no arguments"},
		{[]string{"-fuzz", "-1s"}, errUsage, "negative"},
	} {
		var out strings.Builder
		if err := check(t.Context(), c.args, &out); !errors.Is(err, c.want) {
			t.Errorf("%q: got %v, want %v", c.args, err, c.want)
		}
		if !strings.Contains(out.String(), c.text) {
			t.Errorf("%q prints %q, want %q in it", c.args, out.String(), c.text)
		}
	}
}

func TestChooseKeepsTheOrder(t *testing.T) {
	chosen, err := choose(steps, "test,gofmt")
	if err != nil || len(chosen) != 2 || chosen[0].name != "gofmt" || chosen[1].name != "test" {
		t.Errorf("chose %d steps, %v", len(chosen), err)
	}
}

func TestTreeChanges(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hash := func() tree {
		t.Helper()
		h, err := hashTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	write("same", "1")
	write("sub/changed", "1")
	write("gone", "1")
	before := hash()
	if c := before.changes(hash()); len(c) > 0 {
		t.Errorf("nothing changed, and yet: %q", c)
	}
	write("sub/changed", "2")
	write("new", "1")
	write(".git/index", "1")
	write("out/reader", "1")
	if err := os.Remove(filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	want := []string{"changed  sub/changed", "gone     gone", "new      new"}
	if got := before.changes(hash()); !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
}

func TestParseTargets(t *testing.T) {
	out := "FuzzA\nFuzzB\nok  \tsmartreader/lan/wire\t0.004s\n?   \tsmartreader/hal\t[no test files]\nok  \tsmartreader/store\t0.1s\nFuzzC\nok  \tsmartreader/display\t0.004s\n"
	want := []target{{"smartreader/lan/wire", "FuzzA"}, {"smartreader/lan/wire", "FuzzB"}, {"smartreader/display", "FuzzC"}}
	if got := parseTargets(out); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		total            time.Duration
		targets, workers int
		want             time.Duration
	}{
		{2 * time.Minute, 24, 2, 10 * time.Second},
		{2 * time.Minute, 25, 2, 9200 * time.Millisecond},
		{2 * time.Minute, 1, 8, 2 * time.Minute},
		{time.Second, 100, 2, time.Second},
	} {
		if got := share(c.total, c.targets, c.workers); got != c.want {
			t.Errorf("share(%v, %d, %d) = %v, want %v", c.total, c.targets, c.workers, got, c.want)
		}
	}
}

func TestOnlyLate(t *testing.T) {
	if !onlyLate("--- FAIL: FuzzA (10.02s)\n    context deadline exceeded\n") {
		t.Error("a late end was not recognised")
	}
	if onlyLate("context deadline exceeded\n    Failing input written to testdata/fuzz/FuzzA/1\n") {
		t.Error("a finding was taken for a late end")
	}
}

// A program that fails is reported with what it printed.
func TestCommandKeepsTheOutput(t *testing.T) {
	j := &job{root: t.TempDir()}
	_, err := j.golang(t.Context(), "nonsense")
	if err == nil || !strings.Contains(err.Error(), "$ go nonsense") || !strings.Contains(err.Error(), "unknown command") {
		t.Errorf("got %v", err)
	}
}

func TestDynamicProgramIsNoticed(t *testing.T) {
	if err := mustBeStatic(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("a program that is not there passed")
	}
	// A shell is dynamic nearly everywhere; elsewhere there is nothing to see.
	shell, err := elf.Open("/bin/sh")
	if err != nil {
		t.Skip("no ELF shell here")
	}
	defer shell.Close()
	if libraries, err := shell.ImportedLibraries(); err != nil || len(libraries) == 0 {
		t.Skip("the shell here is static")
	}
	if err := mustBeStatic("/bin/sh"); err == nil {
		t.Error("a dynamic program passed")
	}
}
