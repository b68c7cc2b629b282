// Command keygen writes keys.json, the PUBLIC TEST KEYS of package emvtest, in the current directory:
//
//	go generate ./emvkernel/emvtest         # write
//	go run ./emvkernel/emvtest/keygen -check -file emvkernel/emvtest/keys.json
//
// With -check nothing is written; the exit code is 1 when the file is not what would be written.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"smartreader/emvkernel/emvtest"
)

func main() {
	check := flag.Bool("check", false, "compare instead of writing")
	file := flag.String("file", "keys.json", "the file to write or compare")
	flag.Parse()
	if err := run(*file, *check); err != nil {
		fmt.Fprintln(os.Stderr, "keygen:", err)
		os.Exit(1)
	}
}

func run(file string, check bool) error {
	want, err := emvtest.GenerateKeys()
	if err != nil {
		return err
	}
	if !check {
		return os.WriteFile(file, want, 0o644)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s is out of date: run go generate ./emvkernel/emvtest", file)
	}
	return nil
}
