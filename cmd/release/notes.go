package main

import (
	"fmt"
	"regexp"
	"strings"
)

// heading begins a version's part of a changelog: ## [1.2.3] - 2026-11-23
var heading = regexp.MustCompile(`(?m)^## \[?([^\]\s]+)\]?.*$`)

// notes returns a version's part of a changelog (keepachangelog.com), without its heading. It fails
// if the part is empty or missing, because then it was forgotten. "Unreleased" is a version too.
func notes(changelog, version string) (string, error) {
	version = strings.TrimPrefix(version, "v")
	for _, at := range heading.FindAllStringSubmatchIndex(changelog, -1) {
		if changelog[at[2]:at[3]] != version {
			continue
		}
		text := changelog[at[1]:]
		if next := heading.FindStringIndex(text); next != nil {
			text = text[:next[0]]
		}
		if text = strings.TrimSpace(text); text != "" {
			return text + "\n", nil
		}
	}
	return "", fmt.Errorf("the changelog has nothing under ## [%s]", version)
}
