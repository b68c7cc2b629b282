package store

import (
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/dgraph-io/badger/v4/options"
)

// Each of these was measured; a change of Badger's defaults, or a tidy hand,
// must not undo one.
func TestBadgerOptionsAreTheMeasuredOnes(t *testing.T) {
	o := badgerOptions("dir", nil)
	for name, ok := range map[string]bool{
		"SyncWrites":            o.SyncWrites,
		"all values inline":     o.ValueThreshold > maxValueBytes,
		"small memtable":        o.MemTableSize == 2<<20 && o.NumMemtables == 1,
		"checksums on open":     o.ChecksumVerificationMode == options.OnTableRead,
		"value checksums":       o.VerifyValueChecksum,
		"no compression":        o.Compression == options.None,
		"no caches":             o.BlockCacheSize == 0 && o.IndexCacheSize == 0,
		"level zero":            o.NumLevelZeroTables == 5 && o.NumLevelZeroTablesStall == 10,
		"small tables":          o.BaseTableSize == 1<<20 && o.BaseLevelSize == 4<<20 && o.TableSizeMultiplier == 1,
		"small value log":       o.ValueLogFileSize == 1<<20,
		"schema as magic":       o.ExternalMagicVersion == schemaVersion,
		"a batch fits":          maxBatchBytes < o.MemTableSize*15/100 && maxBatchBytes > maxValueBytes,
		"two compactors":        o.NumCompactors == 2 && o.NumGoroutines == 1,
		"metrics are off":       !o.MetricsEnabled,
		"inline values allowed": o.ValueThreshold <= o.MemTableSize*15/100,
	} {
		if !ok {
			t.Error(name)
		}
	}
}

// On 32 bits Badger destroys data, so the package must not compile there.
func TestThirtyTwoBitBuildsAreRefused(t *testing.T) {
	const name = "bits32.go"
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(source), "\n")
	tag, err := constraint.Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	for arch, wide := range map[string]bool{
		"386": false, "arm": false, "mips": false, "mipsle": false,
		"amd64": true, "arm64": true, "riscv64": true, "loong64": true, "ppc64le": true, "s390x": true, "mips64": true,
	} {
		if refused := tag.Eval(func(t string) bool { return t == arch }); refused == wide {
			t.Errorf("%s: refused %v", arch, refused)
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	undefined := false
	ast.Inspect(file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == "theStoreNeedsA64BitPlatform" {
			undefined = true
		}
		return true
	})
	if !undefined {
		t.Error("nothing in the file stops a build")
	}
}
