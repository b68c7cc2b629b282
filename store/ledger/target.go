package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// The platform's operator face, as far as it is needed: see platform.Rescue and
// platform.Verdict.
const pathRescues = "/v1/terminal/rescues"

type submission struct {
	ReaderID   string `json:"readerId"`
	NaturalKey string `json:"naturalKey"`
	Envelope   []byte `json:"envelope"`
	StoredAtMs int64  `json:"storedAtMs"`
	Proof      proof  `json:"proof"`
}

// proof is the newest journal entry of the payment.
type proof struct {
	Header    []byte `json:"header"`
	Signature []byte `json:"signature"`
}

type verdict struct {
	NaturalKey  string `json:"naturalKey"`
	Status      string `json:"status"`
	Code        string `json:"code"`
	DeclineCode string `json:"declineCode"`
	Message     string `json:"message"`
	ChargeID    string `json:"chargeId"`
	Reversed    bool   `json:"reversed"`
	Intent      *struct {
		ID string `json:"id"`
	} `json:"intent"`
}

type target struct {
	url, secret string
	http        *http.Client
}

// refusal is an answer that repeating does not change.
type refusal struct {
	status     int
	code       string
	message    string
	everything bool // it is about the key, not the payment
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s: %s", r.status, r.code, r.message) }

const maxAnswer = 1 << 20

// submit submits once. With an error that is no *refusal the outcome is not
// known; wish is then how long the platform asks to wait, 0 if it does not say.
func (t *target) submit(ctx context.Context, s submission) (v verdict, wish time.Duration, err error) {
	body, err := json.Marshal(s)
	if err != nil {
		return verdict{}, 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return verdict{}, 0, err
	}
	request.Header.Set("Authorization", "Bearer "+t.secret)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := t.http.Do(request)
	if err != nil {
		return verdict{}, 0, err
	}
	defer response.Body.Close()
	wish = retryAfter(response.Header.Get("Retry-After"))
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch code := response.StatusCode; {
	case err != nil:
		return verdict{}, wish, err
	case code == http.StatusRequestTimeout || code == http.StatusTooEarly || code == http.StatusTooManyRequests || code >= 500:
		return verdict{}, wish, fmt.Errorf("the platform answers %d %s", code, http.StatusText(code))
	case code >= 400:
		r := &refusal{status: code, message: http.StatusText(code), everything: code == http.StatusUnauthorized || code == http.StatusForbidden}
		var said struct {
			Error struct{ Code, Message string }
		}
		if json.Unmarshal(answer, &said) == nil && said.Error.Message != "" {
			r.code, r.message = said.Error.Code, said.Error.Message
		}
		return verdict{}, 0, r
	case code != http.StatusOK || len(answer) > maxAnswer || json.Unmarshal(answer, &v) != nil:
		return verdict{}, wish, fmt.Errorf("the answer (status %d) is not a platform's", code)
	case v.NaturalKey != s.NaturalKey || v.Status != statusApproved && v.Status != statusDeclined && v.Status != statusFailed:
		return verdict{}, wish, fmt.Errorf("the answer is a verdict on something else")
	}
	return v, 0, nil
}

// retryAfter reads seconds or a date.
func retryAfter(text string) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
