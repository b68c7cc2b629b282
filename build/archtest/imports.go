package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// allowed says which packages of ours a package may import. "a/**" is a and all
// below it. The first rule that fits counts. A package without a rule is an
// error: whoever adds one decides here what it may know.
var allowed = []struct {
	pkg string
	may []string
}{
	{"emvkernel/emv", []string{"emvkernel/**", "hal", "hal/ccid/**"}}, // a main, run by hand
	{"emvkernel/emvtest/**", []string{"emvkernel/**"}},
	// The kernel knows none of those around it, and nothing of a live reader knows the test cards.
	{"emvkernel", []string{"emvkernel/apdu", "emvkernel/tlv", "emvkernel/oda"}},
	{"emvkernel/oda", []string{"emvkernel/tlv"}},
	// Entry Point knows no kernel and a kernel no Entry Point: each is added without touching the others.
	{"emvkernel/entry", []string{"emvkernel", "emvkernel/apdu", "emvkernel/tlv", "emvkernel/tap"}},
	{"emvkernel/transcript", []string{"emvkernel", "emvkernel/apdu", "emvkernel/tlv", "emvkernel/oda", "emvkernel/tap", "emvkernel/entry"}},
	{"emvkernel/**", []string{"emvkernel", "emvkernel/apdu", "emvkernel/tlv", "emvkernel/oda", "emvkernel/tap"}},
	{"hal/**", []string{"hal/**"}},
	{"store/**", []string{"store/**"}},
	{"lan/**", []string{"lan/**"}},
	{"display", nil},
	{"firmware/boot", []string{"hal/fb", "hal/watchdog"}},
	{"firmware/payment", []string{"hal", "emvkernel", "emvkernel/apdu", "emvkernel/entry", "emvkernel/oda", "emvkernel/tap", "emvkernel/tlv", "emvkernel/transcript", "store", "store/seal", "store/killpoint"}},
	{"firmware/platform", []string{"store/seal", "store/killpoint"}},
	{"firmware/reader", []string{"hal", "hal/softpad", "emvkernel", "emvkernel/c2", "emvkernel/c3", "emvkernel/entry", "emvkernel/oda", "emvkernel/tap", "emvkernel/transcript", "store/**", "lan/**", "display", "firmware/payment", "firmware/platform"}},
	{"firmware", []string{"hal", "hal/board", "hal/watchdog", "firmware/**", "store", "lan", "display", "emvkernel"}},
	{"build/**", []string{"**"}},
}

// only says who may import a package of others, test files included.
var only = []struct {
	prefix string
	may    []string
}{
	{"github.com/dgraph-io/", []string{"store"}},
	{"periph.io/x/host/", []string{"hal/board"}},
	{"periph.io/x/devices/", []string{"hal/ssd1306"}},
}

// CheckImports returns every import that the rules forbid.
func CheckImports(packages []Package) (broken []string) {
	mains := map[string]bool{}
	for _, p := range packages {
		if p.Name == "main" {
			mains[p.ImportPath] = true
		}
	}
	for _, p := range packages {
		path, ok := p.path()
		if !ok {
			continue
		}
		may, ok := rule(path)
		if !ok {
			broken = append(broken, fmt.Sprintf("%s: no import rule; add one to build/archtest/imports.go", path))
		}
		for _, i := range p.Imports {
			if target, ours := ours(i); ours && ok && !anyMatch(may, target) {
				broken = append(broken, fmt.Sprintf("%s imports %s; it may import %s", path, target, orNothing(may)))
			}
		}
		for _, i := range slices.Concat(p.Imports, p.testImports()) {
			if mains[i] {
				broken = append(broken, fmt.Sprintf("%s imports %s, a main", path, i))
			}
			for _, o := range only {
				if strings.HasPrefix(i, o.prefix) && !slices.Contains(o.may, path) {
					broken = append(broken, fmt.Sprintf("%s imports %s; only %s may", path, i, strings.Join(o.may, ", ")))
				}
			}
		}
	}
	return broken
}

func rule(path string) (may []string, ok bool) {
	for _, r := range allowed {
		if match(r.pkg, path) {
			return r.may, true
		}
	}
	return nil, false
}

func anyMatch(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return match(pattern, path) })
}

func match(pattern, path string) bool {
	if pattern == "**" {
		return true
	}
	top, below := strings.CutSuffix(pattern, "/**")
	return path == top || below && strings.HasPrefix(path, top+"/")
}

func orNothing(may []string) string {
	if len(may) == 0 {
		return "nothing of ours"
	}
	return strings.Join(may, ", ")
}
