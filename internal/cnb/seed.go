package cnb

import (
	"context"
)

func (b *Builder) ensureSeed(context.Context, func(string)) error { return nil }

func (b *Builder) seed(context.Context, string) error { return nil }
