package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"smartreader/lan"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"pos": main}) }

// shop is what a script finds: a reader and a merchant backend.
type shop struct {
	*lantest.Bench
	backend *httptest.Server
	tokens  atomic.Int64
	offline atomic.Bool
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata", UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			s := &shop{Bench: lantest.Start(t, lantest.NewReader(), nil)}
			s.backend = httptest.NewServer(s)
			env.Defer(s.backend.Close)
			env.Values["shop"] = s
			env.Setenv("READER", s.URL)
			env.Setenv("BACKEND", s.backend.URL)
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code, "shop": control},
	})
}

// ServeHTTP is the merchant backend.
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.offline.Load():
		panic(http.ErrAbortHandler)
	case r.Header.Get("Authorization") != "Bearer "+defaultSecret:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":{"message":"Invalid API Key provided"}}`)
	case r.URL.Path == "/ca.pem":
		w.Write(s.CA.PEM())
	case r.Method == http.MethodPost && r.URL.Path == "/v1/terminal/connection_tokens" && r.Header.Get("Content-Type") == "application/x-www-form-urlencoded":
		token := fmt.Sprintf("pst_%d", s.tokens.Add(1))
		s.Reader.AddToken(token)
		fmt.Fprintf(w, `{"object":"terminal.connection_token","secret":%q}`, token)
	default:
		http.NotFound(w, r)
	}
}

// code runs a program and checks its exit code: code 2 pos pay
func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// control changes the shop: shop offline, online, decline CODE, created, stop.
func control(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value("shop").(*shop)
	switch args[0] {
	case "offline", "online":
		s.offline.Store(args[0] == "offline")
		s.Reader.SetOffline(args[0] == "offline")
	case "decline":
		s.Reader.DeclineNext(args[1])
	case "created": // a payment of another time
		_, err := s.Reader.CreatePaymentIntent(context.Background(), &lan.Caller{POSID: "pos_till"}, wire.CreatePaymentIntentParams{RequestID: "rq_create", Amount: 1250, Currency: "usd"})
		ts.Check(err)
	case "export": // two pages, with the payments of another reader
		lines := exportOf("tmr_other", waiting(1), waiting(2), waiting(3))
		s.Reader.SetExport(lines[:3], lines[3:])
	case "session":
		expires, err := time.Parse(time.DateTime, "2100-01-01 00:00:00")
		ts.Check(err)
		s.Reader.Session = time.Until(expires)
	case "stop":
		s.Stop()
	default:
		ts.Fatalf("shop %s", strings.Join(args, " "))
	}
}

// The state folder's secrets are for the user only.
func TestStateIsPrivate(t *testing.T) {
	a := &app{common: common{state: filepath.Join(t.TempDir(), "pos")}}
	key, err := a.loadKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.save(stateFile, &state{POSID: "pos_1"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{keyFile, stateFile} {
		info, err := os.Stat(filepath.Join(a.state, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	again, err := a.loadKey()
	if err != nil || !again.Equal(key) {
		t.Errorf("the key changed: %v", err)
	}
	if err := os.WriteFile(filepath.Join(a.state, keyFile), []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.loadKey(); err == nil {
		t.Error("a damaged key was replaced: the credential would be lost silently")
	}
}
