package server

import (
	"context"
	"encoding/json"
)

// stateClass is a class of state in Prefect's own code: where it stands in the hierarchy, and the colour that it is
// shown in.
type stateClass struct {
	name, parent, color string
}

// stateClasses lists the classes of 1.4.1 engine/state.py in the order of their definition.
func stateClasses() []stateClass {
	return []stateClass{
		{"State", "", "#696969"},
		{"Pending", "State", "#7ebdff"},
		{"Scheduled", "Pending", "#ffab00"},
		{"Paused", "Scheduled", "#99a8e8"},
		{"_MetaState", "State", "#696969"},
		{"ClientFailed", "_MetaState", "#eb0000"},
		{"Submitted", "_MetaState", "#ffdf5d"},
		{"Queued", "_MetaState", "#ffea7f"},
		{"Resume", "Scheduled", "#f58c0c"},
		{"Retrying", "Scheduled", "#f66a0a"},
		{"Running", "State", "#3d67ff"},
		{"Cancelling", "Running", "#E8E8E8"},
		{"Finished", "State", "#003ccb"},
		{"Looped", "Finished", "#003ccb"},
		{"Success", "Finished", "#28a745"},
		{"Cached", "Success", "#34d058"},
		{"Mapped", "Success", "#003ccb"},
		{"Cancelled", "Finished", "#bdbdbd"},
		{"Failed", "Finished", "#eb0000"},
		{"TimedOut", "Failed", "#ff4e33"},
		{"TriggerFailed", "Failed", "#ff5131"},
		{"ValidationFailed", "Failed", "#ff5131"},
		{"Skipped", "Success", "#62757f"},
	}
}

// referenceData says which states are special cases of which, themselves included, and what colour each is shown in.
func referenceData(context.Context, *call) (any, error) {
	classes := stateClasses()
	parents := map[string]string{}
	under := map[string][]string{}
	var colors object
	for _, class := range classes {
		parents[class.name] = class.parent
		for ancestor := class.name; ancestor != ""; ancestor = parents[ancestor] {
			under[ancestor] = append(under[ancestor], class.name)
		}
		colors = append(colors, member{class.name, object{{"color", quoteJSON(class.color)}}.encode()})
	}
	var hierarchy object
	for _, class := range classes {
		names, err := encodeJSON(under[class.name])
		if err != nil {
			return nil, err
		}
		hierarchy = append(hierarchy, member{class.name, names})
	}
	return payload{"state_hierarchy": json.RawMessage(hierarchy.encode()), "state_info": json.RawMessage(colors.encode())}, nil
}
