package wire

// FetchConnectionTokenParams is a request from the reader to a POS that said it
// provides tokens: get one from the backend. It may come while offline.
type FetchConnectionTokenParams struct {
	Reason string `json:"reason"` // TokenForConnect or TokenForForwarding
}

// Reasons of fetchConnectionToken.
const (
	TokenForConnect    = "connect"    // renew the credential before it or the session expires
	TokenForForwarding = "forwarding" // stored payments are being forwarded; forwarding never waits for it
)

// FetchConnectionTokenResult is the POS's answer, within 60 s.
type FetchConnectionTokenResult struct {
	ConnectionToken string `json:"connectionToken"`
}

// Validate implements Params.
func (p *FetchConnectionTokenParams) Validate() error {
	return first(mustBe("reason", p.Reason, TokenForConnect, TokenForForwarding))
}

// Validate returns nil or an *Error: a POS may answer anything.
func (r *FetchConnectionTokenResult) Validate() error {
	return first(token("connectionToken", r.ConnectionToken, maxToken))
}
