package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// DecodeObject reads a JSON object into v, a pointer to a struct, and says in
// plain words what does not fit. Unlike encoding/json it takes a member by its
// exact name only: one that is misspelt would be left out in silence.
func DecodeObject(data []byte, v any) error {
	if err := knownMembers(data, reflect.TypeOf(v).Elem(), ""); err != nil {
		return err
	}
	err := json.Unmarshal(data, v)
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if mistyped.Field == "" {
			return fmt.Errorf("it must be %s", inWords(mistyped.Type))
		}
		return fmt.Errorf("%s must be %s", mistyped.Field, inWords(mistyped.Type))
	}
	if err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	return nil
}

// knownMembers refuses members that t has no field for. What is not of t's
// shape at all is left to the decoder.
func knownMembers(data []byte, t reflect.Type, path string) error {
	switch t.Kind() {
	case reflect.Pointer:
		return knownMembers(data, t.Elem(), path)
	case reflect.Slice:
		var items []json.RawMessage
		if json.Unmarshal(data, &items) != nil {
			return nil
		}
		for i, item := range items {
			if err := knownMembers(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		var members map[string]json.RawMessage
		if json.Unmarshal(data, &members) != nil {
			return nil
		}
		fields := fieldsOf(t)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			full := strings.TrimPrefix(path+"."+name, ".")
			field, known := fields[name]
			if !known {
				return unknownMember(full, name, fields)
			}
			if err := knownMembers(members[name], field, full); err != nil {
				return err
			}
		}
	}
	return nil
}

// fieldsOf are the members of a struct in JSON.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && name != "-" && !(f.Anonymous && name == "") {
			if name == "" {
				name = f.Name
			}
			fields[name] = f.Type
		}
	}
	return fields
}

func unknownMember(full, name string, fields map[string]reflect.Type) error {
	var names []string
	for known := range fields {
		if strings.EqualFold(known, name) {
			return fmt.Errorf("there is no %q; is %q meant?", full, known)
		}
		names = append(names, known)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return fmt.Errorf("there is no %q; it has no members", full)
	}
	return fmt.Errorf("there is no %q; there is %s", full, strings.Join(names, ", "))
}

// inWords is a Go type in the words of JSON.
func inWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return inWords(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Float64:
		return "a number"
	}
	return "a whole number"
}
