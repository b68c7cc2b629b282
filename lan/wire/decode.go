package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// ErrDepth is returned when a message nests deeper than MaxDepth.
var ErrDepth = errors.New("wire: message is nested too deeply")

// Params is implemented by every params type.
type Params interface {
	// Validate returns nil or an *Error that names the member and the remedy.
	Validate() error
}

// DecodeParams decodes data into params and validates it. Absent params are an
// empty object. A failure is always an *Error with CodeInvalidRequiredParameter
// or the code Validate chose.
func DecodeParams(data []byte, params Params) error {
	if data = bytes.TrimSpace(data); len(data) == 0 || string(data) == "null" {
		data = []byte("{}")
	}
	if data[0] != '{' {
		return invalid("params", "must be an object with named members")
	}
	if err := json.Unmarshal(data, params); err != nil {
		var mistyped *json.UnmarshalTypeError
		if errors.As(err, &mistyped) {
			return invalid(member(mistyped.Field), "must be "+want(mistyped.Type)+", not a "+mistyped.Value)
		}
		return invalid("params", "must be valid JSON")
	}
	return params.Validate()
}

// member is a path of members without the names of embedded Go types in it.
func member(path string) string {
	names := strings.Split(path, ".")
	return strings.Join(slices.DeleteFunc(names, func(n string) bool { return n != "" && n[0] >= 'A' && n[0] <= 'Z' }), ".")
}

// want describes a Go type in JSON words.
func want(t reflect.Type) string {
	if t == reflect.TypeFor[Bytes]() {
		return "a base64 string"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Uint64:
		return "a whole number from 0 on"
	case reflect.Slice:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Pointer:
		return want(t.Elem())
	}
	return "a " + t.String()
}

func invalid(field, problem string) *Error {
	if field == "" {
		field = "params"
	}
	return Errorf(CodeInvalidRequiredParameter, "%s %s", field, problem).WithRemedy(fmt.Sprintf("correct %s and send the call again", field))
}

// CheckDepth returns ErrDepth when data nests deeper than MaxDepth. It looks at
// brackets outside strings only and so also bounds the work of a decoder on
// data that is not JSON at all.
func CheckDepth(data []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return ErrDepth
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// NewParams returns an empty params value for a method a POS can call, nil for an
// unknown one.
func NewParams(method string) Params {
	switch method {
	case MethodHello:
		return new(HelloParams)
	case MethodConnectReader:
		return new(ConnectReaderParams)
	case MethodDisconnectReader:
		return new(DisconnectReaderParams)
	case MethodCreatePaymentIntent:
		return new(CreatePaymentIntentParams)
	case MethodRetrievePaymentIntent:
		return new(RetrievePaymentIntentParams)
	case MethodCollectPaymentMethod:
		return new(CollectPaymentMethodParams)
	case MethodConfirmPaymentIntent:
		return new(ConfirmPaymentIntentParams)
	case MethodProcessPaymentIntent:
		return new(ProcessPaymentIntentParams)
	case MethodCancelCollectPaymentMethod:
		return new(CancelCollectPaymentMethodParams)
	case MethodCancelPaymentIntent:
		return new(CancelPaymentIntentParams)
	case MethodGetReader:
		return new(GetReaderParams)
	case MethodGetOfflineStatus:
		return new(GetOfflineStatusParams)
	case MethodListStoredPayments:
		return new(ListStoredPaymentsParams)
	case MethodForwardNow:
		return new(ForwardNowParams)
	case MethodAcknowledgeEvents:
		return new(AcknowledgeEventsParams)
	case MethodVoidStoredPayment:
		return new(VoidStoredPaymentParams)
	case MethodExplainOfflinePolicy:
		return new(ExplainOfflinePolicyParams)
	case MethodExportLedger:
		return new(ExportLedgerParams)
	case MethodVerifyLedger:
		return new(VerifyLedgerParams)
	case MethodRescuePayments:
		return new(RescuePaymentsParams)
	case MethodCollectInputs:
		return new(CollectInputsParams)
	case MethodSetSimulatorConfiguration:
		return new(SetSimulatorConfigurationParams)
	}
	return nil
}

// Methods lists every method a POS can call.
func Methods() []string { return strings.Fields(methods) }

const methods = `hello connectReader disconnectReader
	createPaymentIntent retrievePaymentIntent collectPaymentMethod confirmPaymentIntent processPaymentIntent
	cancelCollectPaymentMethod cancelPaymentIntent
	getReader getOfflineStatus listStoredPayments forwardNow acknowledgeEvents
	voidStoredPayment explainOfflinePolicy exportLedger verifyLedger rescuePayments
	collectInputs setSimulatorConfiguration`
