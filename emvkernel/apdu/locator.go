package apdu

import "errors"

// File is one entry of the application file locator: the records First to Last of the file SFI, of which
// the first Signed ones are part of the static data to be authenticated.
type File struct {
	SFI         byte
	First, Last byte
	Signed      byte
}

// ErrLocator is returned for an application file locator with an impossible entry.
var ErrLocator = errors.New("apdu: application file locator with an impossible entry")

// ParseLocator decodes '94', four bytes for each file (EMV Book 3, 10.2). Nothing is said for an empty one.
func ParseLocator(b []byte) ([]File, error) {
	if len(b)%4 != 0 {
		return nil, ErrLocator
	}
	files := make([]File, 0, len(b)/4)
	for ; len(b) > 0; b = b[4:] {
		f := File{SFI: b[0] >> 3, First: b[1], Last: b[2], Signed: b[3]}
		if b[0]&0x07 != 0 || f.SFI < 1 || f.SFI > 30 || f.First < 1 || f.Last < f.First || int(f.Signed) > int(f.Last)-int(f.First)+1 {
			return nil, ErrLocator
		}
		files = append(files, f)
	}
	return files, nil
}
