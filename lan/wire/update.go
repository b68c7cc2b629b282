package wire

// How long an update takes.
const (
	UpdateUnderOneMinute = "lt1min"
	Update1To2Minutes    = "1to2min"
	Update2To5Minutes    = "2to5min"
	Update5To15Minutes   = "5to15min"
)

// ReaderUpdate is newer software for the reader.
type ReaderUpdate struct {
	DeviceSoftwareVersion string `json:"deviceSoftwareVersion"`
	RequiredAtMs          int64  `json:"requiredAtMs"`
	EstimatedUpdateTime   string `json:"estimatedUpdateTime"` // one of the Update* times
}
