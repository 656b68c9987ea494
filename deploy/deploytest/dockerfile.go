package deploytest

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Image is the result of the Dockerfile: the files of its last stage, and how to run them.
type Image struct {
	Root                             string // a folder on this machine
	Env, Labels                      map[string]string
	User, Workdir, Volume            string
	StopSignal                       string
	Entrypoint, Command, Healthcheck []string
}

// step is an instruction of the Dockerfile, and its arguments.
type step struct{ name, text string }

var (
	comment     = regexp.MustCompile(`(?m)^\s*#.*\n`)
	instruction = regexp.MustCompile(`^(FROM|ARG|ENV|LABEL|WORKDIR|COPY|RUN|USER|VOLUME|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT|CMD) +(.+)$`)
	pair        = regexp.MustCompile(`([\w.]+)=(?:"([^"]*)"|(\S*))`)
)

// steps reads the Dockerfile. It knows the instructions that our Dockerfile uses, and fails the
// test at any other.
func steps(t testing.TB) (all []step) {
	t.Helper()
	text := comment.ReplaceAllString(string(Read(t, "deploy/image/Dockerfile")), "")
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", "")) {
		line = strings.TrimSpace(line)
		if found := instruction.FindStringSubmatch(line); found != nil {
			all = append(all, step{found[1], found[2]})
		} else if line != "" {
			t.Fatalf("these tests do not know the instruction %s", line)
		}
	}
	return all
}

// Describe reads what deploy/image/Dockerfile says of the image, without building it: Root is
// empty. args are build arguments: NAME=value.
func Describe(t testing.TB, args ...string) Image {
	t.Helper()
	var says map[string]string // the last stage, by instruction
	var vars variables
	for _, s := range steps(t) {
		switch s.name {
		case "FROM":
			says, vars = map[string]string{}, variables{}
		case "ARG":
			vars.declare(s.text, args)
		case "ENV", "LABEL":
			says[s.name] += " " + os.Expand(s.text, vars.value)
		default:
			says[s.name] = s.text // the last one is the effective one
		}
	}
	_, check, _ := strings.Cut(says["HEALTHCHECK"], " CMD ")
	return Image{
		Env: pairs(says["ENV"]), Labels: pairs(says["LABEL"]),
		User: says["USER"], Workdir: says["WORKDIR"], Volume: says["VOLUME"], StopSignal: says["STOPSIGNAL"],
		Entrypoint: list(t, says["ENTRYPOINT"]), Command: list(t, says["CMD"]), Healthcheck: list(t, check),
	}
}

// variables are the arguments of a stage.
type variables map[string]string

func (v variables) value(name string) string { return v[name] }

// declare sets one to its build argument, or to its default.
func (v variables) declare(text string, args []string) {
	name, value, _ := strings.Cut(text, "=")
	for _, arg := range args {
		if given, ok := strings.CutPrefix(arg, name+"="); ok {
			value = given
		}
	}
	v[name] = value
}

func pairs(text string) map[string]string {
	all := map[string]string{}
	for _, found := range pair.FindAllStringSubmatch(text, -1) {
		all[found[1]] = found[2] + found[3]
	}
	return all
}

// list reads a command in its exec form. The image has no shell for the other form.
func list(t testing.TB, text string) (words []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &words); err != nil {
		t.Fatalf("%q is no JSON array: %v", text, err)
	}
	return words
}
