package decode

import (
	"fmt"

	"smartreader/emvkernel/tlv"
)

// DOL decodes a data object list (EMV Book 3, 5.4).
func DOL(b []byte) (Item, error) {
	dol, err := tlv.ParseDOL(b)
	if err != nil {
		return Item{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	out := Item{Name: "Data Object List", Value: hexOf(b), Meaning: fmt.Sprintf("asks for %d bytes", dol.Size())}
	for _, item := range dol {
		out.Items = append(out.Items, Item{Tag: item.Tag.String(), Name: nameOf(item.Tag), Meaning: plural(item.Length, "byte")})
	}
	return out, nil
}

// DOLData decodes what a command carries for a data object list: the values in the list's order.
func DOLData(dol tlv.DOL, b []byte) ([]Item, error) {
	if len(b) != dol.Size() {
		return nil, wrong("data for the data object list", len(b), fmt.Sprint(dol.Size()))
	}
	var out []Item
	for _, item := range dol {
		out = append(out, Object(item.Tag, b[:item.Length]))
		b = b[item.Length:]
	}
	return out, nil
}

// AFL decodes the application file locator, '94' (EMV Book 3, 10.2).
func AFL(b []byte) (Item, error) {
	const name = "Application File Locator"
	if len(b) == 0 || len(b)%4 != 0 {
		return Item{}, wrong(name, len(b), "4 for each entry")
	}
	out := Item{Name: name, Value: hexOf(b)}
	for ; len(b) > 0; b = b[4:] {
		sfi, first, last, signed := b[0]>>3, b[1], b[2], b[3]
		meaning := fmt.Sprintf("records %d to %d, %d of them signed", first, last, signed)
		if b[0]&0x07 != 0 || sfi < 1 || sfi > 30 || first < 1 || last < first || int(signed) > int(last)-int(first)+1 {
			meaning += "; not allowed"
		}
		out.Items = append(out.Items, Item{Name: fmt.Sprintf("file %d", sfi), Value: hexOf(b[:4]), Meaning: meaning})
	}
	return out, nil
}

// tagList decodes a list of tags without lengths, such as '9F4A'.
func tagList(b []byte) (Item, error) {
	out := Item{Name: "Tag List", Value: hexOf(b)}
	for len(b) > 0 {
		n := 1
		if b[0]&0x1F == 0x1F {
			for n < len(b) && b[n]&0x80 != 0 {
				n++
			}
			n++
		}
		if n > len(b) || n > 3 {
			return Item{}, fmt.Errorf("%w: tag list with half a tag", ErrForm)
		}
		var tag tlv.Tag
		for _, c := range b[:n] {
			tag = tag<<8 | tlv.Tag(c)
		}
		out.Items = append(out.Items, Item{Tag: tag.String(), Name: nameOf(tag)})
		b = b[n:]
	}
	return out, nil
}

func nameOf(tag tlv.Tag) string {
	if name := tag.Name(); name != "" {
		return name
	}
	return "unknown data object"
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
