package wire

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

// CollectInputsSimulation is how collectInputs ends: succeeded or timeout.
type CollectInputsSimulation struct {
	Result string `json:"result"`         // succeeded or timeout
	Skip   string `json:"skip,omitempty"` // none or all: what is not required is skipped
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

// CollectInputsParams asks the cardholder for up to five inputs, one after the
// other.
type CollectInputsParams struct {
	RequestID string         `json:"requestId"`
	Inputs    []CollectInput `json:"inputs"`
}

// CollectInput is one form.
type CollectInput struct {
	Type         string            `json:"type"` // email, numeric, phone, selection, signature, text
	Title        string            `json:"title"`
	Description  string            `json:"description,omitempty"`
	Required     bool              `json:"required,omitempty"`
	SkipButton   string            `json:"skipButton,omitempty"`
	SubmitButton string            `json:"submitButton,omitempty"`
	Choices      []SelectionChoice `json:"choices,omitempty"` // selection only
	Toggles      []Toggle          `json:"toggles,omitempty"`
}

// SelectionChoice is one button of a selection.
type SelectionChoice struct {
	ID    string `json:"id"`
	Text  string `json:"text"`
	Style string `json:"style,omitempty"` // primary or secondary
}

// Toggle is a switch below an input.
type Toggle struct {
	Title        string `json:"title,omitempty"`
	Description  string `json:"description,omitempty"`
	DefaultValue string `json:"defaultValue"` // enabled or disabled
}

// CollectInputsResult has one result for each input.
type CollectInputsResult struct {
	Results []InputResult `json:"results"`
}

// InputResult is what was entered.
type InputResult struct {
	Type        string   `json:"type"`
	Skipped     bool     `json:"skipped"`
	Value       string   `json:"value,omitempty"`       // of a signature: SVG
	SelectionID string   `json:"selectionId,omitempty"` // selection only
	Toggles     []string `json:"toggles,omitempty"`     // enabled or disabled, in order
}

// ReaderUpdate is newer software for the reader.
type ReaderUpdate struct {
	DeviceSoftwareVersion string `json:"deviceSoftwareVersion"`
	RequiredAtMs          int64  `json:"requiredAtMs"`
	EstimatedUpdateTime   string `json:"estimatedUpdateTime"` // lt1min, 1to2min, 2to5min, 5to15min
}
