package main

import "testing"

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
