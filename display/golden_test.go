package display

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

var update = flag.Bool("update", false, "write the golden pictures anew; look at each before you commit it")

// goldens are all screens at 480 x 320; the file name is the key.
var goldens = map[string]View{
	"starting":             {Kind: Starting, Merchant: "Blue Bottle Bakery", Message: "Checking stored payments"},
	"not-ready":            {Kind: NotReady, Merchant: "Blue Bottle Bakery", Message: "Chip card reader not found. Plug it in."},
	"idle":                 {Kind: Idle, Merchant: "Blue Bottle Bakery"},
	"idle-staff-offline":   {Kind: Idle, Merchant: "Blue Bottle Bakery", Badge: &Badge{Queued: 3}},
	"idle-staff-online":    {Kind: Idle, Merchant: "Blue Bottle Bakery", Badge: &Badge{Online: true}},
	"present-card":         {Kind: PresentCard, Merchant: "Blue Bottle Bakery", Amount: 1250, Currency: "usd", Entries: Insert | Tap},
	"present-card-insert":  {Kind: PresentCard, Merchant: "Blue Bottle Bakery", Amount: 1250, Currency: "usd", Entries: Insert},
	"present-card-all":     {Kind: PresentCard, Merchant: "Blue Bottle Bakery", Amount: 999999999, Currency: "usd", Entries: Insert | Tap | Swipe},
	"present-card-de":      {Kind: PresentCard, Language: "de", Merchant: "Bäckerei Süßkind & Söhne, Straße des 17. Juni", Amount: 123456789, Currency: "eur", Entries: Insert | Tap},
	"present-card-fr":      {Kind: PresentCard, Language: "fr", Merchant: "Boulangerie Lefèvre", Amount: 425000, Currency: "eur", Entries: Insert | Tap},
	"present-card-es-yen":  {Kind: PresentCard, Language: "es", Merchant: "Panadería Muñoz", Amount: 1250, Currency: "jpy", Entries: Tap},
	"present-card-unknown": {Kind: PresentCard, Merchant: "Blue Bottle Bakery", Amount: 1250, Currency: "zzz", Entries: Insert},
	"choose":               {Kind: Choose, Merchant: "Blue Bottle Bakery", Amount: 1250, Currency: "usd", Options: []string{"Visa Debit", "VISA CREDIT"}},
	"choose-confirm":       {Kind: Choose, Merchant: "Blue Bottle Bakery", Amount: 1250, Currency: "usd", Options: []string{"Visa Debit"}},
	"choose-many": {Kind: Choose, Language: "de", Merchant: "Bäckerei", Amount: 123456789, Currency: "eur", Selected: 1,
		Options: []string{"Girocard", "ЭЛЕКТРОННАЯ МИР", "ΚΑΡΤΑ ΠΛΗΡΩΜΩΝ", "מאסטרקארד", "MASTERCARD"}},
	"choose-more": {Kind: Choose, Language: "fr", Merchant: "Boulangerie Lefèvre", Amount: 425000, Currency: "eur", Selected: 4,
		Options: []string{"CB", "VISA", "VISA DEBIT", "MAESTRO", "WWWWWWWWWWWWWWWW"}},
	"enter-pin":          {Kind: EnterPIN, Merchant: "Blue Bottle Bakery", Amount: 1250, Currency: "usd", Entered: 3},
	"enter-pin-empty":    {Kind: EnterPIN, Merchant: "Blue Bottle Bakery", Amount: 1250, Currency: "usd", MayBypass: true},
	"enter-pin-last-try": {Kind: EnterPIN, Language: "es", Merchant: "Panadería Muñoz", Amount: 1250, Currency: "eur", WrongPIN: true, LastTry: true, MayBypass: true},
	"enter-pin-twelve":   {Kind: EnterPIN, Language: "de", Merchant: "Bäckerei", Amount: 123456789, Currency: "eur", Entered: 12, WrongPIN: true, MayBypass: true},
	"processing":         {Kind: Processing, Merchant: "Blue Bottle Bakery", Amount: 1250, Currency: "usd", KeepCard: true},
	"accepted":           {Kind: Accepted, Merchant: "Blue Bottle Bakery", Amount: 1250, Currency: "usd"},
	"approved":           {Kind: Accepted, Merchant: "Blue Bottle Bakery", Amount: 1250, Currency: "usd", IssuerApproved: true},
	"declined":           {Kind: Declined, Merchant: "Blue Bottle Bakery"},
	"remove-card":        {Kind: RemoveCard, Merchant: "Blue Bottle Bakery"},
	"try-again":          {Kind: TryAgain, Merchant: "Blue Bottle Bakery", Entries: Insert},
	"error":              {Kind: Error, Merchant: "Blue Bottle Bakery"},
	"error-message":      {Kind: Error, Language: "de", Merchant: "Bäckerei", Message: "Diese Karte wird hier leider nicht angenommen"},
}

var goldenSize = image.Pt(480, 320)

// sheets are what a cardholder sees of a tap, a picture in every language at
// 320 x 240, where there is the least room for words; the file name is the key. The
// small screen's has "small-" before it.
var sheets = map[string]View{
	"present-card": {Kind: PresentCard, Merchant: "Café Muñoz", Amount: 1250, Currency: "eur", Entries: Insert | Tap | Swipe},
	"processing":   {Kind: Processing, Merchant: "Café Muñoz"},
	"card-read":    {Kind: CardRead, Merchant: "Café Muñoz", Amount: 1250, Currency: "eur"},
	"try-again":    {Kind: TryAgain, Merchant: "Café Muñoz", Entries: Insert | Tap},
	"one-card":     {Kind: OneCard, Merchant: "Café Muñoz", Entries: Insert | Tap},
	"tap-again":    {Kind: TapAgain, Merchant: "Café Muñoz", Entries: Insert | Tap},
	"see-phone":    {Kind: SeePhone, Merchant: "Café Muñoz", Entries: Insert | Tap},
	"insert-card":  {Kind: InsertCard, Merchant: "Café Muñoz", Amount: 1250, Currency: "eur", Entries: Insert},
	// Where it can be swiped as well.
	"insert-or-swipe": {Kind: InsertCard, Merchant: "Café Muñoz", Amount: 1250, Currency: "eur", Entries: Insert | Swipe},
}

func TestLanguageGolden(t *testing.T) {
	for name, v := range sheets {
		checkGolden(t, "languages", name, sheet(v, image.Pt(320, 240)))
		checkGolden(t, "languages", "small-"+name, sheet(v, image.Pt(128, 64)))
	}
}

// sheet is a view in all languages, two beside each other, with a line between them.
func sheet(v View, size image.Point) *image.RGBA {
	all := Languages()
	step := size.Add(image.Pt(1, 1))
	m := image.NewRGBA(image.Rect(0, 0, 2*step.X-1, (len(all)+1)/2*step.Y-1))
	draw.Draw(m, m.Rect, image.NewUniform(muted), image.Point{}, draw.Src)
	for i, language := range all {
		v.Language = language
		at := image.Pt(i%2*step.X, i/2*step.Y)
		draw.Draw(m, image.Rectangle{at, at.Add(size)}, Render(v, size), image.Point{}, draw.Src)
	}
	return m
}

// tolerance is how far a colour channel may be off. Where the compiler fuses
// multiply and add (arm64), the anti-aliasing of a pixel may round otherwise.
func tolerance() int {
	if runtime.GOARCH == "amd64" {
		return 0
	}
	return 2
}

func TestGolden(t *testing.T) { checkGoldens(t, "golden", goldens, goldenSize) }

// smalls are all screens at 128 x 64.
var smalls = map[string]View{
	"starting":           goldens["starting"],
	"not-ready":          goldens["not-ready"],
	"idle":               goldens["idle"],
	"idle-staff":         goldens["idle-staff-offline"],
	"present-card":       goldens["present-card"],
	"present-card-all":   {Kind: PresentCard, Language: "de", Amount: 123456789, Currency: "eur", Entries: Insert | Tap | Swipe},
	"choose":             goldens["choose"],
	"choose-confirm":     goldens["choose-confirm"],
	"choose-many":        goldens["choose-many"],
	"choose-more":        goldens["choose-more"],
	"enter-pin":          goldens["enter-pin"],
	"enter-pin-empty":    goldens["enter-pin-empty"],
	"enter-pin-last-try": goldens["enter-pin-last-try"],
	"enter-pin-twelve":   goldens["enter-pin-twelve"],
	"processing":         goldens["processing"],
	"accepted":           goldens["accepted"],
	"declined":           goldens["declined"],
	"remove-card":        goldens["remove-card"],
	"try-again":          goldens["try-again"],
	"error":              goldens["error"],
	"error-message":      goldens["error-message"],
}

func TestSmallGolden(t *testing.T) { checkGoldens(t, "small", smalls, image.Pt(128, 64)) }

func checkGoldens(t *testing.T, dir string, views map[string]View, size image.Point) {
	for name, v := range views {
		checkGolden(t, dir, name, Render(v, size))
	}
}

// rounding is how many pixels may differ: on a screen of one bit an edge that lies on the threshold falls
// on either side of it, as the processor rounds. ARM's fuses multiplication and addition.
const rounding = 2

func checkGolden(t *testing.T, dir, name string, got image.Image) {
	t.Run(name, func(t *testing.T) {
		path := filepath.Join("testdata", dir, name+".png")
		if *update {
			write(t, path, got)
			return
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v; make it with: go test ./display -update", err)
		}
		want, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		different, picture := compare(want, got)
		if different > rounding {
			dir := filepath.Join(t.ArtifactDir(), name)
			write(t, dir+"-got.png", got)
			write(t, dir+"-difference.png", picture)
			t.Errorf("%d pixels differ from %s; see %s-got.png and -difference.png (keep them with go test -artifacts)",
				different, path, dir)
		}
	})
}

func TestEveryKindHasAGolden(t *testing.T) {
	for dir, views := range map[string]map[string]View{"golden": goldens, "small": smalls} {
		seen := map[Kind]bool{}
		for _, some := range []map[string]View{views, sheets} { // those are of both sizes
			for _, v := range some {
				seen[v.Kind] = true
			}
		}
		for k := Starting; k <= Error; k++ {
			if !seen[k] || k.String() == "unknown" {
				t.Errorf("screen %d (%s) has no %s picture", k, k, dir)
			}
		}
	}
	for dir, want := range map[string]int{"golden": len(goldens), "small": len(smalls), "languages": 2 * len(sheets)} {
		files, err := filepath.Glob(filepath.Join("testdata", dir, "*.png"))
		if err != nil || len(files) != want {
			t.Errorf("%d %s pictures, want %d, %v", len(files), dir, want, err)
		}
	}
}

func TestSmallScreensAreBlackAndWhite(t *testing.T) {
	for name, v := range smalls {
		m := Render(v, image.Pt(128, 64))
		lit := 0
		for i := 0; i < len(m.Pix); i += 4 {
			switch [4]byte(m.Pix[i:]) {
			case [4]byte{255, 255, 255, 255}:
				lit++
			case [4]byte{0, 0, 0, 255}:
			default:
				t.Fatalf("%s: a pixel of % x", name, m.Pix[i:i+4])
			}
		}
		if lit == 0 || lit > 128*64/3 {
			t.Errorf("%s: %d pixels are lit", name, lit)
		}
	}
}

func TestCompareNoticesOnePixel(t *testing.T) {
	a, b := Render(View{}, goldenSize), Render(View{}, goldenSize)
	if n, _ := compare(a, b); n != 0 {
		t.Errorf("Render is not pure: %d pixels differ", n)
	}
	b.SetRGBA(479, 319, color.RGBA{255, 250, 255, 255})
	if n, _ := compare(a, b); n != 1 {
		t.Errorf("%d pixels differ, want 1", n)
	}
}

// compare counts the pixels that differ and paints them red on a pale copy.
func compare(want, got image.Image) (int, image.Image) {
	bounds := want.Bounds().Union(got.Bounds())
	out := image.NewRGBA(bounds)
	draw.Draw(out, bounds, got, bounds.Min, draw.Src)
	draw.Draw(out, bounds, image.NewUniform(color.RGBA{0xC0, 0xC0, 0xC0, 0xC0}), image.Point{}, draw.Over)
	n := 0
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			if differ(want.At(x, y), got.At(x, y)) {
				out.SetRGBA(x, y, danger)
				n++
			}
		}
	}
	return n, out
}

func differ(a, b color.Color) bool {
	r1, g1, b1, a1 := a.RGBA()
	r2, g2, b2, a2 := b.RGBA()
	for _, d := range []int{int(r1) - int(r2), int(g1) - int(g2), int(b1) - int(b2), int(a1) - int(a2)} {
		if max(d, -d)>>8 > tolerance() {
			return true
		}
	}
	return false
}

func write(t *testing.T, path string, m image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
