//go:build !linux

package main

// stage does nothing: devices run Linux.
func stage() {}
