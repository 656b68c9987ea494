package main

import (
	"fmt"
	"regexp"
	"strings"
)

// heading begins what a changelog says of a version: ## [1.2.3] - 2026-11-23
var heading = regexp.MustCompile(`(?m)^## \[?([^\]\s]+)\]?.*$`)

// notes returns what a changelog (keepachangelog.com) says of a version, without its heading. It
// fails where that is nothing, as a version that nothing is said of was forgotten. "Unreleased" is
// one too.
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
