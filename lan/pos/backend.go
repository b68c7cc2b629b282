package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// errBackend is returned when the merchant backend cannot be reached; its own
// refusals are other errors.
var errBackend = errors.New("merchant backend not reachable")

const backendTimeout = 5 * time.Second

// connectionToken asks the merchant backend for a one-shot connection token.
func (a *app) connectionToken(ctx context.Context) (string, error) {
	body, err := a.ask(ctx, http.MethodPost, "/v1/terminal/connection_tokens")
	if err != nil {
		return "", err
	}
	var token struct {
		Secret string `json:"secret"`
	}
	if json.Unmarshal(body, &token) != nil || token.Secret == "" {
		return "", fmt.Errorf("merchant backend %s gave no connection token", a.backend)
	}
	return token.Secret, nil
}

// backendClient follows no redirects: they could lead the secret key elsewhere.
var backendClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// ask makes one call to the backend, authenticated as Stripe's libraries do. The
// backend gets the secret key and names the reader's CA, so the way to it must
// be trusted: https, or this machine.
func (a *app) ask(ctx context.Context, method, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, backendTimeout)
	defer cancel()
	u, err := url.Parse(a.backend)
	if err != nil {
		return nil, &usageError{problem: "-backend: " + err.Error()}
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, &usageError{problem: fmt.Sprintf("-backend: %s must be https: it gets the secret key, and its CA is trusted", a.backend)}
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(a.backend, "/")+path, strings.NewReader(""))
	if err != nil {
		return nil, &usageError{problem: "-backend: " + err.Error()}
	}
	req.Header.Set("Authorization", "Bearer "+a.secret)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := backendClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBackend, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBackend, err)
	}
	if response.StatusCode/100 != 2 {
		var problem struct {
			Error struct {
				Message string `json:"message"`
			} `json:"error"`
		}
		json.Unmarshal(body, &problem)
		return nil, fmt.Errorf("merchant backend %s answered %s: %s", a.backend, response.Status, problem.Error.Message)
	}
	return body, nil
}

// roots returns the CA of the reader's certificate: from -ca, from the backend
// when refresh is set, or as kept from last time.
func (a *app) roots(ctx context.Context, refresh bool) (*x509.CertPool, error) {
	if a.ca != "" {
		data, err := os.ReadFile(a.ca)
		if err != nil {
			return nil, &usageError{problem: "-ca: " + err.Error()}
		}
		return pool(data, a.ca)
	}
	kept, err := os.ReadFile(filepath.Join(a.state, caFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("CA: %w", err)
	}
	if refresh || len(kept) == 0 {
		switch data, err := a.ask(ctx, http.MethodGet, "/ca.pem"); {
		case err == nil:
			if p, err := pool(data, a.backend+"/ca.pem"); err == nil {
				return p, a.write(caFile, data)
			}
		case len(kept) == 0:
			return nil, fmt.Errorf("the CA of the reader's certificate is not known yet: %w\n  what to do: start the simulator (go run ./build/simulator) or the backend, or name a file with -ca", err)
		}
	}
	return pool(kept, filepath.Join(a.state, caFile))
}

func pool(data []byte, source string) (*x509.CertPool, error) {
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s contains no certificate", source)
	}
	return p, nil
}
