package docker

import (
	"testing"

	"github.com/lugsail/lugsail/internal/enginetest"
)

func TestEngine_KeepsTheContract(t *testing.T) {
	enginetest.Run(t, testImage, func(t *testing.T) enginetest.Engine { return openEngine(t) })
}
