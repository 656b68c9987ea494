package deploytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Stage is the part of a Dockerfile between one FROM and the next.
type Stage struct {
	Base, Name string
	Steps      []Step
}

// Step is one instruction.
type Step struct {
	Name  string              // in capitals
	Flags map[string][]string // --name=value
	Words []string            // arguments, unquoted; of a JSON array its elements
	Text  string              // arguments, unchanged
}

// ParseDockerfile reads the instructions of a Dockerfile. It knows only what our Dockerfile uses,
// and refuses here-documents, escapes other than of a line end, and parser directives.
func ParseDockerfile(text string) ([]Stage, error) {
	var stages []Stage
	for _, line := range logicalLines(text) {
		step, err := parseStep(line)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", line, err)
		case step.Name == "FROM":
			stages = append(stages, Stage{Base: step.Words[0]})
			if len(step.Words) == 3 && strings.EqualFold(step.Words[1], "AS") {
				stages[len(stages)-1].Name = step.Words[2]
			}
		case len(stages) == 0:
			return nil, fmt.Errorf("%s: stands before the first FROM", line)
		default:
			s := &stages[len(stages)-1]
			s.Steps = append(s.Steps, step)
		}
	}
	return stages, nil
}

// logicalLines joins lines that end in a backslash, without comments.
func logicalLines(text string) (lines []string) {
	var line string
	for part := range strings.Lines(text) {
		part = strings.TrimSpace(part)
		if part == "" || strings.HasPrefix(part, "#") {
			continue
		}
		more := strings.HasSuffix(part, `\`)
		line += strings.TrimSpace(strings.TrimSuffix(part, `\`))
		if more {
			line += " "
			continue
		}
		lines, line = append(lines, line), ""
	}
	return lines
}

var instructions = []string{
	"FROM", "ARG", "ENV", "LABEL", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD",
}

func parseStep(line string) (Step, error) {
	name, text, _ := strings.Cut(line, " ")
	step := Step{Name: strings.ToUpper(name), Flags: map[string][]string{}}
	if !slices.Contains(instructions, step.Name) {
		return Step{}, fmt.Errorf("%s is not among the instructions that these tests know", name)
	}
	text = strings.TrimSpace(text)
	for strings.HasPrefix(text, "--") {
		flag, rest, _ := strings.Cut(text, " ")
		key, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		step.Flags[key] = append(step.Flags[key], value)
		text = strings.TrimSpace(rest)
	}
	step.Text = text
	array := text
	if step.Name == "HEALTHCHECK" {
		array = strings.TrimSpace(strings.TrimPrefix(text, "CMD"))
	}
	if strings.HasPrefix(array, "[") {
		return step, json.Unmarshal([]byte(array), &step.Words)
	}
	step.Words = words(text)
	if strings.HasPrefix(text, "<<") {
		return Step{}, errors.New("here-documents are not read")
	}
	if len(step.Words) == 0 {
		return Step{}, fmt.Errorf("%s says nothing", name)
	}
	return step, nil
}

// words splits at spaces outside of double quotes, and removes the quotes.
func words(text string) (all []string) {
	var word strings.Builder
	quoted, begun := false, false
	end := func() {
		if begun {
			all = append(all, word.String())
		}
		word.Reset()
		begun = false
	}
	for _, c := range text {
		switch {
		case c == '"':
			quoted, begun = !quoted, true
		case c == ' ' && !quoted:
			end()
		default:
			word.WriteRune(c)
			begun = true
		}
	}
	end()
	return all
}

// Last returns the last step of that name, which is the effective one.
func (s Stage) Last(name string) Step {
	for _, step := range slices.Backward(s.Steps) {
		if step.Name == name {
			return step
		}
	}
	return Step{}
}

// Env returns the environment that the stage sets.
func (s Stage) Env() map[string]string { return s.pairs("ENV") }

// pairs returns the NAME=value pairs of steps of that name.
func (s Stage) pairs(name string) map[string]string {
	all := map[string]string{}
	for _, step := range s.Steps {
		if step.Name != name {
			continue
		}
		for _, word := range step.Words {
			key, value, _ := strings.Cut(word, "=")
			all[key] = value
		}
	}
	return all
}
