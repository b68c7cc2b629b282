package wire

import (
	"fmt"
	"unicode/utf8"
)

// CollectInputsParams asks the cardholder for up to five inputs, one after the
// other.
type CollectInputsParams struct {
	RequestID string         `json:"requestId"`
	Inputs    []CollectInput `json:"inputs"`
}

// Types of inputs.
const (
	InputEmail     = "email"
	InputNumeric   = "numeric"
	InputPhone     = "phone"
	InputSelection = "selection"
	InputSignature = "signature"
	InputText      = "text"
)

// CollectInput is one form.
type CollectInput struct {
	Type         string            `json:"type"`                   // one of the Input* types
	Title        string            `json:"title"`                  // 1 to 40 characters
	Description  string            `json:"description,omitempty"`  // at most 500 characters
	Required     bool              `json:"required,omitempty"`     // there is no skip button
	SkipButton   string            `json:"skipButton,omitempty"`   // at most 14 characters
	SubmitButton string            `json:"submitButton,omitempty"` // at most 30 characters
	Choices      []SelectionChoice `json:"choices,omitempty"`      // selection only: 1 to MaxChoices
	Toggles      []Toggle          `json:"toggles,omitempty"`      // at most MaxToggles
}

// Styles of a choice, and the two positions of a toggle.
const (
	StylePrimary   = "primary"
	StyleSecondary = "secondary"

	ToggleEnabled  = "enabled"
	ToggleDisabled = "disabled"
)

// SelectionChoice is one button of a selection.
type SelectionChoice struct {
	ID    string `json:"id"`              // 1 to 50 characters, its own in the selection
	Text  string `json:"text"`            // 1 to 30 characters
	Style string `json:"style,omitempty"` // StylePrimary or StyleSecondary (default)
}

// Toggle is a switch below an input.
type Toggle struct {
	Title        string `json:"title,omitempty"`       // at most 50 characters
	Description  string `json:"description,omitempty"` // at most 50 characters
	DefaultValue string `json:"defaultValue"`          // ToggleEnabled or ToggleDisabled
}

// CollectInputsResult has one result for each input, in order. It must fit into
// one message: see MaxInputValue.
type CollectInputsResult struct {
	Results List[InputResult] `json:"results"`
}

// InputResult is what was entered.
type InputResult struct {
	Type        string   `json:"type"`
	Skipped     bool     `json:"skipped"`
	Value       string   `json:"value,omitempty"`       // at most MaxInputValue bytes; of a signature: SVG
	SelectionID string   `json:"selectionId,omitempty"` // selection only
	Toggles     []string `json:"toggles,omitempty"`     // enabled or disabled, in order
}

// Validate implements Params.
func (p *CollectInputsParams) Validate() error {
	if n := len(p.Inputs); n < 1 || n > MaxInputs {
		return first(requestID(p.RequestID), wrongInput("inputs", fmt.Sprintf("must be 1 to %d", MaxInputs)))
	}
	for i := range p.Inputs {
		if e := p.Inputs[i].validate(fmt.Sprintf("inputs[%d].", i)); e != nil {
			return first(requestID(p.RequestID), e)
		}
	}
	return first(requestID(p.RequestID))
}

func (in *CollectInput) validate(at string) *Error {
	switch in.Type {
	case InputEmail, InputNumeric, InputPhone, InputSignature, InputText:
		if len(in.Choices) > 0 {
			return wrongInput(at+"choices", "belong to a selection")
		}
	case InputSelection:
		if n := len(in.Choices); n < 1 || n > MaxChoices {
			return wrongInput(at+"choices", fmt.Sprintf("must be 1 to %d", MaxChoices))
		}
	default:
		return wrongInput(at+"type", "must be one of email, numeric, phone, selection, signature, text")
	}
	if e := firstOf(
		words(at+"title", in.Title, 1, 40),
		words(at+"description", in.Description, 0, 500),
		words(at+"skipButton", in.SkipButton, 0, 14),
		words(at+"submitButton", in.SubmitButton, 0, 30),
	); e != nil {
		return e
	}
	seen := make(map[string]bool)
	for i, c := range in.Choices {
		at := fmt.Sprintf("%schoices[%d].", at, i)
		if e := c.validate(at); e != nil {
			return e
		}
		if seen[c.ID] {
			return wrongInput(at+"id", "is used twice")
		}
		seen[c.ID] = true
	}
	if len(in.Toggles) > MaxToggles {
		return wrongInput(at+"toggles", fmt.Sprintf("must be at most %d", MaxToggles))
	}
	for i, t := range in.Toggles {
		if e := t.validate(fmt.Sprintf("%stoggles[%d].", at, i)); e != nil {
			return e
		}
	}
	return nil
}

func (c SelectionChoice) validate(at string) *Error {
	if c.Style != "" && c.Style != StylePrimary && c.Style != StyleSecondary {
		return wrongInput(at+"style", "must be primary or secondary")
	}
	return firstOf(words(at+"id", c.ID, 1, 50), words(at+"text", c.Text, 1, 30))
}

func (t Toggle) validate(at string) *Error {
	if t.DefaultValue != ToggleEnabled && t.DefaultValue != ToggleDisabled {
		return wrongInput(at+"defaultValue", "must be enabled or disabled")
	}
	if t.Title == "" && t.Description == "" {
		return wrongInput(at+"title", "or description must be given")
	}
	return firstOf(words(at+"title", t.Title, 0, 50), words(at+"description", t.Description, 0, 50))
}

func words(field, value string, low, high int) *Error {
	switch n := utf8.RuneCountInString(value); {
	case n < low:
		return wrongInput(field, "is missing")
	case n > high:
		return wrongInput(field, fmt.Sprintf("must be at most %d characters", high))
	}
	return nil
}

func wrongInput(field, problem string) *Error {
	e := invalid(field, problem)
	return NewError(CodeInputsInvalidParameter, e.Message).WithRemedy(e.Remedy)
}
