package proc

import (
	"errors"
	"os"
	"testing"
)

func TestAnotherProcessWithTheSameIDIsNotTakenForIt(t *testing.T) {
	t.Parallel()
	born, err := birthOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for name, usage := range map[string]func(int, birth) (Usage, error){"usageOf": usageOf, "treeUsageOf": treeUsageOf} {
		if _, err := usage(os.Getpid(), born); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := usage(os.Getpid(), born+1); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%s of one born later: %v", name, err)
		}
	}
}
