package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRequirements(t *testing.T) {
	direct, unexplained := requirements(`module smartreader

go 1.26.0 // not a module

require (
	example.com/good v1.0.0 // we would write it again
	// a comment above is not one behind
	example.com/bare v1.0.0
	example.com/empty v1.0.0 //
	example.com/other v1.0.0 // indirect
	example.com/both v1.0.0 // indirect; for a tool
)

require example.com/single v1.0.0
require example.com/reason v1.0.0 // indirection for the clock

tool example.com/tool

exclude (
	example.com/excluded v1.0.0
)
`)
	if want := []string{"example.com/good", "example.com/bare", "example.com/empty", "example.com/single", "example.com/reason"}; !slices.Equal(direct, want) {
		t.Errorf("direct %q, want %q", direct, want)
	}
	if want := []string{"example.com/bare", "example.com/empty", "example.com/single"}; !slices.Equal(unexplained, want) {
		t.Errorf("unexplained %q, want %q", unexplained, want)
	}
}

func TestModules(t *testing.T) {
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOPROXY", "off") // nothing here may need the network
	for name, c := range map[string]struct{ gomod, broken string }{
		"good":        {"module x\n\ngo 1.26.0\n\nrequire example.com/y v1.0.0 // it has the numbers\n\nreplace example.com/y => ./y\n", ""},
		"unexplained": {"module x\n\ngo 1.26.0\n\nrequire example.com/y v1.0.0\n\nreplace example.com/y => ./y\n", "example.com/y"},
		"not tidy":    {"module x\n\ngo 1.26.0\n\nreplace example.com/y => ./y\n", "not tidy"},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "go.mod"), c.gomod)
		write(t, filepath.Join(dir, "x.go"), "package x\n\nimport _ \"example.com/y\"\n")
		write(t, filepath.Join(dir, "y", "go.mod"), "module example.com/y\n\ngo 1.26.0\n")
		write(t, filepath.Join(dir, "y", "y.go"), "package y\n")
		_, err := modules(t.Context(), &job{root: dir})
		if (err == nil) != (c.broken == "") || err != nil && !strings.Contains(err.Error(), c.broken) {
			t.Errorf("%s: got %v, want %q", name, err, c.broken)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err != nil || string(text) != c.gomod {
			t.Errorf("%s: the check changed go.mod: %v\n%s", name, err, text)
		}
	}
}

// TestTaggedCode: code behind the build tag is vetted, linted and run, not only
// compiled. A go command that writes down what it is asked to do stands in.
func TestTaggedCode(t *testing.T) {
	bin := t.TempDir()
	asked := filepath.Join(bin, "asked")
	write(t, filepath.Join(bin, "go"), "#!/bin/sh\necho \"$@\" >> "+asked+"\n")
	if err := os.Chmod(filepath.Join(bin, "go"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	for name, want := range map[string][]string{
		"vet":         {"vet ./...", "vet -tags=killpoints ./..."},
		"staticcheck": {"run " + staticcheck + " ./...", "run " + staticcheck + " -tags=killpoints ./..."},
		"test":        {"test -tags=killpoints ./store/killpoint", "test -short ./..."},
	} {
		if err := os.RemoveAll(asked); err != nil {
			t.Fatal(err)
		}
		chosen, err := choose(steps, name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := chosen[0].run(t.Context(), &job{root: bin, short: true}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(asked)
		if got := strings.Split(strings.TrimSpace(string(text)), "\n"); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s asks %q, want %q", name, got, want)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
