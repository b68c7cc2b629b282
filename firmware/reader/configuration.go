package reader

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"smartreader/display"
	"smartreader/emvkernel"
	"smartreader/emvkernel/oda"
	"smartreader/firmware/payment"
	"smartreader/firmware/platform"
	"smartreader/hal"
	"smartreader/store"
	"smartreader/store/seal"
)

// configuration is the platform's configuration, verified, and what the parts
// make of it.
type configuration struct {
	etag     string
	platform *platform.Config
	settings payment.Settings
}

const configBlob = "config"

// storedConfig is how the configuration is kept: as signed by the platform,
// so that what is loaded after a reboot is checked again. Keys are those it was
// verified with, never those it lists itself.
type storedConfig struct {
	ETag   string          `json:"etag"`
	Signed platform.Signed `json:"signed"`
	Keys   [][]byte        `json:"keys"` // SPKI DER
}

// signingKeys are the keys the platform may sign with now: the one from
// activation, and those of the configuration in force, so that it can rotate.
func (r *Reader) signingKeys() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := [][]byte{r.identity.SigningKey}
	if r.config != nil {
		keys = append(keys, r.config.platform.SigningKeys...)
	}
	return keys
}

func (r *Reader) loadConfiguration() error {
	data, err := r.store.Blob(configBlob)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reader: configuration: %w", err)
	}
	var kept storedConfig
	if err := json.Unmarshal(data, &kept); err != nil {
		return fmt.Errorf("reader: configuration: %w", err)
	}
	config, err := r.openConfiguration(kept)
	if err != nil {
		r.noteUnusable(err)
		// The platform has a good copy; without one nothing is accepted.
		r.log.Error("stored configuration not usable, a new one is needed", "err", err)
		return nil
	}
	r.setConfiguration(config)
	return nil
}

func (r *Reader) openConfiguration(kept storedConfig) (*configuration, error) {
	keys, err := platform.ParseSigningKeys(kept.Keys...)
	if err != nil {
		return nil, err
	}
	c, err := keys.OpenConfig(kept.Signed)
	if err != nil {
		return nil, err
	}
	if c.ReaderID != r.readerID() {
		return nil, fmt.Errorf("reader: configuration is for %s, not for this reader", c.ReaderID)
	}
	settings, err := settingsOf(c, r.board.Serial)
	if err != nil {
		return nil, err
	}
	return &configuration{etag: kept.ETag, platform: c, settings: settings}, nil
}

func (r *Reader) setConfiguration(c *configuration) {
	r.mu.Lock()
	before := r.config
	r.config, r.unusable = c, nil
	r.mu.Unlock()
	if r.forward != nil && before != nil && (before.platform.Livemode != c.platform.Livemode || before.platform.AccountID != c.platform.AccountID) {
		r.forward.Kick() // what was held for the mode may go now
	}
	if r.platform != nil { // else the client is made with them
		r.platform.Link().Configure(linkOptions(r.opt.Link, c.platform.Link))
	}
	r.screen.merchant(c.platform.Location.DisplayName)
	r.screen.speak(c.platform.Terminal.Languages)
}

// noteUnusable remembers, for the warnings, why the newest configuration is not in
// force; nil: it is.
func (r *Reader) noteUnusable(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unusable = err
}

// linkOptions are the thresholds the installation set, and the configuration's
// where it has some.
func linkOptions(o platform.LinkOptions, c platform.LinkSettings) platform.LinkOptions {
	set := func(d *time.Duration, ms int64) {
		if ms > 0 {
			*d = time.Duration(ms) * time.Millisecond
		}
	}
	if c.FailedAttempts > 0 {
		o.FailedAttempts = c.FailedAttempts
	}
	set(&o.ProbeTimeout, c.ProbeTimeoutMs)
	set(&o.OnlineInterval, c.OnlineIntervalMs)
	set(&o.RetryMin, c.RetryMinMs)
	set(&o.RetryMax, c.RetryMaxMs)
	return o
}

// offlineEnabled says whether payments may be stored at this Location.
func (r *Reader) offlineEnabled(c *configuration) bool {
	return c.platform.Offline.Enabled && (r.opt.Simulator == nil || r.opt.Simulator.OfflineEnabled())
}

func (r *Reader) configured() *configuration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config
}

func (r *Reader) settings() (payment.Settings, bool) {
	c := r.configured()
	if c == nil {
		return payment.Settings{}, false
	}
	settings := c.settings
	settings.Policy.Enabled = r.offlineEnabled(c)
	return settings, true
}

// awaitConfiguration waits for the first configuration. Later ones are read in
// the background.
func (r *Reader) awaitConfiguration(ctx context.Context) error {
	if r.configured() != nil {
		return nil
	}
	for wait := activationRetry; ; wait = min(2*wait, time.Minute) {
		err := r.fetchConfiguration(ctx)
		if err == nil {
			return nil
		}
		r.log.Warn("configuration not read, trying again", "err", err)
		if err := pause(ctx, wait/2+rand.N(wait/2)); err != nil {
			return err
		}
	}
}

// fetchConfiguration reads the configuration if there is a newer one, verifies
// and keeps it. An unusable one changes nothing.
func (r *Reader) fetchConfiguration(ctx context.Context) error {
	r.fetching.Lock() // one at a time, or an older answer could come last
	defer r.fetching.Unlock()
	etag := ""
	if c := r.configured(); c != nil {
		etag = c.etag
	}
	answer, err := r.platform.Config(ctx, etag)
	if err != nil {
		return err
	}
	if answer.NotModified {
		r.noteUnusable(nil)
		r.recheck()
		return nil
	}
	kept := storedConfig{ETag: answer.ETag, Signed: answer.Signed, Keys: r.signingKeys()}
	config, err := r.openConfiguration(kept)
	if err != nil {
		r.noteUnusable(err)
		return err
	}
	// One that was issued in the future, by a clock that was wrong, must not keep
	// out all that come after it.
	latest := r.now().Add(longestLeap).UnixMilli()
	if now := r.configured(); now != nil && config.platform.IssuedAtMs < min(now.platform.IssuedAtMs, latest) {
		return errors.New("reader: an older configuration than the one in force was refused; it might bring back a revoked POS")
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("reader: configuration: %w", err)
	}
	if err := r.store.PutBlob(ctx, configBlob, data); err != nil {
		return fmt.Errorf("reader: keep configuration: %w", err)
	}
	if err := r.journal(ctx, configBlob, data); err != nil {
		return err
	}
	r.setConfiguration(config)
	r.recheck()
	r.log.Info("configuration read", "location", config.platform.Location.ID, "offline", config.platform.Offline.Enabled)
	return nil
}

// recheck puts out the POS that the configuration does not let in any more, and
// sets the end of the others' sessions as it wants it.
func (r *Reader) recheck() {
	if r.lan == nil { // nobody is in yet
		return
	}
	config := r.configured()
	for _, posID := range config.platform.RevokedPOS {
		r.lan.Disconnect(posID)
	}
	r.mu.Lock()
	known := maps.Clone(r.posAdmitted)
	r.mu.Unlock()
	for posID, a := range known {
		if err := r.suits(config, a.credential); err != nil {
			r.log.Warn("POS put out by the configuration", "pos", posID, "err", err)
			r.lan.Disconnect(posID)
			r.mu.Lock()
			delete(r.posAdmitted, posID)
			r.mu.Unlock()
			continue
		}
		r.lan.RenewSession(posID, r.sessionEnd(a))
	}
}

// refreshConfiguration reads the configuration again at an interval, whenever
// the platform is back, and when it says that there is another one.
func (r *Reader) refreshConfiguration(ctx context.Context) error {
	ticker := time.NewTicker(r.opt.ConfigInterval)
	defer ticker.Stop()
	for {
		changed := r.platform.Link().Changed()
		if r.platform.Link().State() == platform.LinkOnline {
			if err := r.fetchConfiguration(ctx); err != nil && ctx.Err() == nil {
				r.log.Warn("configuration not read", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		case <-changed:
		case <-r.reread:
		}
	}
}

// settingsOf converts the platform's plain values into what a payment needs.
func settingsOf(c *platform.Config, serial string) (payment.Settings, error) {
	kernel, err := kernelConfig(c, serial)
	if err != nil {
		return payment.Settings{}, fmt.Errorf("reader: configuration: %w", err)
	}
	s := payment.Settings{
		ReaderID: c.ReaderID, Livemode: c.Livemode, Kernel: kernel,
		Country: c.Location.Country, InspectionOmit: c.Offline.Inspection == platform.InspectionOmit,
		DeferAfter:  time.Duration(c.Offline.DeferAfterMs) * time.Millisecond,
		CardDecides: c.Offline.WithoutIssuer == platform.WithoutIssuerCard,
	}
	if p := c.Terminal.PIN; p != nil {
		s.PINKey = p.Key
		if s.PINFormat = hal.ISOFormat4; p.Format == platform.PINFormat0 {
			s.PINFormat = hal.ISOFormat0
		}
	}
	if s.Tap, err = tapConfig(c, kernel); err != nil {
		return payment.Settings{}, fmt.Errorf("reader: configuration: %w", err)
	}
	s.Policy, err = policyOf(c)
	if err != nil {
		return payment.Settings{}, err
	}
	if len(c.SealKeys) > 0 {
		s.SealKey, err = seal.ParsePublicKey(c.SealKeys[0].ID, c.SealKeys[0].Key)
		if err != nil {
			return payment.Settings{}, fmt.Errorf("reader: configuration: sealKeys[0]: %w", err)
		}
	}
	return s, nil
}

func policyOf(c *platform.Config) (payment.Policy, error) {
	var rules []payment.Rule
	for _, l := range c.Offline.Limits {
		rules = append(rules, payment.Rule{
			Currency: l.Currency, Brand: l.Brand, EntryMode: l.EntryMode, CVM: l.CVM,
			Limit: payment.Limit{
				MaxAmount: l.MaxAmount, MaxCount: l.MaxCount, MaxStored: l.MaxStored, MaxAge: time.Duration(l.MaxAgeMs) * time.Millisecond,
				MaxPerCard: l.MaxPerCard, MaxStoredPerCard: l.MaxStoredPerCard, CardWindow: time.Duration(l.CardWindowMs) * time.Millisecond,
			},
		})
	}
	table := payment.ShippedEquivalents()
	if e := c.Offline.Equivalents; e != nil {
		asOf, err := time.Parse(time.DateOnly, e.AsOf)
		if err != nil {
			return payment.Policy{}, fmt.Errorf("reader: configuration: offline.equivalents.asOf: %w", err)
		}
		table = table.Newer(payment.Equivalents{AsOf: asOf, Amounts: e.Amounts})
	}
	policy := payment.NewPolicy(c.Offline.Enabled, rules, table, c.Location.Country, c.Offline.ContactlessSCA)
	policy.Unauthenticated = c.Offline.ContactlessUnauthenticated
	return policy, nil
}

func kernelConfig(c *platform.Config, serial string) (*emvkernel.Config, error) {
	d := &hexDecoder{}
	t := c.Terminal
	k := &emvkernel.Config{Test: !c.Livemode, Terminal: emvkernel.Terminal{
		Type:                   d.fixed("terminal.type", t.Type, 1)[0],
		Capabilities:           [3]byte(d.fixed("terminal.capabilities", t.Capabilities, 3)),
		AdditionalCapabilities: [5]byte(d.fixed("terminal.additionalCapabilities", t.AdditionalCapabilities, 5)),
		Country:                uint16(t.Country), SerialNumber: lastEight(serial), MerchantID: t.MerchantID, TerminalID: t.TerminalID,
		MerchantName: t.MerchantName, MCC: uint16(t.MCC), AcquirerID: d.bytes("terminal.acquirerId", t.AcquirerID), Languages: t.Languages,
	}}
	for i, a := range c.Applications {
		k.Applications = append(k.Applications, kernelApplication(d, fmt.Sprintf("applications[%d].", i), a))
	}
	for i, key := range c.CAKeys {
		name := func(field string) string { return fmt.Sprintf("caKeys[%d].%s", i, field) }
		k.CAKeys = append(k.CAKeys, oda.CAKey{
			RID: [5]byte(d.fixed(name("rid"), key.RID, 5)), Index: d.fixed(name("index"), key.Index, 1)[0],
			Modulus: d.bytes(name("modulus"), key.Modulus), Exponent: d.bytes(name("exponent"), key.Exponent),
			Expiry: key.Expiry, Checksum: d.bytes(name("checksum"), key.Checksum),
			Test: key.Mode == "test" || key.Mode == "" && !c.Livemode,
		})
	}
	for i, r := range c.Revoked {
		name := func(field string) string { return fmt.Sprintf("revoked[%d].%s", i, field) }
		k.Revoked = append(k.Revoked, oda.Revocation{
			RID: [5]byte(d.fixed(name("rid"), r.RID, 5)), Index: d.fixed(name("index"), r.Index, 1)[0], Serial: [3]byte(d.fixed(name("serial"), r.Serial, 3)),
		})
	}
	if len(k.Terminal.Languages) == 0 {
		k.Terminal.Languages = display.Languages()
	}
	if d.err != nil {
		return nil, d.err
	}
	return k, k.Validate()
}

func kernelApplication(d *hexDecoder, entry string, a platform.Application) emvkernel.Application {
	app := emvkernel.Application{
		AID: d.bytes(entry+"aid", a.AID), PartialMatch: a.PartialMatch, Brand: a.Brand,
		Version:     [2]byte(d.fixed(entry+"version", a.Version, 2)),
		TACDenial:   [5]byte(d.fixed(entry+"tacDenial", a.TACDenial, 5)),
		TACOnline:   [5]byte(d.fixed(entry+"tacOnline", a.TACOnline, 5)),
		TACDefault:  [5]byte(d.fixed(entry+"tacDefault", a.TACDefault, 5)),
		FloorLimit:  a.FloorLimit,
		DefaultDDOL: d.bytes(entry+"defaultDdol", a.DefaultDDOL), DefaultTDOL: d.bytes(entry+"defaultTdol", a.DefaultTDOL),
		Country: uint16(a.Country), OfflineApproval: a.OfflineApproval, PINBypass: a.PINBypass,
	}
	if a.FloorLimit > 0 { // below a floor of zero there is nothing to select from, whatever the numbers are
		app.RandomThreshold, app.RandomTarget, app.RandomMaximum = a.RandomThreshold, byte(a.RandomTarget), byte(a.RandomMaximum)
	}
	if a.Capabilities != "" {
		own := [3]byte(d.fixed(entry+"capabilities", a.Capabilities, 3))
		app.Capabilities = &own
	}
	if a.AdditionalCapabilities != "" {
		own := [5]byte(d.fixed(entry+"additionalCapabilities", a.AdditionalCapabilities, 5))
		app.AdditionalCapabilities = &own
	}
	if a.FloorCurrency != "" {
		number, err := payment.CurrencyNumber(a.FloorCurrency)
		if err != nil && d.err == nil {
			d.err = fmt.Errorf("%sfloorCurrency: %w", entry, err)
		}
		app.FloorCurrency = number
	}
	return app
}

// lastEight is the part of the serial number that fits 9F1E (an 8).
func lastEight(serial string) string {
	var kept []byte
	for _, c := range []byte(serial) {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
			kept = append(kept, c)
		}
	}
	if len(kept) > 8 {
		kept = kept[len(kept)-8:]
	}
	return fmt.Sprintf("%08s", kept)
}

// hexDecoder decodes fields and remembers the first that was wrong.
type hexDecoder struct{ err error }

func (d *hexDecoder) bytes(field, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("%s is not hexadecimal", field)
	}
	return b
}

func (d *hexDecoder) fixed(field, s string, n int) []byte {
	b := d.bytes(field, s)
	if len(b) != n {
		if d.err == nil {
			d.err = fmt.Errorf("%s has %d bytes, want %d", field, len(b), n)
		}
		return make([]byte, n)
	}
	return b
}
