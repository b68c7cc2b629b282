package main

import (
	"slices"
	"testing"
)

func FuzzRequirements(f *testing.F) {
	f.Add("module x\n\nrequire (\n\ta v1 // why\n\tb v1\n\tc v1 // indirect\n)\nrequire d v1\n")
	f.Add("require(\nrequire (\n)\n)")
	f.Fuzz(func(t *testing.T, gomod string) {
		direct, unexplained := requirements(gomod)
		for _, path := range unexplained {
			if path == "" || !slices.Contains(direct, path) {
				t.Errorf("%q is not among %q", path, direct)
			}
		}
	})
}

func FuzzParseTargets(f *testing.F) {
	f.Add("FuzzA\nok  \tsmartreader/store\t0.1s\n")
	f.Add("ok\nFuzz Fuzz\nok a b c")
	f.Fuzz(func(t *testing.T, out string) {
		for _, target := range parseTargets(out) {
			if target.pkg == "" || target.name == "" {
				t.Errorf("half a target: %q", target)
			}
		}
	})
}
