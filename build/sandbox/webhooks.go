package sandbox

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// endpoint is where a shop's backend wants to be told of events.
type endpoint struct {
	ID          string            `json:"id"` // we_...
	URL         string            `json:"url"`
	Secret      string            `json:"secret"` // whsec_..., all of it is the key of signatures
	Events      []string          `json:"events"` // types, or *
	APIVersion  string            `json:"apiVersion,omitempty"`
	Description string            `json:"description,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	CreatedAtMs int64             `json:"createdAtMs"`
	Deleted     bool              `json:"deleted,omitempty"`
}

func (endpoint) kind() string  { return "endpoint" }
func (o endpoint) key() string { return o.ID }

func (o endpoint) wants(kind string) bool {
	return slices.Contains(o.Events, "*") || slices.Contains(o.Events, kind)
}

// maxEndpoints of an account, as the public platform has it.
const maxEndpoints = 16

var (
	typeForm    = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)+$`)
	versionForm = regexp.MustCompile(`^[0-9a-z.-]{1,64}$`)
)

// knownTypes are all of the public API in the families that the sandbox sends
// some of: a misspelt one among them would wait for ever. Of other families any
// may be asked for, and none is sent.
var knownTypes = map[string][]string{
	"payment_intent": {"amount_capturable_updated", "canceled", "created", "partially_funded", "payment_failed", "processing", "requires_action", "succeeded"},
	"charge": {"captured", "dispute.closed", "dispute.created", "dispute.funds_reinstated", "dispute.funds_withdrawn", "dispute.updated",
		"expired", "failed", "pending", "refund.updated", "refunded", "succeeded", "updated"},
	"refund": {"created", "failed", "updated"},
}

func isType(name string) bool {
	family, rest, _ := strings.Cut(name, ".")
	if known, ok := knownTypes[family]; ok {
		return slices.Contains(known, rest)
	}
	return typeForm.MatchString(name)
}

// values returns the elements of name[], name[0], name[1] and so on.
func (q query) values(name string) []string {
	var out []string
	keys := slices.SortedFunc(maps.Keys(q.params), func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	for _, key := range keys {
		if strings.HasPrefix(key, name+"[") {
			out = append(out, q.params[key]...)
		}
	}
	return out
}

func postEndpoint(t *tx, q query) (any, error) {
	if err := q.allow("url", "enabled_events[*]", "api_version", "description", "metadata[*]"); err != nil {
		return nil, err
	}
	w := endpoint{
		ID: newID("we_"), Secret: newID("whsec_"), URL: q.params.Get("url"), Events: q.values("enabled_events"),
		APIVersion: q.params.Get("api_version"), Description: q.params.Get("description"), Metadata: q.nested("metadata"), CreatedAtMs: t.atMs,
	}
	at, err := url.Parse(w.URL)
	switch {
	case w.URL == "":
		return nil, badRequest("parameter_missing", "url", "Missing required param: url.")
	case err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Hostname() == "" || at.User != nil || at.Fragment != "" || len(w.URL) > 2000:
		return nil, badRequest("url_invalid", "url", "Invalid URL: it is http or https with a host, without user name and fragment.")
	case len(w.Events) == 0:
		return nil, badRequest("parameter_missing", "enabled_events", "Missing required param: enabled_events.")
	case w.APIVersion != "" && !versionForm.MatchString(w.APIVersion):
		return nil, badRequest("", "api_version", "Invalid api_version")
	case len(t.endpoints.order) >= maxEndpoints:
		return nil, badRequest("", "", "There are %d webhook endpoints: delete one.", maxEndpoints)
	case utf8.RuneCountInString(w.Description) > 5000:
		return nil, badRequest("", "description", "description is longer than 5000 characters")
	}
	for _, name := range w.Events {
		if name != "*" && !isType(name) {
			return nil, badRequest("", "enabled_events", "Invalid enabled_events: %q is no event type.", name)
		}
	}
	slices.Sort(w.Events)
	w.Events = slices.Compact(w.Events)
	d := draft{amount: 1, currency: "usd", metadata: w.Metadata}
	if param, message := d.check(); param != "" {
		return nil, badRequest("", param, "%s %s", param, message)
	}
	t.put(w)
	out := renderEndpoint(w).(map[string]any)
	out["secret"] = w.Secret // told once
	return out, nil
}

func renderEndpoint(w endpoint) any {
	return map[string]any{
		"id":             w.ID,
		"object":         "webhook_endpoint",
		"api_version":    nullable(w.APIVersion),
		"application":    nil,
		"created":        seconds(w.CreatedAtMs),
		"description":    nullable(w.Description),
		"enabled_events": w.Events,
		"livemode":       false,
		"metadata":       metadataOf(w.Metadata),
		"status":         "enabled",
		"url":            w.URL,
	}
}

func listEndpoints(t *tx, q query) (any, error) {
	if err := q.allow("limit", "starting_after"); err != nil {
		return nil, err
	}
	return list(q, "/v1/webhook_endpoints", t.endpoints.all(), renderEndpoint)
}

func getEndpoint(t *tx, q query) (any, error) {
	if err := q.allow(); err != nil {
		return nil, err
	}
	w, ok := t.endpoints.get(q.id)
	if !ok {
		return nil, missing("webhook_endpoint", q.id)
	}
	return renderEndpoint(w), nil
}

// deleteEndpoint forgets what the endpoint waits for, too.
func deleteEndpoint(t *tx, q query) (any, error) {
	if err := q.allow(); err != nil {
		return nil, err
	}
	w, ok := t.endpoints.get(q.id)
	if !ok {
		return nil, missing("webhook_endpoint", q.id)
	}
	t.put(endpoint{ID: w.ID, Deleted: true})
	return map[string]any{"id": w.ID, "object": "webhook_endpoint", "deleted": true}, nil
}

// setEndpoint adds it, or takes it away.
func (s *state) setEndpoint(w endpoint) {
	if !w.Deleted {
		s.endpoints.set(w)
		return
	}
	s.endpoints.drop(func(o endpoint) bool { return o.ID == w.ID })
	delete(s.delivered, w.ID)
	for _, waiting := range s.waiting {
		delete(waiting, w.ID)
	}
	maps.DeleteFunc(s.waiting, func(_ string, waiting map[string]delivery) bool { return len(waiting) == 0 })
}

// Webhooks is the answer of GET /control/platform/webhooks.
type Webhooks struct {
	Events    int               `json:"events"` // kept
	Endpoints []WebhookEndpoint `json:"endpoints"`
}

// WebhookEndpoint is an endpoint and how it fares. Times are Unix ms of the
// platform's clock.
type WebhookEndpoint struct {
	ID            string   `json:"id"`
	URL           string   `json:"url"`
	EnabledEvents []string `json:"enabledEvents"`
	Pending       int      `json:"pending"`                 // events it has not acknowledged
	NextAttemptMs int64    `json:"nextAttemptMs,omitempty"` // the earliest of these
	Outcomes
}

// Outcomes count the ends of an endpoint's deliveries.
type Outcomes struct {
	Delivered     int    `json:"delivered"`
	GivenUp       int    `json:"givenUp"`
	LastError     string `json:"lastError,omitempty"` // of any attempt, also when a later one succeeded
	LastErrorAtMs int64  `json:"lastErrorAtMs,omitempty"`
}

// Webhooks tells how deliveries fare.
func (s *Sandbox) Webhooks() Webhooks {
	out := Webhooks{Endpoints: []WebhookEndpoint{}}
	s.view(func(st *state) {
		out.Events = len(st.events.order)
		for _, w := range st.endpoints.all() {
			e := WebhookEndpoint{ID: w.ID, URL: w.URL, EnabledEvents: w.Events, Outcomes: st.delivered[w.ID]}
			for _, waiting := range st.waiting {
				d, ok := waiting[w.ID]
				if !ok {
					continue
				}
				if e.Pending == 0 || d.dueMs() < e.NextAttemptMs {
					e.NextAttemptMs = d.dueMs()
				}
				e.Pending++
			}
			out.Endpoints = append(out.Endpoints, e)
		}
	})
	return out
}

// webhookControl mounts GET /control/platform/webhooks.
func (s *Sandbox) webhookControl(mux *http.ServeMux) {
	mux.HandleFunc("GET /control/platform/webhooks", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, s.Webhooks())
	})
}
