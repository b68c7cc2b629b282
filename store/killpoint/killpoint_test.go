package killpoint

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestNamesAreDistinct(t *testing.T) {
	all := Names()
	for i, name := range all {
		if slices.Contains(all[:i], name) {
			t.Errorf("%s is listed twice", name)
		}
		if !strings.Contains(name, ".") {
			t.Errorf("%s does not say which package marks it", name)
		}
	}
	all[0] = "changed"
	if Names()[0] == "changed" {
		t.Error("Names hands out its own list")
	}
}

// A point marked in the code but missing here would never be tested, and one
// of ours listed but marked nowhere would be tested for nothing.
func TestStoreMarksWhatIsListed(t *testing.T) {
	hit := regexp.MustCompile(`killpoint\.Hit\("([^"]+)"\)`)
	marked := map[string]bool{}
	for _, dir := range []string{"..", "../forward"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no Go files in %s: %v", dir, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range hit.FindAllSubmatch(source, -1) {
				marked[string(match[1])] = true
			}
		}
	}
	for name := range marked {
		if !slices.Contains(names, name) {
			t.Errorf("%s is marked but not listed", name)
		}
	}
	for _, name := range names {
		ours := strings.HasPrefix(name, "store.") || strings.HasPrefix(name, "forward.")
		if ours && !marked[name] {
			t.Errorf("%s is listed but marked nowhere", name)
		}
	}
}
