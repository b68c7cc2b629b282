//go:build !linux

package reader

// gatewayFingerprint is known on Linux only, which readers run; elsewhere a
// reader is on a desk.
func gatewayFingerprint() string { return "" }
