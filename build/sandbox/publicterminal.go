package sandbox

import (
	"unicode/utf8"
)

// silentMs is how long a reader may be silent before it shows as offline.
const silentMs = 2 * 60 * 1000

func postToken(t *tx, q query) (any, error) {
	if err := q.allow("location"); err != nil {
		return nil, err
	}
	at := q.params.Get("location")
	if at != "" {
		if _, ok := t.locations.get(at); !ok {
			return nil, badRequest("resource_missing", "location", "No such location: '%s'", at)
		}
	}
	k := token{Secret: newID("pst_test_"), LocationID: at, CreatedAtMs: t.atMs}
	t.put(k)
	out := map[string]any{"object": "terminal.connection_token", "secret": k.Secret}
	if at != "" {
		out["location"] = at
	}
	return out, nil
}

// renderReader runs with the lock held, as all handlers do.
func (s *Sandbox) renderReader(t *tx, r reader) any {
	return map[string]any{
		"id":                r.ID,
		"object":            "terminal.reader",
		"action":            nil,
		"device_sw_version": nullable(r.Software),
		"device_type":       r.DeviceType,
		"ip_address":        nil,
		"label":             r.Label,
		"last_seen_at":      s.lastSeen[r.ID],
		"livemode":          false,
		"location":          r.LocationID,
		"metadata":          map[string]string{},
		"serial_number":     r.Serial,
		"status":            s.readerStatus(t, r),
	}
}

func (s *Sandbox) readerStatus(t *tx, r reader) string {
	if seen, ok := s.lastSeen[r.ID]; ok && t.atMs-seen < silentMs {
		return "online"
	}
	return "offline"
}

func (s *Sandbox) listReaders(t *tx, q query) (any, error) {
	if err := q.allow("limit", "starting_after", "device_type", "location", "serial_number", "status"); err != nil {
		return nil, err
	}
	fits := func(name, value string) bool {
		wanted := q.params.Get(name)
		return wanted == "" || wanted == value
	}
	var some []reader
	for _, r := range t.readers.all() {
		if fits("device_type", r.DeviceType) && fits("location", r.LocationID) && fits("serial_number", r.Serial) && fits("status", s.readerStatus(t, r)) {
			some = append(some, r)
		}
	}
	return list(q, "/v1/terminal/readers", some, func(r reader) any { return s.renderReader(t, r) })
}

func (s *Sandbox) getReader(t *tx, q query) (any, error) {
	if err := q.allow(); err != nil {
		return nil, err
	}
	r, ok := t.readers.get(q.id)
	if !ok {
		return nil, missing("terminal.reader", q.id)
	}
	return s.renderReader(t, r), nil
}

func renderLocation(l location) any {
	return map[string]any{
		"id":     l.ID,
		"object": "terminal.location",
		"address": map[string]any{
			"city": nullable(l.Address.City), "country": nullable(l.Address.Country),
			"line1": nullable(l.Address.Line1), "line2": nullable(l.Address.Line2),
			"postal_code": nullable(l.Address.PostalCode), "state": nullable(l.Address.State),
		},
		"configuration_overrides": nullable(l.Configuration),
		"display_name":            l.DisplayName,
		"livemode":                false,
		"metadata":                map[string]string{},
	}
}

func listLocations(t *tx, q query) (any, error) {
	if err := q.allow("limit", "starting_after"); err != nil {
		return nil, err
	}
	return list(q, "/v1/terminal/locations", t.locations.all(), renderLocation)
}

func getLocation(t *tx, q query) (any, error) {
	if err := q.allow(); err != nil {
		return nil, err
	}
	l, ok := t.locations.get(q.id)
	if !ok {
		return nil, missing("terminal.location", q.id)
	}
	return renderLocation(l), nil
}

func postLocation(t *tx, q query) (any, error) {
	if err := q.allow("display_name", "configuration_overrides"); err != nil {
		return nil, err
	}
	l, ok := t.locations.get(q.id)
	if !ok {
		return nil, missing("terminal.location", q.id)
	}
	if name := q.params.Get("display_name"); name != "" {
		if utf8.RuneCountInString(name) > 1000 {
			return nil, badRequest("", "display_name", "display_name is longer than 1000 characters")
		}
		l.DisplayName = name
	}
	if q.params.Has("configuration_overrides") {
		id := q.params.Get("configuration_overrides")
		if _, ok := t.configurations.get(id); !ok && id != "" {
			return nil, badRequest("resource_missing", "configuration_overrides", "No such configuration: '%s'", id)
		}
		l.Configuration = id
	}
	l.UpdatedAtMs = t.stamp()
	t.put(l)
	return renderLocation(l), nil
}

func renderConfiguration(c configuration) any {
	var offline any
	if c.Offline != nil {
		offline = map[string]any{"enabled": *c.Offline}
	}
	return map[string]any{
		"id":                 c.ID,
		"object":             "terminal.configuration",
		"is_account_default": c.Default,
		"livemode":           false,
		"name":               nullable(c.Name),
		"offline":            offline,
	}
}

func listConfigurations(t *tx, q query) (any, error) {
	if err := q.allow("limit", "starting_after", "is_account_default"); err != nil {
		return nil, err
	}
	only, err := q.boolean("is_account_default")
	if err != nil {
		return nil, err
	}
	var some []configuration
	for _, c := range t.configurations.all() {
		if only == nil || *only == c.Default {
			some = append(some, c)
		}
	}
	return list(q, "/v1/terminal/configurations", some, renderConfiguration)
}

func getConfiguration(t *tx, q query) (any, error) {
	if err := q.allow(); err != nil {
		return nil, err
	}
	c, ok := t.configurations.get(q.id)
	if !ok {
		return nil, missing("terminal.configuration", q.id)
	}
	return renderConfiguration(c), nil
}

// postConfiguration creates a configuration, or with an id changes one.
func postConfiguration(t *tx, q query) (any, error) {
	if err := q.allow("name", "offline", "offline[enabled]"); err != nil {
		return nil, err
	}
	c := configuration{ID: newID("tmc_"), CreatedAtMs: t.atMs}
	if q.id != "" {
		var ok bool
		if c, ok = t.configurations.get(q.id); !ok {
			return nil, missing("terminal.configuration", q.id)
		}
	}
	if name := q.params.Get("name"); name != "" {
		if utf8.RuneCountInString(name) > 100 {
			return nil, badRequest("", "name", "name is longer than 100 characters")
		}
		c.Name = name
	}
	// An empty offline unsets it: the account's default holds again.
	if q.params.Has("offline") {
		if q.params.Get("offline") != "" {
			return nil, badRequest("", "offline", "Invalid object")
		}
		c.Offline = nil
	}
	enabled, err := q.boolean("offline[enabled]")
	if err != nil {
		return nil, err
	}
	if enabled != nil {
		c.Offline = enabled
	}
	c.UpdatedAtMs = t.stamp()
	t.put(c)
	return renderConfiguration(c), nil
}
