package archtest

import (
	"bytes"
	"fmt"
)

// testOnly are packages that must not be in the production program: invariant
// 9, "production contains no simulator and no test key".
var testOnly = []string{"hal/sim", "store/disktest", "hal/haltest/**", "emvkernel/emvtest/**", "build/**", "lan/pos"}

// traces are strings that show in a program file what go list cannot see: code
// behind a build tag, and test code whatever way it came in.
var traces = []string{
	"SMARTREADER_KILLPOINT", // store/killpoint, tag killpoints
	Module + "/hal/sim",
	Module + "/emvkernel/emvtest",
	Module + "/build/",
}

// CheckProduction returns the packages among those the production program is
// made of that must not be there.
func CheckProduction(packages []Package) (broken []string) {
	for _, p := range packages {
		if path, ok := p.path(); ok && anyMatch(testOnly, path) {
			broken = append(broken, fmt.Sprintf("the production program contains %s", path))
		}
		if p.ImportPath == "testing" {
			broken = append(broken, "the production program contains package testing")
		}
	}
	return broken
}

// CheckProgram returns the traces of test code in a program file.
func CheckProgram(program []byte) (broken []string) {
	for _, trace := range traces {
		if bytes.Contains(program, []byte(trace)) {
			broken = append(broken, fmt.Sprintf("the production program contains the string %q", trace))
		}
	}
	return broken
}
