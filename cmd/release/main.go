// Command release makes what goes with a release beside the binaries: it is for the project's maintainers.
//
//	go run ./cmd/release sbom -o bin/parley.cdx.json bin/parley    what a binary is made of, as CycloneDX
//	go run ./cmd/release notes v1.2.3                              what CHANGELOG.md says of a version
package main

import (
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("say sbom or notes")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	switch args[0] {
	case "sbom":
		to := flags.String("o", "", "the file to write; unless set, standard output")
		version := flags.String("version", "", "the version of the binary; unless set, what the go command recorded")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		return writeSBOM(flags.Arg(0), *version, *to, out)
	case "notes":
		from := flags.String("changelog", "CHANGELOG.md", "the file to read")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		changelog, err := os.ReadFile(*from) //nolint:gosec // whoever calls it says which
		if err != nil {
			return err
		}
		text, err := notes(string(changelog), flags.Arg(0))
		if err != nil {
			return err
		}
		_, err = io.WriteString(out, text)
		return err
	default:
		return fmt.Errorf("there is no %q; say sbom or notes", args[0])
	}
}

func writeSBOM(binary, version, to string, out io.Writer) error {
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
	text, err := encode(describe(info, sum))
	if err != nil {
		return err
	}
	if to != "" {
		return os.WriteFile(to, text, 0o644) //nolint:gosec // it is to be published
	}
	_, err = out.Write(text)
	return err
}
