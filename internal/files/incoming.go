package files

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/lugsail/lugsail/platform"
)

// lookAgain is after how many bytes the disk is looked at once more: others fill it too.
const lookAgain = 64 << 20

// incoming is the body of a file that comes.
type incoming struct {
	ctx       context.Context
	from      io.Reader
	announced int64 // less than 0: nothing was
	room      func(bytes int64) error
	noted     func(came int64)
	came      int64
	looked    int64 // how much had come when the disk was looked at
}

func (i *incoming) Read(p []byte) (int, error) {
	n, err := i.from.Read(p)
	i.came += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, cut(i.ctx, err)
	}
	if i.came-i.looked >= lookAgain {
		i.note()
		if full := i.room(max(i.announced-i.came, 0)); full != nil {
			return n, full
		}
	}
	return n, err
}

// note tells of what has come since it was told last.
func (i *incoming) note() {
	i.noted(i.came - i.looked)
	i.looked = i.came
}

// end tells of the rest, or that nothing was kept.
func (i *incoming) end(kept bool) {
	if !kept {
		i.came = 0
	}
	i.note()
}

// whole refuses a body that is shorter than it was announced.
func (i *incoming) whole() error {
	if i.announced >= 0 && i.came < i.announced {
		return cut(i.ctx, io.ErrUnexpectedEOF)
	}
	return nil
}

// cut explains why a body ended early.
func cut(ctx context.Context, err error) error {
	known := new(platform.Error)
	switch {
	case errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("receiving a file: %w", ctx.Err())
	}
	return platform.Errorf(platform.Invalid, "upload_cut", "The file broke off before its end.").
		WithHint("Nothing was changed. Send it again.").Because(err)
}
