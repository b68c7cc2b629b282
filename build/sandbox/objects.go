package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"

	"smartreader/firmware/platform"
)

// An object is a unit of stored state, always written whole.
type object interface {
	kind() string
	key() string
}

// account is what the sandbox is; there is one, with key "account".
type account struct {
	ID      string `json:"id"`
	CardKey []byte `json:"cardKey"` // HMAC key: card numbers are never stored, only fingerprints
}

type location struct {
	platform.Location
	Configuration string `json:"configuration,omitempty"` // tmc_..., overrides the account's default
	CreatedAtMs   int64  `json:"createdAtMs"`
	UpdatedAtMs   int64  `json:"updatedAtMs"`
}

type configuration struct {
	ID          string `json:"id"` // tmc_...
	Name        string `json:"name"`
	Default     bool   `json:"default"`
	Offline     *bool  `json:"offline,omitempty"` // nil inherits from the account's default
	CreatedAtMs int64  `json:"createdAtMs"`
	UpdatedAtMs int64  `json:"updatedAtMs"`
}

// accountSettings is the key of the settings that hold for all Locations.
const accountSettings = "account"

type settings struct {
	Settings
	UpdatedAtMs int64 `json:"updatedAtMs"`
}

type reader struct {
	platform.Reader
	KeyHash     string   `json:"keyHash"`               // SHA-256 of the SPKI of the only key that may speak for it
	Keys        [][]byte `json:"keys,omitempty"`        // SPKI of every key it ever had, the present one last: they signed its journals
	CurrentAtMs int64    `json:"currentAtMs,omitempty"` // start of the last UTC day it was there with current software
	Software    string   `json:"software,omitempty"`
	Sequence    uint64   `json:"sequence,omitempty"` // highest one reported by heartbeat
	CreatedAtMs int64    `json:"createdAtMs"`
	UpdatedAtMs int64    `json:"updatedAtMs"`
}

// token is a connection token.
type token struct {
	Secret      string `json:"secret"`
	LocationID  string `json:"locationId,omitempty"`
	CreatedAtMs int64  `json:"createdAtMs"`
	UsedAtMs    int64  `json:"usedAtMs,omitempty"`
}

// revocation voids a POS's credentials.
type revocation struct {
	POSID string `json:"posId"`
	AtMs  int64  `json:"atMs"`
}

// posKey binds a POS id to the key it was first redeemed with.
type posKey struct {
	POSID   string `json:"posId"`
	KeyHash string `json:"keyHash"` // SHA-256 of the SPKI
}

type intent struct {
	platform.PaymentIntent
	LiveCharge  string   `json:"liveCharge,omitempty"` // natural key of the one charge that stands
	LastDecline *decline `json:"lastDecline,omitempty"`
	Canceled    string   `json:"canceled,omitempty"` // cancellation reason
}

// alias is another name of an intent: a reader's idempotency key, or its local
// id. All of them lead to the one intent, so that a payment is recognised by
// whichever name a submission carries.
type alias struct {
	Name     string `json:"name"` // from keyAlias or localAlias
	IntentID string `json:"intentId"`
	Key      string `json:"key,omitempty"` // of a local id: the idempotency key that came with it
	AtMs     int64  `json:"atMs,omitempty"`
}

// forgetting drops the idempotency keys from before a time.
type forgetting struct {
	BeforeMs int64 `json:"beforeMs"`
}

func keyAlias(key string) string                 { return "key." + key }
func localAlias(readerID, localID string) string { return "local." + readerID + "." + localID }

type decline struct {
	Code     string `json:"code"`
	Message  string `json:"message"`
	ChargeID string `json:"chargeId"`
}

type charge struct {
	ID                string        `json:"id"` // ch_...
	IntentID          string        `json:"intentId"`
	NaturalKey        string        `json:"naturalKey"`
	Key               string        `json:"key,omitempty"` // idempotency key and local id, as submitted
	LocalID           string        `json:"localId,omitempty"`
	Amount            int64         `json:"amount"`
	Captured          int64         `json:"captured"`
	Refunded          int64         `json:"refunded"`              // by a reversal
	Returned          int64         `json:"returned,omitempty"`    // by refunds of the public API
	RefundFails       bool          `json:"refundFails,omitempty"` // the card's issuer will not take a refund
	Reversed          bool          `json:"reversed,omitempty"`
	Released          bool          `json:"released,omitempty"` // authorization given back without capture
	Currency          string        `json:"currency"`
	Approved          bool          `json:"approved"`
	DeclineCode       string        `json:"declineCode,omitempty"`
	Message           string        `json:"message,omitempty"`
	AuthorizationCode string        `json:"authorizationCode,omitempty"`
	ByCard            bool          `json:"byCard,omitempty"` // the card approved in its issuer's place
	Offline           bool          `json:"offline"`
	StoredAtMs        int64         `json:"storedAtMs,omitempty"`
	CreatedAtMs       int64         `json:"createdAtMs"`
	LocationID        string        `json:"locationId"`
	ReaderID          string        `json:"readerId"`
	Card              presentedCard `json:"card"`
}

// live reports that the charge moved or holds money, as far as the reader is
// concerned: what the shop refunds later was charged all the same.
func (c charge) live() bool { return c.Approved && !c.Reversed && !c.Released && c.Refunded == 0 }

// authorization is everything known under one natural key.
type authorization struct {
	NaturalKey string             `json:"naturalKey"`
	ReaderID   string             `json:"readerId"`
	Sequence   uint64             `json:"sequence"`
	Facts      string             `json:"facts,omitempty"`    // hash of what was submitted; empty: nothing ever was
	Verdict    json.RawMessage    `json:"verdict"`            // sent unchanged to every repeat and look-up
	ChargeID   string             `json:"chargeId,omitempty"` // also of a declined charge
	IntentID   string             `json:"intentId,omitempty"`
	Offline    bool               `json:"offline"`
	RescuedBy  string             `json:"rescuedBy,omitempty"` // who submitted first, if not the reader: another one's id, or operator
	Reversal   *platform.Reversal `json:"reversal,omitempty"`
	AtMs       int64              `json:"atMs"`
}

// usedCryptogram remembers which payment used a card's transaction counter.
type usedCryptogram struct {
	Card       string `json:"card"` // fingerprint
	ATC        string `json:"atc"`
	NaturalKey string `json:"naturalKey"`
}

// replay is the stored answer to a POST with an Idempotency-Key.
type replay struct {
	Key  string          `json:"key"`
	Path string          `json:"path"`
	Form string          `json:"form"` // hash
	Body json.RawMessage `json:"body"`
	AtMs int64           `json:"atMs,omitempty"`
}

// faults are the switches.
type faults struct {
	Faults
	AnswersLost int `json:"answersLost"`
}

// counters are facts for tests.
type counters struct {
	Processed int `json:"processed"` // submissions that were decided
	Repeated  int `json:"repeated"`  // submissions answered with an earlier verdict
}

func (account) kind() string        { return "account" }
func (account) key() string         { return "account" }
func (location) kind() string       { return "location" }
func (o location) key() string      { return o.ID }
func (configuration) kind() string  { return "configuration" }
func (o configuration) key() string { return o.ID }
func (settings) kind() string       { return "settings" }
func (o settings) key() string      { return cmp.Or(o.Location, accountSettings) }
func (reader) kind() string         { return "reader" }
func (o reader) key() string        { return o.ID }
func (token) kind() string          { return "token" }
func (o token) key() string         { return o.Secret }
func (revocation) kind() string     { return "revocation" }
func (o revocation) key() string    { return o.POSID }
func (posKey) kind() string         { return "posKey" }
func (o posKey) key() string        { return o.POSID }
func (intent) kind() string         { return "intent" }
func (o intent) key() string        { return o.ID }
func (alias) kind() string          { return "alias" }
func (o alias) key() string         { return o.Name }
func (charge) kind() string         { return "charge" }
func (o charge) key() string        { return o.ID }
func (authorization) kind() string  { return "authorization" }
func (o authorization) key() string { return o.NaturalKey }
func (usedCryptogram) kind() string { return "cryptogram" }
func (o usedCryptogram) key() string {
	return o.Card + "." + o.ATC
}
func (refund) kind() string     { return "refund" }
func (o refund) key() string    { return o.ID }
func (forgetting) kind() string { return "forgetting" }
func (forgetting) key() string  { return "forgetting" }
func (replay) kind() string     { return "replay" }
func (o replay) key() string    { return o.Key }
func (faults) kind() string     { return "faults" }
func (faults) key() string      { return "faults" }
func (counters) kind() string   { return "counters" }
func (counters) key() string    { return "counters" }

// decodeObject is the inverse of encoding an object under its kind.
func decodeObject(kind string, value []byte) (object, error) {
	switch kind {
	case "account":
		return decodeAs[account](value)
	case "location":
		return decodeAs[location](value)
	case "configuration":
		return decodeAs[configuration](value)
	case "settings":
		return decodeAs[settings](value)
	case "refund":
		return decodeAs[refund](value)
	case "forgetting":
		return decodeAs[forgetting](value)
	case "reader":
		return decodeAs[reader](value)
	case "token":
		return decodeAs[token](value)
	case "revocation":
		return decodeAs[revocation](value)
	case "posKey":
		return decodeAs[posKey](value)
	case "intent":
		return decodeAs[intent](value)
	case "alias":
		return decodeAs[alias](value)
	case "charge":
		return decodeAs[charge](value)
	case "authorization":
		return decodeAs[authorization](value)
	case "cryptogram":
		return decodeAs[usedCryptogram](value)
	case "pinCounter":
		return decodeAs[pinCounter](value)
	case "replay":
		return decodeAs[replay](value)
	case "faults":
		return decodeAs[faults](value)
	case "counters":
		return decodeAs[counters](value)
	case "event":
		return decodeAs[event](value)
	case "endpoint":
		return decodeAs[endpoint](value)
	case "delivery":
		return decodeAs[delivery](value)
	}
	return nil, fmt.Errorf("unknown kind %q", kind)
}

func decodeAs[T object](value []byte) (object, error) {
	var o T
	if err := json.Unmarshal(value, &o); err != nil {
		return nil, err
	}
	if o.key() == "" {
		return nil, fmt.Errorf("%s without a key", o.kind())
	}
	return o, nil
}
