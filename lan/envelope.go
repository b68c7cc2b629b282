package lan

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/sourcegraph/jsonrpc2"

	"smartreader/lan/wire"
)

// maxID bounds a request's id, which is echoed.
const maxID = 64

// checkEnvelope decides whether data is one JSON-RPC 2.0 request or response
// that jsonrpc2 will understand. Otherwise it returns the error to answer with
// and the id to answer to, if there is one.
func checkEnvelope(data []byte) (id json.RawMessage, refused *wire.Error) {
	data = bytes.TrimSpace(data)
	bad := func(message string) *wire.Error { return wire.NewError(wire.CodeInvalidMessage, message) }
	switch {
	case len(data) == 0:
		return nil, bad("the message is empty or not text")
	case !utf8.Valid(data):
		return nil, bad("the message is not UTF-8")
	case data[0] == '[':
		return nil, bad("batches are not supported")
	case wire.CheckDepth(data) != nil:
		return nil, bad("the message is nested too deeply")
	}
	var m struct {
		JSONRPC json.RawMessage `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Method  json.RawMessage `json:"method"`
		Result  json.RawMessage `json:"result"`
		Error   json.RawMessage `json:"error"`
	}
	if data[0] != '{' || json.Unmarshal(data, &m) != nil {
		return nil, bad("the message is not a JSON object")
	}
	if !validID(m.ID) {
		return nil, bad("id must be a string of at most 64 characters or a whole number from 0 on; every request is answered")
	}
	id = m.ID
	if string(m.JSONRPC) != `"2.0"` {
		return id, bad(`jsonrpc must be "2.0"`)
	}
	if m.Method == nil {
		if m.Result == nil && m.Error == nil {
			return id, bad("method is missing")
		}
		return id, nil
	}
	var method string
	if json.Unmarshal(m.Method, &method) != nil || m.Result != nil || m.Error != nil {
		return id, bad("method must be a string, and a request has no result or error")
	}
	return id, nil
}

// validID accepts what can be echoed exactly: no fractions, no signs, no null.
func validID(raw json.RawMessage) bool {
	if len(raw) == 0 || len(raw) > maxID+2 {
		return false
	}
	if raw[0] == '"' {
		var s string
		return json.Unmarshal(raw, &s) == nil
	}
	var n int64
	return raw[0] != '-' && json.Unmarshal(raw, &n) == nil && string(raw) != "null"
}

// rpcError gives an error its JSON-RPC form.
func rpcError(err error) *jsonrpc2.Error {
	e, ok := wire.AsError(err)
	if !ok {
		e = wire.NewError(wire.CodeGenericReaderError, "")
	}
	r := &jsonrpc2.Error{Code: wire.RPCRefused, Message: e.Message}
	switch e.Code {
	case wire.CodeInvalidMessage, wire.CodeMessageTooLarge:
		r.Code = wire.RPCInvalidRequest
	case wire.CodeUnknownMethod:
		r.Code = wire.RPCMethodNotFound
	case wire.CodeInvalidRequiredParameter, wire.CodeInvalidTipParameter, wire.CodeInputsInvalidParameter:
		r.Code = wire.RPCInvalidParams
	case wire.CodeGenericReaderError:
		r.Code = wire.RPCInternalError
	}
	r.SetError(e)
	return r
}

// public is the error a POS may see: internal texts stay in the log.
func public(err error) *wire.Error {
	if e, ok := wire.AsError(err); ok {
		return e
	}
	if errors.Is(err, errClosed) {
		return wire.NewError(wire.CodeReaderCommunicationError, "")
	}
	return wire.NewError(wire.CodeGenericReaderError, "")
}
