package client

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sourcegraph/jsonrpc2"

	"smartreader/lan/wire"
)

var (
	// ErrLost is returned when the connection broke before the answer came:
	// whether the call was carried out is unknown.
	ErrLost = errors.New("client: connection to the reader lost, outcome unknown; repeat with the same requestId")
	// ErrUnreachable is returned when no connection could be opened: nothing
	// was sent.
	ErrUnreachable = errors.New("client: reader not reachable")
	// ErrIdentity is returned when what answered is not the reader asked for.
	ErrIdentity = errors.New("client: not the expected reader")
	// ErrProtocol is returned when the reader does not speak wire.Protocol.
	ErrProtocol = errors.New("client: reader does not speak " + wire.Protocol)
	// ErrOptions is returned when Options are incomplete or contradict.
	ErrOptions = errors.New("client: options")
)

// callError turns what jsonrpc2 returns into the three ways a call can end.
func callError(method string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := wire.AsError(err); ok {
		return e // refused before it was sent
	}
	if answered, ok := errors.AsType[*jsonrpc2.Error](err); ok {
		e := new(wire.Error)
		if answered.Data == nil || json.Unmarshal(*answered.Data, e) != nil || e.Code == "" {
			e = wire.NewError(wire.CodeGenericReaderError, answered.Message)
		}
		return e
	}
	// Everything else, a canceled context included, leaves open what the reader did.
	return fmt.Errorf("%w: %s: %w", ErrLost, method, err)
}
