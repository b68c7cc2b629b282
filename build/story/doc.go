// Package story plays a day in a shop against a reader, whatever the reader is
// made of, and checks that all of it held.
package story
