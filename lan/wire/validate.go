package wire

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// first returns the first error.
func first(errs ...*Error) error {
	if e := firstOf(errs...); e != nil {
		return e
	}
	return nil // and not a nil *Error
}

func firstOf(errs ...*Error) *Error {
	for _, e := range errs {
		if e != nil {
			return e
		}
	}
	return nil
}

// token checks a required name: visible ASCII, no spaces, at most limit long.
func token(field, value string, limit int) *Error {
	if value == "" {
		return invalid(field, "is missing")
	}
	if len(value) > limit {
		return invalid(field, fmt.Sprintf("must be at most %d characters", limit))
	}
	for _, c := range []byte(value) {
		if c <= ' ' || c > '~' {
			return invalid(field, "must be visible ASCII without spaces")
		}
	}
	return nil
}

func optionalToken(field, value string, limit int) *Error {
	if value == "" {
		return nil
	}
	return token(field, value, limit)
}

func requestID(value string) *Error { return token("requestId", value, MaxRequestID) }

// oneOf allows the empty string: the member is optional.
func oneOf(field, value string, allowed ...string) *Error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return invalid(field, "must be one of "+strings.Join(allowed, ", "))
}

// mustBe is oneOf for a member that is there.
func mustBe(field, value string, allowed ...string) *Error {
	if value == "" {
		return invalid(field, "must be one of "+strings.Join(allowed, ", "))
	}
	return oneOf(field, value, allowed...)
}

func text(field, value string, limit int) *Error {
	if utf8.RuneCountInString(value) > limit {
		return invalid(field, fmt.Sprintf("must be at most %d characters", limit))
	}
	return nil
}

// Validate implements Params.
func (p *HelloParams) Validate() error {
	return first(
		text("client", p.Client, 100),
		text("version", p.Version, 100),
		token("posId", p.POSID, MaxRequestID),
	)
}

// Validate implements Params.
func (p *ConnectReaderParams) Validate() error {
	var exactlyOne, credential *Error
	if (p.ConnectionToken != "") == (p.Credential != nil) {
		exactlyOne = invalid("connectionToken", "or credential must be given, and not both")
	}
	if p.Credential != nil && (len(p.Credential.Payload) == 0 || len(p.Credential.Signature) == 0) {
		credential = invalid("credential", "must have payload and signature")
	}
	var key, signature *Error
	if _, err := ParsePublicKey(p.POSPublicKey); err != nil {
		key = invalid("posPublicKey", "must be an ECDSA P-256 key, SPKI in base64")
	}
	if len(p.Signature) != signatureSize {
		signature = invalid("signature", "must be 64 bytes, r then s, in base64")
	}
	return first(
		exactlyOne, credential,
		optionalToken("connectionToken", p.ConnectionToken, maxToken),
		token("posId", p.POSID, MaxRequestID),
		key, signature,
		optionalToken("locationId", p.LocationID, 100),
	)
}

// Validate implements Params.
func (p *DisconnectReaderParams) Validate() error { return nil }

// Validate implements Params.
func (p *CreatePaymentIntentParams) Validate() error {
	return first(
		requestID(p.RequestID),
		optionalToken("idempotencyKey", p.IdempotencyKey, MaxKey),
		amount("amount", p.Amount),
		currency(p.Currency),
		oneOf("captureMethod", p.CaptureMethod, CaptureAutomatic, CaptureManual),
		oneOf("offlineBehavior", p.OfflineBehavior, PreferOnline, RequireOnline, ForceOffline),
		oneOf("setupFutureUsage", p.SetupFutureUsage, UseOffSession, UseOnSession),
		text("description", p.Description, MaxDescription),
		metadata(p.Metadata),
		descriptive(p.Description, p.Metadata),
	)
}

func amount(field string, value int64) *Error {
	if value < 1 || value > MaxAmount {
		return invalid(field, fmt.Sprintf("must be a whole number of minor units from 1 to %d", MaxAmount))
	}
	return nil
}

func currency(value string) *Error {
	ok := len(value) == 3
	for _, c := range []byte(value) {
		ok = ok && 'a' <= c && c <= 'z'
	}
	if !ok {
		return invalid("currency", "must be three lower-case letters (ISO 4217), such as usd")
	}
	return nil
}

func metadata(m map[string]string) *Error {
	if len(m) > MaxMetadataKeys {
		return invalid("metadata", fmt.Sprintf("must have at most %d keys", MaxMetadataKeys))
	}
	for key, value := range m {
		if n := utf8.RuneCountInString(key); n == 0 || n > MaxMetadataKey {
			return invalid("metadata", fmt.Sprintf("keys must be 1 to %d characters", MaxMetadataKey))
		}
		if utf8.RuneCountInString(value) > MaxMetadataValue {
			return invalid("metadata", fmt.Sprintf("values must be at most %d characters", MaxMetadataValue))
		}
	}
	if b, err := json.Marshal(m); err != nil || len(b) > MaxMetadata {
		return invalid("metadata", fmt.Sprintf("must be at most %d bytes in all", MaxMetadata))
	}
	return nil
}

// descriptive bounds what would make a payment too large to be sealed: that must
// be refused before a card is asked for. JSON spells some characters with six
// bytes, so characters alone do not bound it.
func descriptive(description string, metadata map[string]string) *Error {
	b, err := json.Marshal(struct {
		Description string            `json:"description"`
		Metadata    map[string]string `json:"metadata"`
	}{description, metadata})
	if err != nil || len(b) > MaxDescriptive {
		return invalid("description", fmt.Sprintf("and metadata must be at most %d bytes together", MaxDescriptive))
	}
	return nil
}

// Validate implements Params.
func (p *RetrievePaymentIntentParams) Validate() error {
	n := 0
	for _, name := range []string{p.ID, p.LocalID, p.ClientSecret} {
		if name != "" {
			n++
		}
	}
	if n != 1 {
		return invalid("id", "or localId or clientSecret must be given, and only one of them")
	}
	return first(
		optionalToken("id", p.ID, MaxKey),
		optionalToken("localId", p.LocalID, MaxKey),
		optionalToken("clientSecret", p.ClientSecret, MaxKey),
	)
}

func (r *IntentRef) validate() *Error {
	id := ""
	if r.ID != nil {
		id = *r.ID
	}
	if id == "" && r.LocalID == "" {
		return invalid("paymentIntent", "must have a localId or an id")
	}
	if e := optionalToken("paymentIntent.id", id, MaxKey); e != nil {
		return e
	}
	return optionalToken("paymentIntent.localId", r.LocalID, MaxKey)
}

func (o *CollectOptions) validate() *Error {
	if o.TipEligibleAmount != nil && (*o.TipEligibleAmount < 0 || *o.TipEligibleAmount > MaxAmount) {
		return invalid("options.tipEligibleAmount", fmt.Sprintf("must be from 0 to %d", MaxAmount))
	}
	if e := oneOf("options.customerCancellation", o.CustomerCancellation, CancelIfAvailable, CancelDisabled); e != nil {
		return e
	}
	if o.SkipTipping && o.TipEligibleAmount != nil && *o.TipEligibleAmount > 0 {
		return NewError(CodeInvalidTipParameter, "options.tipEligibleAmount contradicts options.skipTipping")
	}
	if e := o.OfflineLimits.validate("options.offlineLimits"); e != nil {
		return e
	}
	return oneOf("options.allowRedisplay", o.AllowRedisplay, "always", "limited", "unspecified")
}

// Validate implements Params.
func (p *CollectPaymentMethodParams) Validate() error {
	return first(requestID(p.RequestID), p.PaymentIntent.validate(), p.Options.validate())
}

// Validate implements Params.
func (p *ConfirmPaymentIntentParams) Validate() error {
	return first(requestID(p.RequestID), p.PaymentIntent.validate())
}

// Validate implements Params.
func (p *ProcessPaymentIntentParams) Validate() error {
	return first(requestID(p.RequestID), p.PaymentIntent.validate(), p.Options.validate())
}

// Validate implements Params.
func (p *CancelCollectPaymentMethodParams) Validate() error { return first(requestID(p.RequestID)) }

// Validate implements Params.
func (p *CancelPaymentIntentParams) Validate() error {
	return first(
		requestID(p.RequestID), p.PaymentIntent.validate(),
		oneOf("cancellationReason", p.CancellationReason, "abandoned", "duplicate", "fraudulent", "requested_by_customer"),
	)
}

// Validate implements Params.
func (p *GetReaderParams) Validate() error { return nil }

// Validate implements Params.
func (p *GetOfflineStatusParams) Validate() error { return nil }

// Validate implements Params.
func (p *ListStoredPaymentsParams) Validate() error {
	if p.Limit < 0 || p.Limit > MaxListed {
		return invalid("limit", fmt.Sprintf("must be from 1 to %d", MaxListed))
	}
	for _, s := range p.States {
		if !slices.Contains(offlineStates, s) {
			return invalid("states", "must name states such as "+strings.Join(offlineStates, ", "))
		}
	}
	return nil
}

var offlineStates = []string{
	OfflineStored, OfflineSending, OfflineUnknown, OfflineForwarded, OfflineDeclined,
	OfflineFailed, OfflineExpired, OfflineVoided, OfflineRescued, OfflineInterrupted,
}

// Validate implements Params.
func (p *ForwardNowParams) Validate() error {
	if p.PaymentIntent == nil {
		return first(requestID(p.RequestID))
	}
	return first(requestID(p.RequestID), p.PaymentIntent.validate())
}

// Validate implements Params.
func (p *AcknowledgeEventsParams) Validate() error { return nil }
