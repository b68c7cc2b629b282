package decode

import "strings"

// Masked marks what card data was taken out of: shown is decoded from the same bytes as clear, masked. A
// value of which nothing is left but what the mask put there is left out, so that nobody takes it for one.
func Masked(clear, shown []Item) []Item {
	var out []Item
	for k, item := range shown {
		was := Item{}
		if k < len(clear) && clear[k].Tag == item.Tag && clear[k].Name == item.Name {
			was = clear[k]
		}
		if was.Value == item.Value && was.Meaning == item.Meaning {
			item.Items = Masked(was.Items, item.Items)
			out = append(out, item)
			continue
		}
		item.Masked = true
		switch {
		case item.Value == "":
			if blank(item.Meaning) {
				item.Meaning = ""
			}
			item.Items = Masked(was.Items, item.Items)
		case blank(item.Value):
			item.Meaning, item.Value, item.Items = plural(len(item.Value)/2, "byte"), "", nil
		default:
			item.Items = Masked(was.Items, item.Items)
		}
		out = append(out, item)
	}
	return out
}

// blank: digits of zeros, with filler or without, or text of "X" or "0".
func blank(s string) bool {
	return strings.Trim(s, "0F") == "" || strings.ReplaceAll(s, "58", "") == "" || strings.ReplaceAll(s, "30", "") == ""
}

// Hidden is items without any value: tags, names, and what is malformed.
func Hidden(items []Item) []Item {
	var out []Item
	for _, item := range items {
		hidden := Item{Tag: item.Tag, Name: item.Name, Masked: item.Value != "" || item.Meaning != "", Items: Hidden(item.Items)}
		if strings.HasPrefix(item.Meaning, malformed) {
			hidden.Meaning = item.Meaning
		}
		out = append(out, hidden)
	}
	return out
}
