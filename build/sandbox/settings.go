package sandbox

import (
	"cmp"
	"io"
	"net/http"

	"smartreader/firmware/platform"
)

// Settings are the parts of a reader's configuration that the public API has no
// field for, and the platform's own rule about age. They are set for the
// account, or for one Location, which comes first; a member that is absent is
// inherited, in the end from what the sandbox ships with.
type Settings struct {
	Location string `json:"location,omitempty"` // tml_...; empty: the account's

	// As in platform.Offline.
	Limits          []platform.OfflineLimit `json:"limits,omitzero"` // [] allows no currency
	Equivalents     *platform.Equivalents   `json:"equivalents,omitempty"`
	ConfigMaxAgeMs  *int64                  `json:"configMaxAgeMs,omitempty"`
	SessionMaxAgeMs *int64                  `json:"sessionMaxAgeMs,omitempty"`
	RequirePaired   *bool                   `json:"requirePaired,omitempty"`
	AnyNetwork      *bool                   `json:"anyNetwork,omitempty"`
	Inspection      *string                 `json:"inspection,omitempty"`
	ContactlessSCA  *bool                   `json:"contactlessSca,omitempty"`
	// ContactlessUnauthenticated lets taps be stored without card authentication.
	ContactlessUnauthenticated *bool   `json:"contactlessUnauthenticated,omitempty"`
	WithoutIssuer              *string `json:"withoutIssuer,omitempty"`
	DeferAfterMs               *int64  `json:"deferAfterMs,omitempty"`
	ForwardInFlight            *int    `json:"forwardInFlight,omitempty"`
	ReceiptDays                *int    `json:"receiptDays,omitempty"`

	// FloorLimit, in minor units of the Location's currency, and OfflineApproval
	// go into every application: below the limit a card may then approve by itself.
	FloorLimit      *int64 `json:"floorLimit,omitempty"`
	OfflineApproval *bool  `json:"offlineApproval,omitempty"`
	PINBypass       *bool  `json:"pinBypass,omitempty"`
	// PINFormat of online PINs: platform.PINFormat4 unless set.
	PINFormat *string `json:"pinFormat,omitempty"`

	// Contactless lets cards be tapped, unless it is false; with ContactlessLimits
	// instead of the sandbox's own.
	Contactless       *bool                        `json:"contactless,omitempty"`
	ContactlessLimits []platform.ContactlessLimits `json:"contactlessLimits,omitzero"`

	// Country is where readers believe to be (ISO 3166 alpha-2), in place of the
	// Location's own, which the public API says, and cannot change either. Terminal
	// data and currency stay.
	Country *string `json:"country,omitempty"`

	Link *platform.LinkSettings `json:"link,omitempty"`

	// SoftwareVersion announces a release. SoftwareNotAfterMs, when absent, is a
	// month after the reader was last seen with that release; 0 is never.
	SoftwareVersion    *string `json:"softwareVersion,omitempty"`
	SoftwareNotAfterMs *int64  `json:"softwareNotAfterMs,omitempty"`

	// PaymentMaxAgeMs makes the platform refuse (CodeTooOld) what was stored
	// longer ago; absent or 0: it takes payments of any age.
	PaymentMaxAgeMs *int64 `json:"paymentMaxAgeMs,omitempty"`
}

// Offline connects follow the contract's defaults: an online connect within 30
// days, no bound on one session.
const configMaxAgeMs = 30 * dayMs

const (
	dayMs = 24 * 3600 * 1000

	// softwareLifeMs counts from the start of a UTC day, so that what a reader
	// is told changes once a day: at least 30 days from its last contact.
	softwareLifeMs = 31 * dayMs
)

// over returns the settings with base's where they have none.
func (s Settings) over(base Settings) Settings {
	if s.Limits == nil {
		s.Limits = base.Limits
	}
	s.Equivalents = cmp.Or(s.Equivalents, base.Equivalents)
	s.ConfigMaxAgeMs = cmp.Or(s.ConfigMaxAgeMs, base.ConfigMaxAgeMs)
	s.SessionMaxAgeMs = cmp.Or(s.SessionMaxAgeMs, base.SessionMaxAgeMs)
	s.RequirePaired = cmp.Or(s.RequirePaired, base.RequirePaired)
	s.AnyNetwork = cmp.Or(s.AnyNetwork, base.AnyNetwork)
	s.Inspection = cmp.Or(s.Inspection, base.Inspection)
	s.ContactlessSCA = cmp.Or(s.ContactlessSCA, base.ContactlessSCA)
	s.ContactlessUnauthenticated = cmp.Or(s.ContactlessUnauthenticated, base.ContactlessUnauthenticated)
	s.Contactless = cmp.Or(s.Contactless, base.Contactless)
	if s.ContactlessLimits == nil {
		s.ContactlessLimits = base.ContactlessLimits
	}
	s.WithoutIssuer = cmp.Or(s.WithoutIssuer, base.WithoutIssuer)
	s.FloorLimit = cmp.Or(s.FloorLimit, base.FloorLimit)
	s.OfflineApproval = cmp.Or(s.OfflineApproval, base.OfflineApproval)
	s.PINBypass = cmp.Or(s.PINBypass, base.PINBypass)
	s.PINFormat = cmp.Or(s.PINFormat, base.PINFormat)
	s.DeferAfterMs = cmp.Or(s.DeferAfterMs, base.DeferAfterMs)
	s.ForwardInFlight = cmp.Or(s.ForwardInFlight, base.ForwardInFlight)
	s.ReceiptDays = cmp.Or(s.ReceiptDays, base.ReceiptDays)
	s.Country = cmp.Or(s.Country, base.Country)
	s.Link = cmp.Or(s.Link, base.Link)
	s.SoftwareVersion = cmp.Or(s.SoftwareVersion, base.SoftwareVersion)
	s.SoftwareNotAfterMs = cmp.Or(s.SoftwareNotAfterMs, base.SoftwareNotAfterMs)
	s.PaymentMaxAgeMs = cmp.Or(s.PaymentMaxAgeMs, base.PaymentMaxAgeMs)
	return s
}

// known dereferences a setting; what nobody set is its zero value.
func known[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// place is the Location as readers are told of it.
func (s Settings) place(l location) platform.Location {
	p := l.Location
	if s.Country != nil {
		p.Country, p.Address.Country = *s.Country, *s.Country
	}
	return p
}

// offline is the settings' part of a configuration.
func (s Settings) offline(l location, enabled bool) platform.Offline {
	o := platform.Offline{
		Enabled: enabled, Limits: s.Limits, Equivalents: s.Equivalents,
		ConfigMaxAgeMs: configMaxAgeMs, SessionMaxAgeMs: known(s.SessionMaxAgeMs),
		RequirePaired: known(s.RequirePaired), AnyNetwork: known(s.AnyNetwork),
		Inspection: known(s.Inspection), ContactlessSCA: known(s.ContactlessSCA),
		ContactlessUnauthenticated: known(s.ContactlessUnauthenticated), WithoutIssuer: known(s.WithoutIssuer),
		DeferAfterMs: known(s.DeferAfterMs), ForwardInFlight: known(s.ForwardInFlight), ReceiptDays: known(s.ReceiptDays),
	}
	if s.ConfigMaxAgeMs != nil {
		o.ConfigMaxAgeMs = *s.ConfigMaxAgeMs
	}
	if o.Limits == nil {
		o.Limits = []platform.OfflineLimit{{Currency: l.Currency}}
	}
	return o
}

// softwareNotAfterMs is when the reader's software must have been replaced.
func (s Settings) softwareNotAfterMs(rd reader) int64 {
	switch {
	case s.SoftwareNotAfterMs != nil:
		return *s.SoftwareNotAfterMs
	case rd.CurrentAtMs == 0:
		return 0
	}
	return rd.CurrentAtMs + softwareLifeMs
}

// settingsOf resolves the settings for a Location.
func (s *Sandbox) settingsOf(st *state, locationID string) Settings {
	own, _ := st.settings.get(locationID)
	account, _ := st.settings.get(accountSettings)
	return own.Settings.over(account.Settings).over(Settings{Limits: s.opts.OfflineLimits})
}

// Settings returns what is set for the Location, or with "" for the account,
// without what is inherited.
func (s *Sandbox) Settings(locationID string) Settings {
	var o settings
	s.view(func(st *state) { o, _ = st.settings.get(cmp.Or(locationID, accountSettings)) })
	o.Location = locationID
	return o.Settings
}

// SetSettings replaces the settings of the Location, or of the account. It
// refuses what makes no usable configuration for one of the Locations
// concerned; the error names the member.
func (s *Sandbox) SetSettings(set Settings) error {
	return s.update(func(t *tx) error {
		if _, ok := t.locations.get(set.Location); set.Location != "" && !ok {
			return invalid("location: there is no %s", set.Location)
		}
		if err := set.check(); err != nil {
			return err
		}
		account, _ := t.settings.get(accountSettings)
		for _, l := range t.locations.all() {
			own, _ := t.settings.get(l.ID)
			trial := own.Settings.over(set)
			if set.Location == l.ID {
				trial = set.over(account.Settings)
			} else if set.Location != "" {
				continue
			}
			rd := reader{Reader: platform.Reader{ID: "tmr_trial", LocationID: l.ID}}
			if _, err := s.build(t.state, rd, trial.over(Settings{Limits: s.opts.OfflineLimits})); err != nil {
				return inSettings(err)
			}
		}
		t.put(settings{Settings: set, UpdatedAtMs: t.stamp()})
		return nil
	})
}

// sawCurrent notes the day on which a reader was there with the announced
// software, or with any while none is announced.
func (s *Sandbox) sawCurrent(t *tx, rd reader) reader {
	announced := known(s.settingsOf(t.state, rd.LocationID).SoftwareVersion)
	day := t.atMs - t.atMs%dayMs
	if announced != "" && announced != rd.Software || rd.CurrentAtMs == day {
		return rd
	}
	rd.CurrentAtMs, rd.UpdatedAtMs = day, t.stamp()
	t.put(rd)
	return rd
}

// settingsControl mounts GET and PUT /control/platform/offline.
func (s *Sandbox) settingsControl(mux *http.ServeMux) {
	const path = " /control/platform/offline"
	mux.HandleFunc("GET"+path, func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, s.Settings(r.URL.Query().Get("location")))
	})
	mux.HandleFunc("PUT"+path, func(w http.ResponseWriter, r *http.Request) {
		var set Settings
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err == nil {
			err = DecodeObject(body, &set) // a misspelt limit must not be no limit
		}
		if err != nil {
			s.refuse(w, invalid("the body is not a settings object: %v", err))
			return
		}
		if err := s.SetSettings(set); err != nil {
			s.refuse(w, err)
			return
		}
		writeJSON(w, http.StatusOK, s.Settings(set.Location))
	})
}
