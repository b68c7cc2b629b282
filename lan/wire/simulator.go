package wire

import "fmt"

// SimulatorConfiguration sets how a simulated reader behaves. A member that is
// absent keeps its value. Other readers answer UNSUPPORTED_OPERATION.
type SimulatorConfiguration struct {
	AvailableReaderUpdate        *string                  `json:"availableReaderUpdate,omitempty"` // one of the SimulatedUpdate* values
	SimulatedCard                *SimulatedCard           `json:"simulatedCard,omitempty"`         // presented by itself at every collect
	SimulatedTipAmount           *int64                   `json:"simulatedTipAmount,omitempty"`    // minor units the cardholder adds, unless tipping is skipped; 0: none
	OfflineEnabled               *bool                    `json:"offlineEnabled,omitempty"`        // false: as if the Location did not allow offline payments
	SimulatedCollectInputsResult *CollectInputsSimulation `json:"simulatedCollectInputsResult,omitempty"`
	SimulatedOfflineMode         *SimulatedOfflineMode    `json:"simulatedOfflineMode,omitempty"`
}

// SimulatedCard is a test card, by number or by the name of its profile. Both
// empty: no card is presented by itself.
type SimulatedCard struct {
	TestCardNumber    string `json:"testCardNumber,omitempty"`
	TestPaymentMethod string `json:"testPaymentMethod,omitempty"` // such as visa, mastercard_debit, charge_declined
}

// Simulated updates.
const (
	SimulatedUpdateAvailable                = "available" // 7 days' notice
	SimulatedUpdateNone                     = "none"
	SimulatedUpdateRequired                 = "required"                 // takes a minute; an offline connect is still let in
	SimulatedUpdateRequiredForOffline       = "requiredForOffline"       // an offline connect is refused
	SimulatedUpdateLowBattery               = "lowBattery"               // connect fails
	SimulatedUpdateLowBatterySucceedConnect = "lowBatterySucceedConnect" // the update fails, connect does not
	SimulatedUpdateRandom                   = "random"
)

// How a simulated collectInputs ends.
const (
	InputsSucceeded = "succeeded"
	InputsTimeout   = "timeout"

	SkipNone = "none"
	SkipAll  = "all"
)

// CollectInputsSimulation is how collectInputs ends.
type CollectInputsSimulation struct {
	Result string `json:"result"`         // InputsSucceeded or InputsTimeout
	Skip   string `json:"skip,omitempty"` // SkipNone (default) or SkipAll: what is not required is skipped
}

// SimulatedOfflineMode cuts the internet of the POS's side and of the reader
// separately.
type SimulatedOfflineMode struct {
	SDK    string `json:"sdk,omitempty"` // one of the Simulated* offline modes; empty: unchanged
	Reader string `json:"reader,omitempty"`
}

// Simulated offline modes.
const (
	SimulatedOnline              = "disabled"
	SimulatedOfflineImmediate    = "offlineImmediate"    // requests fail at once
	SimulatedOfflineTimeout      = "offlineTimeout"      // requests hang for 15 s, then fail
	SimulatedOfflineIntermittent = "offlineIntermittent" // about half of the requests fail
)

// SetSimulatorConfigurationParams changes the simulation; the result is a
// SimulatorConfiguration with all members.
type SetSimulatorConfigurationParams struct {
	RequestID string `json:"requestId"`
	SimulatorConfiguration
}

// Validate implements Params.
func (p *SetSimulatorConfigurationParams) Validate() error {
	return first(
		requestID(p.RequestID), p.update(), p.SimulatedCard.validate(), p.tip(),
		p.SimulatedCollectInputsResult.validate(), p.SimulatedOfflineMode.validate(),
	)
}

func (c *SimulatorConfiguration) update() *Error {
	if c.AvailableReaderUpdate == nil {
		return nil
	}
	return mustBe("availableReaderUpdate", *c.AvailableReaderUpdate,
		SimulatedUpdateAvailable, SimulatedUpdateNone, SimulatedUpdateRequired, SimulatedUpdateRequiredForOffline,
		SimulatedUpdateLowBattery, SimulatedUpdateLowBatterySucceedConnect, SimulatedUpdateRandom)
}

func (c *SimulatorConfiguration) tip() *Error {
	if t := c.SimulatedTipAmount; t != nil && (*t < 0 || *t > MaxAmount) {
		return invalid("simulatedTipAmount", fmt.Sprintf("must be from 0 to %d minor units", MaxAmount))
	}
	return nil
}

func (c *SimulatedCard) validate() *Error {
	switch {
	case c == nil:
		return nil
	case c.TestCardNumber != "" && c.TestPaymentMethod != "":
		return invalid("simulatedCard", "must have testCardNumber or testPaymentMethod, not both")
	case c.TestCardNumber != "" && !cardNumber(c.TestCardNumber):
		return invalid("simulatedCard.testCardNumber", "must be 12 to 19 digits")
	}
	return optionalToken("simulatedCard.testPaymentMethod", c.TestPaymentMethod, 100)
}

func cardNumber(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) >= 12 && len(s) <= 19
}

func (c *CollectInputsSimulation) validate() *Error {
	if c == nil {
		return nil
	}
	if e := mustBe("simulatedCollectInputsResult.result", c.Result, InputsSucceeded, InputsTimeout); e != nil {
		return e
	}
	return oneOf("simulatedCollectInputsResult.skip", c.Skip, SkipNone, SkipAll)
}

func (m *SimulatedOfflineMode) validate() *Error {
	if m == nil {
		return nil
	}
	modes := []string{SimulatedOnline, SimulatedOfflineImmediate, SimulatedOfflineTimeout, SimulatedOfflineIntermittent}
	if e := oneOf("simulatedOfflineMode.sdk", m.SDK, modes...); e != nil {
		return e
	}
	return oneOf("simulatedOfflineMode.reader", m.Reader, modes...)
}
