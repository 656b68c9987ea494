// Command release makes the files of a release other than the binaries. It is for the project's
// maintainers.
//
//	go run ./cmd/release sbom -o bin/parley.cdx.json bin/parley    what a binary is made of, as CycloneDX
//	go run ./cmd/release licenses -o bin/THIRD_PARTY_LICENSES      the terms of what Parley is made of
//	go run ./cmd/release notes v1.2.3                              what CHANGELOG.md says of a version
package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("say sbom, licenses or notes")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	to := flags.String("o", "", "the file to write; unless set, standard output")
	var text bytes.Buffer
	var err error
	switch args[0] {
	case "sbom":
		version := flags.String("version", "", "the version of the binary; unless set, what the go command recorded")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		err = writeSBOM(flags.Arg(0), *version, &text)
	case "licenses":
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		err = writeLicenses(ctx, "github.com/parley-chat/parley/cmd/parley", &text)
	case "notes":
		from := flags.String("changelog", "CHANGELOG.md", "the file to read")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		err = writeNotes(*from, flags.Arg(0), &text)
	default:
		return fmt.Errorf("there is no %q; say sbom, licenses or notes", args[0])
	}
	if err != nil {
		return err
	}
	return hand(text.Bytes(), *to, out)
}

// hand writes to a file, and makes its folder, or writes to out.
func hand(text []byte, to string, out io.Writer) error {
	if to == "" {
		_, err := out.Write(text)
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // it is for what is published
		return err
	}
	return os.WriteFile(to, text, 0o644) //nolint:gosec // it is to be published
}

func writeSBOM(binary, version string, out io.Writer) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	sum, err := fileSum(binary)
	if err != nil {
		return err
	}
	if version != "" {
		info.Main.Version = version
	}
	return encode(describe(info, sum), out)
}

func writeNotes(from, version string, out io.Writer) error {
	changelog, err := os.ReadFile(from) //nolint:gosec // the caller names the file
	if err != nil {
		return err
	}
	text, err := notes(string(changelog), version)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
}
