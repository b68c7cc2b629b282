package lan_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/lan"
	"smartreader/lan/client"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

func TestPOSProvidesTokens(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1", "pst_2"), nil)
	if _, err := b.Server.FetchConnectionToken(t.Context(), "pos_1", wire.TokenForConnect); !errors.Is(err, lan.ErrNoProvider) {
		t.Fatalf("nobody connected: %v", err)
	}
	pos := b.POS(t, "pos_1")
	told := make(chan wire.Event, 10)
	pos.OnEvent = func(e wire.Event) error { told <- e; return nil }
	var fails error
	pos.ConnectionToken = func(_ context.Context, reason string) (string, error) { return "pst_for_" + reason, fails }
	c := connect(t, pos, client.ConnectOptions{ConnectionToken: "pst_1"})
	if holder, provides := b.Server.Holder(); holder != "pos_1" || !provides {
		t.Fatalf("%s, %t", holder, provides)
	}
	for _, reason := range []string{wire.TokenForConnect, wire.TokenForForwarding} {
		if token, err := b.Server.FetchConnectionToken(t.Context(), "pos_1", reason); err != nil || token != "pst_for_"+reason {
			t.Fatalf("%s: %q, %v", reason, token, err)
		}
	}
	if _, err := b.Server.FetchConnectionToken(t.Context(), "pos_1", "fun"); !errors.Is(err, wire.CodeInvalidRequiredParameter) {
		t.Fatalf("unknown reason: %v", err)
	}
	fails = errors.New("backend\nsays no " + strings.Repeat("x", 5000))
	for reason, want := range map[string]struct {
		code   wire.Code
		native int
	}{wire.TokenForConnect: {wire.CodeConnectionTokenError, 9050}, wire.TokenForForwarding: {wire.CodeTokenErrorForwarding, 9051}} {
		_, err := b.Server.FetchConnectionToken(t.Context(), "pos_1", reason)
		if e := wantCode(t, err, want.code); e.NativeErrorCode != want.native || !strings.Contains(e.Message, `backend\nsays no`) || len(e.Message) > 1000 {
			t.Fatalf("%s: %+v", reason, e)
		}
	}
	// The newest credential is kept, whether or not anybody listens.
	renewed := &wire.Credential{Payload: []byte("new"), Signature: []byte("s")}
	b.Server.Tell("pos_2", wire.Event{Type: wire.EventCredentialRenewed, Credential: &wire.Credential{Payload: []byte("other")}})
	b.Server.Tell("pos_1", wire.Event{Type: wire.EventCredentialRenewed, Credential: renewed, ExpiresAtMs: 7})
	if e := <-told; e.Type != wire.EventCredentialRenewed || string(e.Credential.Payload) != "new" {
		t.Fatalf("%+v", e)
	}
	if kept, at := c.Credential(); kept == nil || string(kept.Payload) != "new" || at != 7 {
		t.Fatalf("%+v until %d", kept, at)
	}

	// Another POS takes the reader: neither is asked, the new one has no provider.
	connect(t, b.POS(t, "pos_2"), client.ConnectOptions{ConnectionToken: "pst_2"})
	for _, pos := range []string{"pos_1", "pos_2", ""} {
		if _, err := b.Server.FetchConnectionToken(t.Context(), pos, wire.TokenForConnect); !errors.Is(err, lan.ErrNoProvider) {
			t.Fatalf("%s: %v", pos, err)
		}
	}
	if holder, provides := b.Server.Holder(); holder != "pos_2" || provides {
		t.Fatalf("%s, %t", holder, provides)
	}
}

// providing is a raw POS that says it provides tokens.
func providing(t *testing.T, r *raw, pos, token string) {
	t.Helper()
	p := signed(t, r.hello(pos), pos, token, lantest.NewKey(t))
	p.ProvidesTokens = true
	if reply := r.call(wire.MethodConnectReader, p); reply.Error != nil {
		t.Fatalf("%+v", reply.Error)
	}
}

// asked is the next request of the reader.
func (r *raw) asked() json.RawMessage {
	r.t.Helper()
	for {
		m, err := r.next()
		if err != nil {
			r.t.Fatal(err)
		}
		if m.Method == wire.MethodFetchConnectionToken {
			return m.ID
		}
	}
}

// Whatever a POS answers, it is a token or a typed error, and the connection
// goes on.
func TestHostileTokenAnswers(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), func(o *lan.Options) { o.Limits.Bad = 1000 })
	r := openRaw(t, b)
	providing(t, r, "pos_1", "pst_1")
	for _, test := range []struct {
		answer string
		native int
		token  string
	}{
		{`"result":{"connectionToken":"pst_2"}`, 0, "pst_2"},
		{`"result":{"connectionToken":"pst_3","more":[1]}`, 0, "pst_3"},
		{`"result":{}`, 1511, ""},
		{`"result":null`, 1511, ""},
		{`"result":"pst_2"`, 1511, ""},
		{`"result":["pst_2"]`, 1511, ""},
		{`"result":7`, 1511, ""},
		{`"result":{"connectionToken":7}`, 1511, ""},
		{`"result":{"connectionToken":"a b"}`, 1511, ""},
		{`"result":{"connectionToken":"` + strings.Repeat("x", 501) + `"}`, 1511, ""},
		{`"result":{"connectionToken":"` + strings.Repeat("x", 60_000) + `"}`, 1511, ""},
		{`"error":{"code":-1,"message":"` + strings.Repeat("\\u0000", 9_000) + `"}`, 9051, ""},
		{`"error":{"code":-1,"message":"no"},"result":{"connectionToken":"pst_2"}`, 9051, ""},
	} {
		type got struct {
			token string
			err   error
		}
		answered := make(chan got, 1)
		go func() {
			token, err := b.Server.FetchConnectionToken(t.Context(), "pos_1", wire.TokenForForwarding)
			answered <- got{token, err}
		}()
		id := r.asked()
		r.send(`{"jsonrpc":"2.0","id":` + string(id) + `,` + test.answer + `}`)
		g := <-answered
		if g.token != test.token {
			t.Errorf("%.60s: token %q", test.answer, g.token)
		}
		if test.native != 0 {
			e := wantCode(t, g.err, wire.CodeTokenErrorForwarding)
			if e.NativeErrorCode != test.native || len(e.Message) > 6*600 {
				t.Errorf("%.60s: %d, %d characters", test.answer, e.NativeErrorCode, len(e.Message))
			}
		}
		// Answers nobody asked for, and second ones, change nothing.
		r.send(`{"jsonrpc":"2.0","id":` + string(id) + `,"result":{"connectionToken":"pst_late"}}`)
		r.send(`{"jsonrpc":"2.0","id":4711,"result":{"connectionToken":"pst_stray"}}`)
	}
	if reply := r.call(wire.MethodGetReader, nil); reply.Error != nil {
		t.Fatalf("%+v", reply.Error)
	}
}

// An answer over the message limit ends the connection, and the question.
func TestHugeTokenAnswerEndsTheConnection(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	r := openRaw(t, b)
	providing(t, r, "pos_1", "pst_1")
	ended := make(chan error, 1)
	go func() {
		_, err := b.Server.FetchConnectionToken(t.Context(), "pos_1", wire.TokenForConnect)
		ended <- err
	}()
	id := r.asked()
	r.send(`{"jsonrpc":"2.0","id":` + string(id) + `,"result":{"connectionToken":"` + strings.Repeat("x", wire.MaxMessage) + `"}}`)
	if err := <-ended; !errors.Is(err, lan.ErrNoProvider) {
		t.Fatal(err)
	}
}

func TestTokenThatNeverComes(t *testing.T) {
	timed(t, func() *lantest.Reader { return lantest.NewReader("pst_1") }, func(t *testing.T, b *lantest.Bench, p *pipes) {
		pos := p.pos(t, b, "pos_1")
		hang := true
		pos.ConnectionToken = func(ctx context.Context, _ string) (string, error) {
			if hang {
				<-t.Context().Done() // not even when ctx ends
			}
			return "pst_2", nil
		}
		raw := p.raw(t, b)
		providing(t, raw, "pos_1", "pst_1")
		go func() { // it goes on reading, and answers nothing
			for {
				if _, err := raw.next(); err != nil {
					return
				}
			}
		}()
		for range 10 {
			start := time.Now()
			_, err := b.Server.FetchConnectionToken(t.Context(), "pos_1", wire.TokenForConnect)
			if e := wantCode(t, err, wire.CodeRequestTimedOut); e.NativeErrorCode != 9052 || time.Since(start) != time.Minute {
				t.Fatalf("%+v after %v", e, time.Since(start))
			}
		}
		if _, err := b.Server.FetchConnectionToken(t.Context(), "pos_1", wire.TokenForConnect); !errors.Is(err, lan.ErrNoProvider) {
			t.Fatalf("asked for ever: %v", err)
		}
		raw.ws.Close()
		synctest.Wait()

		// The caller may give up sooner.
		b.Reader.AddToken("pst_3")
		hang = false
		connect(t, pos, client.ConnectOptions{ConnectionToken: "pst_3"}).Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Server.FetchConnectionToken(ctx, "pos_1", wire.TokenForConnect); err == nil {
			t.Fatal("no error")
		}
	})
}

// One token is fetched at a time, and the POS's own failure to answer ends with
// its connection.
func TestClientAnswersOneRequestAtATime(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1"), nil)
	pos := b.POS(t, "pos_1")
	begun := make(chan struct{}, 10)
	pos.ConnectionToken = func(ctx context.Context, _ string) (string, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return "", ctx.Err()
	}
	c := connect(t, pos, client.ConnectOptions{ConnectionToken: "pst_1"})
	first := make(chan error, 1)
	go func() {
		_, err := b.Server.FetchConnectionToken(t.Context(), "pos_1", wire.TokenForConnect)
		first <- err
	}()
	<-begun
	_, err := b.Server.FetchConnectionToken(t.Context(), "pos_1", wire.TokenForConnect)
	if e := wantCode(t, err, wire.CodeConnectionTokenError); !strings.Contains(e.Message, "another connection token") {
		t.Fatal(err)
	}
	c.Close()
	if err := <-first; err == nil {
		t.Fatal("a token from a connection that is closed")
	}
}

func FuzzTokenAnswer(f *testing.F) {
	for _, s := range []string{`{"connectionToken":"pst_1"}`, `{}`, `null`, `"x"`, `{"connectionToken":null}`, "", `{"connectionToken":"\u0000"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		token, ok := lan.TokenIn(answer)
		if ok != (token != "") || len(token) > 500 || strings.ContainsAny(token, " \n\x00") {
			t.Fatalf("%q, %t", token, ok)
		}
		if ok {
			again, err := json.Marshal(wire.FetchConnectionTokenResult{ConnectionToken: token})
			if err != nil {
				t.Fatal(err)
			}
			if same, ok := lan.TokenIn(again); !ok || same != token {
				t.Fatal(fmt.Sprint(same))
			}
		}
	})
}
