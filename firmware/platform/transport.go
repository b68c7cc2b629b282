package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// maxAnswer bounds an answer's body in bytes; the largest is the
// configuration, some tens of kilobytes.
const maxAnswer = 1 << 20

// newHTTPClient builds a transport that sends each request at most once. With
// DisableKeepAlives every request has its own connection, so net/http's
// repetition on a stale pooled connection cannot happen and "no connection was
// obtained" proves that nothing was sent. HTTP/2 stays off for the same
// reason: it repeats refused streams.
func (c *Client) newHTTPClient() *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // no environment variable may bend the way to the platform
			Protocols:              &protocols,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
			DialTLSContext:         c.dial,
		},
	}
}

// call makes one observed attempt and decodes the answer, which check (may be
// nil) must find usable.
func call[T any](ctx context.Context, c *Client, method, path string, body any, checks ...func(*T) error) (*T, error) {
	out := new(T)
	_, err := c.do(ctx, method, path, nil, body, out)
	for _, check := range checks {
		if err != nil {
			break
		}
		if bad := check(out); bad != nil {
			err = &Unreachable{Kind: KindAnswer, Sent: true, Err: bad}
		}
	}
	c.link.Observe(err)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// probe is a heartbeat that the link judges itself.
func (c *Client) probe(ctx context.Context) error {
	var r HeartbeatRequest
	if c.opts.Heartbeat != nil {
		r = c.opts.Heartbeat()
	}
	answer := new(HeartbeatResponse)
	_, err := c.do(ctx, http.MethodPost, PathHeartbeat, nil, r, answer)
	if err == nil && c.opts.Answered != nil {
		c.opts.Answered(*answer)
	}
	return err
}

type answer struct {
	status int
	header http.Header
}

// do sends one request and decodes a 2xx answer into out.
func (c *Client) do(ctx context.Context, method, path string, header http.Header, body, out any) (answer, error) {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return answer{}, fmt.Errorf("platform: encode request: %w", err)
		}
		content = bytes.NewReader(encoded)
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	trace := new(attempt)
	req, err := http.NewRequestWithContext(trace.follow(ctx), method, c.base.String()+path, content)
	if err != nil {
		return answer{}, fmt.Errorf("platform: build request: %w", err)
	}
	req.GetBody = nil // nobody can rewind and repeat it
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}

	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, c.unreachable(ctx, trace, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer{}, c.unreachable(ctx, trace, err)
	}
	if len(data) > maxAnswer {
		return answer{}, &Unreachable{Kind: KindAnswer, Sent: true, Err: errors.New("answer too long")}
	}
	return answer{resp.StatusCode, resp.Header}, c.judge(resp, data, out)
}

// judge sorts a complete answer into nil, *Error and *Unreachable.
func (c *Client) judge(resp *http.Response, data []byte, out any) error {
	retryAfter := parseRetryAfter(resp.Header.Get("Retry-After"), c.opts.Now())
	switch {
	case resp.StatusCode == http.StatusNotModified && resp.Request.Header.Get("If-None-Match") != "":
		return nil
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		if err := json.Unmarshal(data, out); err != nil {
			return &Unreachable{Kind: KindAnswer, Sent: true, Err: fmt.Errorf("answer is not the expected JSON: %w", err)}
		}
		return nil
	case resp.StatusCode >= 400 && resp.StatusCode < 500:
		refused := &Error{Status: resp.StatusCode, RetryAfter: retryAfter, Message: http.StatusText(resp.StatusCode)}
		var body ErrorBody
		if json.Unmarshal(data, &body) == nil && body.Error.Code != "" {
			refused.Code, refused.Message = body.Error.Code, body.Error.Message
		}
		return refused
	case resp.StatusCode >= 500:
		return &Unreachable{Kind: KindServer, Sent: true, RetryAfter: retryAfter, Err: fmt.Errorf("status %d", resp.StatusCode)}
	}
	return &Unreachable{Kind: KindAnswer, Sent: true, Err: fmt.Errorf("unexpected status %d", resp.StatusCode)}
}

// unreachable explains why there was no answer.
func (c *Client) unreachable(ctx context.Context, a *attempt, err error) error {
	u := &Unreachable{Sent: a.connected.Load(), Err: err}
	var waited net.Error
	timeout := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &waited) && waited.Timeout()
	var op *net.OpError
	var name *net.DNSError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		u.Kind = KindCanceled
	case c.notYetValid(err):
		u.Kind = KindClock
	case a.alert.Load(), a.badTLS.Load() && !timeout && !broken(err):
		u.Kind = KindTLS
	case timeout, ctx.Err() != nil: // the end of our patience can show as a closed connection
		u.Kind = KindTimeout
	case errors.As(err, &name), errors.As(err, &op) && op.Op == "dial":
		u.Kind = KindDial
	default:
		u.Kind = KindReset
	}
	return u
}

// parseRetryAfter reads seconds or an HTTP date; anything else is 0. A day is
// the most a platform can ask for.
func parseRetryAfter(s string, now time.Time) time.Duration {
	var d time.Duration
	if seconds, err := strconv.Atoi(s); err == nil {
		d = time.Duration(min(seconds, 24*3600)) * time.Second
	} else if at, err := http.ParseTime(s); err == nil {
		d = at.Sub(now)
	}
	return max(0, min(d, 24*time.Hour))
}
