//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"smartreader/hal"
	"smartreader/hal/board"
	"smartreader/hal/haltest/report"
	"smartreader/hal/sim"
)

// simulated boards in the place of real ones.
func simulated(t *testing.T, change func(*hal.Board)) boards {
	return boards{
		open: func(name, dir string, s board.Settings, _ *slog.Logger) (*hal.Board, error) {
			if name != "sim" || s.CCID == "none such" {
				return nil, board.ErrUnknown
			}
			b, err := sim.Open(sim.Options{Dir: dir})
			if err != nil {
				return nil, err
			}
			change(b.HAL)
			return b.HAL, nil
		},
		single: func(string, *slog.Logger) (*hal.Board, error) {
			b, err := sim.Open(sim.Options{Dir: t.TempDir()})
			if err != nil {
				return nil, err
			}
			return &hal.Board{Screen: b.HAL.Screen, Close: b.HAL.Close}, nil
		},
	}
}

func same(*hal.Board) {}

func TestGoodBoard(t *testing.T) { synctest.Test(t, goodBoard) }

func goodBoard(t *testing.T) {
	var out, log strings.Builder
	err := conformance(t.Context(), []string{"-board", "sim", "-unattended"}, false, simulated(t, same), &out, &log)
	if err != nil {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{
		"\npass    screen", "\npass    keys", "\nskipped contact", "\nskipped pinpad", "nobody is there",
		"\npass    board        closing ends calls", "serial number SIM-0001",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if !strings.HasSuffix(out.String(), "\nCONFORMANCE: pass\n") {
		t.Error("the last line is another one")
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestBadBoard(t *testing.T) { synctest.Test(t, badBoard) }

func badBoard(t *testing.T) {
	spoil := func(b *hal.Board) { b.Watchdog = deadDog{} }
	var out, log strings.Builder
	err := conformance(t.Context(), []string{"-board", "sim", "-only", "watchdog"}, false, simulated(t, spoil), &out, &log)
	if !errors.Is(err, errFailed) {
		t.Errorf("got %v, want errFailed", err)
	}
	for _, want := range []string{"\nfail    watchdog", "Kick: got no dog, want nil", "remedy: load the kernel's watchdog driver", "\nfailed: watchdog, ", "\nCONFORMANCE: fail\n"} {
		if n := strings.Count(out.String(), want); n != 1 {
			t.Errorf("the report has %d times %q, want once\n%s", n, want, &out)
		}
	}
}

type deadDog struct{}

func (deadDog) Kick() error { return errors.New("no dog") }

func TestJSONIsAlone(t *testing.T) { synctest.Test(t, jSONIsAlone) }

func jSONIsAlone(t *testing.T) {
	var out bytes.Buffer
	var people strings.Builder
	err := conformance(t.Context(), []string{"-device", "fb=/dev/fb0", "-json"}, false, simulated(t, same), &out, &people)
	if err != nil {
		t.Errorf("got %v", err)
	}
	var r report.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || len(r.Checks) == 0 || r.Checks[0].Device != "screen" {
		t.Errorf("%v: %s", err, &out)
	}
	if !strings.Contains(people.String(), "CONFORMANCE: pass") || strings.Contains(people.String(), "absent  ") {
		t.Errorf("for people:\n%s", &people)
	}
}

func TestWorker(t *testing.T) { synctest.Test(t, worker) }

// As a worker it is started like the reader, touches nothing of the reader's,
// and stays until it is stopped.
func worker(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(filepath.Join(data, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "reader.json")
	config, err := json.Marshal(map[string]any{"board": "sim", "dataDir": data, "listen": ":4443", "devices": map[string]string{"ccid": ""}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	kicked := make(chan struct{}, 1)
	out := &lines{last: "CONFORMANCE: pass\n", seen: make(chan struct{})}
	spoil := func(b *hal.Board) { b.Watchdog = dog{kicked} }
	ended := make(chan error, 1)
	go func() {
		ended <- conformance(ctx, []string{"-config", file, "-only", "screen"}, true, simulated(t, spoil), out, os.Stderr)
	}()
	<-out.seen
	<-kicked
	select {
	case err := <-ended:
		t.Errorf("the worker ended by itself: %v", err)
	default:
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("got %v", err)
	}
	left, err := os.ReadDir(data)
	if err != nil || len(left) != 1 {
		t.Errorf("left in the data folder: %v, %v", left, err)
	}
}

// lines tells when a line was written.
type lines struct {
	text strings.Builder
	last string
	seen chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.text.Write(p)
	if strings.HasSuffix(l.text.String(), l.last) {
		close(l.seen)
	}
	return len(p), nil
}

type dog struct{ kicked chan struct{} }

func (d dog) Kick() error {
	select {
	case d.kicked <- struct{}{}:
	default:
	}
	return nil
}

func TestUsage(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.json")
	for _, c := range []struct {
		args string
		want error
	}{
		{"", errUsage},
		{"-board sim -device ccid", errUsage},
		{"-board sim -frobnicate", errUsage},
		{"-board sim extra", errUsage},
		{"-board sim -keys 5", errUsage},
		{"-board sim -keys 5,any", errUsage},
		{"-help", flag.ErrHelp},
		{"-config " + missing, os.ErrNotExist},
		{"-board toaster", board.ErrUnknown},
	} {
		var out, log strings.Builder
		err := conformance(t.Context(), strings.Fields(c.args), false, simulated(t, same), &out, &log)
		if !errors.Is(err, c.want) {
			t.Errorf("%q: got %v, want %v", c.args, err, c.want)
		}
	}
	if err := conformance(t.Context(), []string{"-board", "sim", "-only", "toaster"}, false, simulated(t, same), &bytes.Buffer{}, &bytes.Buffer{}); err == nil {
		t.Error("a device nobody knows was accepted")
	}
}

func TestConfigIsChecked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "reader.json")
	for text, want := range map[string]string{
		"{}": "board is empty", "{": "unexpected EOF", `{"board":7}`: "board", `{"board":"desk"} {}`: "something after",
		`{"board":"desk","device":{}}`: `"device"`, `{"board":"desk","devices":{"cid":""}}`: `"cid"`, `{"board":"desk","softPinPad":true}`: `"softPinPad"`,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := new(options).load(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error about %s", text, err, want)
		}
	}
	if err := os.WriteFile(file, []byte("\ufeff{\"board\":\"desk\",\"logLevel\":\"WARN\"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := new(options); o.load(file) != nil || o.board != "desk" {
		t.Errorf("a good file: board %q", o.board)
	}
}

// The settings that a reader has are those that the tool knows.
func TestSettingsAreTheReaders(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../firmware/config.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var theirs, ours []string
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.TypeSpec); ok && s.Name.Name == "Config" {
			for _, f := range s.Type.(*ast.StructType).Fields.List {
				theirs = append(theirs, reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"))
			}
		}
		return true
	})
	for i := range reflect.TypeFor[config]().NumField() {
		ours = append(ours, reflect.TypeFor[config]().Field(i).Tag.Get("json"))
	}
	slices.Sort(theirs)
	slices.Sort(ours)
	if len(theirs) == 0 || !slices.Equal(theirs, ours) {
		t.Errorf("the reader has %q, the tool knows %q: add what is missing to config", theirs, ours)
	}
}
