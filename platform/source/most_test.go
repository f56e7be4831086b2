package source_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lugsail/lugsail/platform/source"
)

func TestAtMost_AnswersOverBehindTheLastByteThatMayCome(t *testing.T) {
	over := errors.New("too much")
	for _, c := range []struct {
		have, most int
		want       error
	}{{10, 10, nil}, {10, 11, nil}, {0, 0, nil}, {1, 0, over}, {11, 10, over}, {100_000, 10, over}} {
		text := strings.Repeat("x", c.have)
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.DataErrReader(strings.NewReader(text))} {
			got, err := io.ReadAll(source.AtMost(r, int64(c.most), over))
			if !errors.Is(err, c.want) || len(got) != min(c.have, c.most) {
				t.Errorf("of %d with %d at most came %d, %v", c.have, c.most, len(got), err)
			}
		}
	}
}
