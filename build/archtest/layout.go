package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// folders are the only ones at the top of the repository, beside hidden ones
// and what .gitignore names for output.
var folders = []string{"build", "display", "docs", "emvkernel", "firmware", "hal", "lan", "store"}

var output = []string{"out", "data"}

// drawers are names that say nothing about what is inside.
var drawers = []string{"util", "utils", "common", "types", "models", "helpers", "misc", "pkg", "internal"}

// CheckFolders returns the top-level folders that should not be there.
func CheckFolders(names []string) (broken []string) {
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && !slices.Contains(folders, name) && !slices.Contains(output, name) {
			broken = append(broken, fmt.Sprintf("folder %s: the top level has %s", name, strings.Join(folders, ", ")))
		}
	}
	return broken
}

// CheckPackages returns packages in wrong places, with names that say nothing,
// or without a doc comment.
func CheckPackages(packages []Package) (broken []string) {
	for _, p := range packages {
		path, ok := p.path()
		if !ok {
			continue
		}
		parts := strings.Split(path, "/")
		if !slices.Contains(folders, parts[0]) {
			broken = append(broken, fmt.Sprintf("package %s: packages lie in %s", path, strings.Join(folders, ", ")))
		}
		for _, part := range parts {
			if slices.Contains(drawers, part) {
				broken = append(broken, fmt.Sprintf("package %s: %q is a drawer, not a name", path, part))
			}
		}
		if strings.TrimSpace(p.Doc) == "" {
			broken = append(broken, fmt.Sprintf("package %s has no doc comment", path))
		}
	}
	return broken
}
