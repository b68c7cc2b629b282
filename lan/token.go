package lan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sourcegraph/jsonrpc2"

	"smartreader/lan/wire"
)

// ErrNoProvider is returned by FetchConnectionToken when the POS does not
// provide tokens, does not hold the reader, or is not connected.
var ErrNoProvider = errors.New("lan: no POS is connected that provides connection tokens")

// Numbers of a token provider's failures, as in the SDKs.
const (
	nativeNothing           = 1510 // the POS answered without a token
	nativeNothingForwarding = 1511
	nativeProviderError     = 9050 // the POS answered with an error
	nativeErrorForwarding   = 9051
	nativeProviderSlow      = 9052
)

// maxSilent is how many requests in a row a POS may leave unanswered before it
// is not asked again until it connects anew.
const maxSilent = 10

// Holder says which POS holds the reader, "" for none, and whether it is
// connected and provides connection tokens.
func (s *Server) Holder() (posID string, provides bool) {
	posID = s.lease.view("").POSID
	return posID, posID != "" && s.provider(posID) != nil
}

// provider is the newest connection of a POS that provides tokens, nil if there
// is none.
func (s *Server) provider(posID string) *conn {
	var newest *conn
	var term uint64
	for _, c := range s.connections() {
		c.mu.Lock()
		ok, at := c.pos == posID && c.connected && c.provides, c.term
		c.mu.Unlock()
		if ok && at > term && c.silent.Load() < maxSilent {
			newest, term = c, at
		}
	}
	return newest
}

// FetchConnectionToken asks the POS that holds the reader for a connection token
// of its backend; reason is wire.TokenForConnect or wire.TokenForForwarding. It
// waits for Limits.Token at most. A POS may answer late, wrong or never; the
// errors are:
//
//   - ErrNoProvider, also when the connection was lost meanwhile
//   - REQUEST_TIMED_OUT (9052): no answer in time
//   - CONNECTION_TOKEN_PROVIDER_ERROR, for forwarding
//     CONNECTION_TOKEN_PROVIDER_ERROR_WHILE_FORWARDING: the POS answered with an
//     error (9050, 9051) or without a token that can be one (1510, 1511)
//   - ctx's error
func (s *Server) FetchConnectionToken(ctx context.Context, posID, reason string) (token string, err error) {
	params := &wire.FetchConnectionTokenParams{Reason: reason}
	if err := params.Validate(); err != nil {
		return "", err
	}
	if posID == "" || s.lease.view("").POSID != posID {
		return "", ErrNoProvider
	}
	c := s.provider(posID)
	if c == nil {
		return "", ErrNoProvider
	}
	limit, cancel := context.WithTimeout(ctx, s.limits.Token)
	defer cancel()
	var answer json.RawMessage
	err = c.rpc.Call(limit, wire.MethodFetchConnectionToken, params, &answer)
	refused, answered := errors.AsType[*jsonrpc2.Error](err)
	switch {
	case err == nil, answered:
		c.silent.Store(0)
	case ctx.Err() != nil:
		return "", ctx.Err()
	case limit.Err() != nil:
		c.silent.Add(1)
		return "", wire.Errorf(wire.CodeRequestTimedOut, "the POS gave no connection token within %v", s.limits.Token).
			WithNative(nativeProviderSlow).WithRemedy("see to the POS's token provider and its backend")
	default:
		return "", fmt.Errorf("%w: %w", ErrNoProvider, err)
	}
	if answered {
		return "", tokenError(reason, nativeProviderError, nativeErrorForwarding,
			fmt.Sprintf("the POS's token provider failed: %q", cut(refused.Message, keptText)))
	}
	token, ok := tokenIn(answer)
	if !ok {
		return "", tokenError(reason, nativeNothing, nativeNothingForwarding, "the POS answered without a connection token")
	}
	return token, nil
}

func tokenError(reason string, native, forwarding int, message string) *wire.Error {
	if reason == wire.TokenForForwarding {
		return wire.NewError(wire.CodeTokenErrorForwarding, message).WithNative(forwarding)
	}
	return wire.NewError(wire.CodeConnectionTokenError, message).WithNative(native).
		WithRemedy("see to the POS's token provider and its backend")
}

// tokenIn reads a POS's answer, which may be anything.
func tokenIn(answer []byte) (token string, ok bool) {
	var r wire.FetchConnectionTokenResult
	if answer = bytes.TrimSpace(answer); len(answer) == 0 || answer[0] != '{' || json.Unmarshal(answer, &r) != nil || r.Validate() != nil {
		return "", false
	}
	return r.ConnectionToken, true
}
