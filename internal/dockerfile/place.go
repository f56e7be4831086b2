package dockerfile

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// place is where a step of a build stands in the Dockerfile. Engines before 23 do not say it themselves;
// the steps' numbers count FROM and the instructions below, in every stage anew.
type place struct {
	stage       string // lower case; "stage-1" when it has no name
	number      int
	keyword     string
	first, last int
}

func placesOf(stages []instructions.Stage) []place {
	var places []place
	for i, stage := range stages {
		name := strings.ToLower(stage.Name)
		if name == "" {
			name = fmt.Sprintf("stage-%d", i)
		}
		number := 1
		first, last := extent(stage.Location)
		places = append(places, place{name, number, "FROM", first, last})
		for _, command := range stage.Commands {
			switch command.(type) {
			case *instructions.RunCommand, *instructions.CopyCommand, *instructions.AddCommand, *instructions.WorkdirCommand:
				number++
				first, last := extent(command.Location())
				places = append(places, place{name, number, strings.ToUpper(command.Name()), first, last})
			}
		}
	}
	return places
}

func extent(ranges []parser.Range) (first, last int) {
	first = lineOf(ranges)
	for _, r := range ranges {
		last = max(last, r.End.Line)
	}
	return first, max(first, last)
}

// placeOf finds a step by BuildKit's name of it, such as "[build 2/4] RUN make"; 0 when it has no place.
func (r recipe) placeOf(step string) (first, last int) {
	found := numbered.FindStringSubmatch(step)
	if found == nil {
		return 0, 0
	}
	number, err := strconv.Atoi(found[2])
	if err != nil {
		return 0, 0
	}
	for _, p := range r.places {
		if p.number == number && (found[1] == "" || strings.EqualFold(found[1], p.stage)) && strings.HasPrefix(strings.ToUpper(found[4]), p.keyword) {
			return p.first, p.last
		}
	}
	return 0, 0
}

// stages counts them.
func (r recipe) stages() int {
	names := map[string]bool{}
	for _, p := range r.places {
		names[p.stage] = true
	}
	return len(names)
}
