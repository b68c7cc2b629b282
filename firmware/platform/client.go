package platform

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options of a Client. BaseURL, RootCAs and Now are required.
type Options struct {
	BaseURL string         // https://host[:port]
	RootCAs *x509.CertPool // of the platform; the system's roots are not used

	// Identity returns the certificate and key from activation; an empty
	// certificate (or nil Identity) means "not activated yet".
	Identity func() tls.Certificate

	// Now returns max(clock, time floor, build time): certificates are checked
	// at this time, so a clock set back cannot revive an expired one.
	Now func() time.Time

	// ClockSet reports whether the clock was set since power on. While it was
	// not, a certificate that is not valid yet is KindClock and not KindTLS.
	// nil means never known to be set.
	ClockSet func() bool

	// Dial makes the connections, before TLS; nil means net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	Timeout   time.Duration           // of one request, besides the caller's ctx; 0 means 30 s
	Heartbeat func() HeartbeatRequest // what a probe tells the platform; may be nil
	Answered  func(HeartbeatResponse) // what a probe was told; may be nil
	Link      LinkOptions             // thresholds; Probe is set by New
	Log       *slog.Logger            // nil discards
}

// Client speaks the reader face. Its methods may be called concurrently. Each
// makes exactly one attempt and returns nil, *Error, *Unreachable or, before
// anything is sent, a plain error for arguments that cannot be encoded.
type Client struct {
	opts Options
	base *url.URL
	http *http.Client
	link *Link
}

// New checks the options; it does not connect.
func New(opts Options) (*Client, error) {
	base, err := url.Parse(opts.BaseURL)
	if err != nil || base.Scheme != "https" || base.Host == "" || base.User != nil || base.RawQuery != "" || strings.Trim(base.Path, "/") != "" {
		return nil, fmt.Errorf("platform: base URL %q is not https://host[:port]", opts.BaseURL)
	}
	base.Path = ""
	if opts.RootCAs == nil || opts.Now == nil || opts.Timeout < 0 {
		return nil, errors.New("platform: RootCAs and Now are required, and Timeout is not negative")
	}
	if opts.Timeout == 0 {
		opts.Timeout = 30 * time.Second
	}
	if opts.Dial == nil {
		opts.Dial = new(net.Dialer).DialContext
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	c := &Client{opts: opts, base: base}
	c.http = c.newHTTPClient()
	opts.Link.Probe = c.probe
	if opts.Link.Log == nil {
		opts.Link.Log = opts.Log
	}
	c.link = NewLink(opts.Link)
	return c, nil
}

// Link is the evidence whether the platform can be reached, fed by every call
// of this client. Its Run sends the probes.
func (c *Client) Link() *Link { return c.link }

// Activate registers the reader; the only call made without an identity.
func (c *Client) Activate(ctx context.Context, r ActivateRequest) (*ActivateResponse, error) {
	return call[ActivateResponse](ctx, c, http.MethodPost, PathActivate, r, (*ActivateResponse).usable)
}

// ConfigAnswer is a configuration still to be verified with OpenConfig.
type ConfigAnswer struct {
	NotModified bool // the platform has nothing newer than etag; Signed is empty
	ETag        string
	Signed      Signed
}

// Config fetches the configuration unless it is still the one with etag
// (empty: fetch always).
func (c *Client) Config(ctx context.Context, etag string) (*ConfigAnswer, error) {
	answer := new(ConfigAnswer)
	header := http.Header{}
	if etag != "" {
		header.Set("If-None-Match", etag)
	}
	got, err := c.do(ctx, http.MethodGet, PathConfig, header, nil, &answer.Signed)
	c.link.Observe(err)
	if err != nil {
		return nil, err
	}
	answer.ETag = got.header.Get("ETag")
	answer.NotModified = got.status == http.StatusNotModified
	return answer, nil
}

// Redeem exchanges a one-shot connection token for a POS credential. When the
// answer was lost the token is gone: the POS must fetch another one.
func (c *Client) Redeem(ctx context.Context, r RedeemRequest) (*RedeemResponse, error) {
	return call[RedeemResponse](ctx, c, http.MethodPost, PathRedeem, r)
}

// CreatePaymentIntent creates an intent, or returns the one its key created.
func (c *Client) CreatePaymentIntent(ctx context.Context, r CreatePaymentIntent) (*PaymentIntent, error) {
	return call[PaymentIntent](ctx, c, http.MethodPost, PathPaymentIntents, r, (*PaymentIntent).usable)
}

// RetrievePaymentIntent finds an intent by id; ErrNotFound when unknown.
func (c *Client) RetrievePaymentIntent(ctx context.Context, id string) (*PaymentIntent, error) {
	return call[PaymentIntent](ctx, c, http.MethodGet, PathPaymentIntents+"/"+url.PathEscape(id), nil, (*PaymentIntent).usable)
}

// RetrievePaymentIntentBySecret finds an intent by client secret; ErrNotFound
// when unknown.
func (c *Client) RetrievePaymentIntentBySecret(ctx context.Context, secret string) (*PaymentIntent, error) {
	return call[PaymentIntent](ctx, c, http.MethodGet, PathPaymentIntents+"?clientSecret="+url.QueryEscape(secret), nil, (*PaymentIntent).usable)
}

// CancelPaymentIntent cancels an intent that has not succeeded; cancelling
// again returns the canceled intent.
func (c *Client) CancelPaymentIntent(ctx context.Context, id string, r CancelPaymentIntent) (*PaymentIntent, error) {
	return call[PaymentIntent](ctx, c, http.MethodPost, PathPaymentIntents+"/"+url.PathEscape(id)+"/cancel", r, (*PaymentIntent).usable)
}

// Authorize asks for an online decision. The caller has committed the attempt
// before. On *Unreachable with Sent it looks the natural key up before
// anything else is tried.
func (c *Client) Authorize(ctx context.Context, s Submission) (*Verdict, error) {
	s.Offline = false
	return call[Verdict](ctx, c, http.MethodPost, PathAuthorize, s, verdictFor(s.NaturalKey))
}

// SubmitOffline submits one stored payment; errors as for Authorize.
func (c *Client) SubmitOffline(ctx context.Context, s Submission) (*Verdict, error) {
	s.Offline = true
	return call[Verdict](ctx, c, http.MethodPost, PathOfflinePayments, s, verdictFor(s.NaturalKey))
}

// LookUp returns the verdict of a natural key, or ErrNotFound when the
// platform never saw it and it may therefore be submitted.
func (c *Client) LookUp(ctx context.Context, naturalKey string) (*Verdict, error) {
	return call[Verdict](ctx, c, http.MethodGet, PathAuthorizations+"/"+url.PathEscape(naturalKey), nil, verdictFor(naturalKey))
}

// Rescue submits a stored payment of another reader, from its exported ledger;
// errors as for Authorize.
func (c *Client) Rescue(ctx context.Context, r Rescue) (*Verdict, error) {
	return call[Verdict](ctx, c, http.MethodPost, PathRescues, r, verdictFor(r.NaturalKey))
}

// Reverse undoes a submission whatever became of it; it may be repeated.
func (c *Client) Reverse(ctx context.Context, r ReversalRequest) (*Reversal, error) {
	return call[Reversal](ctx, c, http.MethodPost, PathReversals, r, reversalOf(r.NaturalKey))
}

// Heartbeat tells the platform that this reader is there.
func (c *Client) Heartbeat(ctx context.Context, r HeartbeatRequest) (*HeartbeatResponse, error) {
	return call[HeartbeatResponse](ctx, c, http.MethodPost, PathHeartbeat, r)
}
