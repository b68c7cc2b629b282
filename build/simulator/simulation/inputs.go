package simulation

import (
	"context"

	"smartreader/lan/wire"
)

// canned are the answers, by type of input.
var canned = map[string]string{
	wire.InputEmail:     "someone@example.com",
	wire.InputNumeric:   "2907981236",
	wire.InputPhone:     "+15555551234",
	wire.InputText:      "Jane Doe",
	wire.InputSignature: signature,
}

const signature = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 80">` +
	`<path d="M10 55C30 5 45 5 40 55S70 30 75 50 95 30 100 50 130 25 190 45" fill="none" stroke="#000" stroke-width="3"/></svg>`

// CollectInputs answers forms as a cardholder would who always enters the
// same: the first choice, and the toggles as they were. A form that was skipped
// has no toggles. A timeout comes at once: nobody waits for a simulated
// cardholder.
func (s *Simulation) CollectInputs(ctx context.Context, inputs []wire.CollectInput) ([]wire.InputResult, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	how := s.inputs
	s.mu.Unlock()
	if how.Result == wire.InputsTimeout {
		return nil, wire.NewError(wire.CodeInputsTimedOut, "")
	}
	results := make([]wire.InputResult, len(inputs))
	for i, input := range inputs {
		result := wire.InputResult{Type: input.Type}
		switch {
		case how.Skip == wire.SkipAll && !input.Required:
			result.Skipped = true
		case input.Type != wire.InputSelection:
			result.Value = canned[input.Type]
		case len(input.Choices) > 0:
			result.Value, result.SelectionID = input.Choices[0].Text, input.Choices[0].ID
		}
		if !result.Skipped {
			for _, toggle := range input.Toggles {
				result.Toggles = append(result.Toggles, toggle.DefaultValue)
			}
		}
		results[i] = result
	}
	return results, nil
}

// ChooseApplication takes the first: the one the card, or the reader, likes best.
func (s *Simulation) ChooseApplication([]string) int { return 0 }
