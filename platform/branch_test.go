package platform_test

import (
	"testing"

	"github.com/lugsail/lugsail/platform"
)

// What git itself refuses as a branch would make an app that nobody can push to; all else is data.
func TestA02_DeployBranchIsWhatGitCanHave(t *testing.T) {
	for _, good := range []string{"", "main", "release/eu-1", "a;id", "$(touch${IFS}x)", "`id`", "HEAD", "täglich", "a.b", "x@y"} {
		if err := platform.ValidateBranch(good); err != nil {
			t.Errorf("%q is refused: %v", good, err)
		}
	}
	for _, bad := range []string{
		"-x", "--upload-pack=x", "/a", "a/", "a//b", "a..b", "a b", "a\nb", "a\x00b", "a~1", "a^", "a:b", "a?", "a*", "a[b", `a\b`, "a@{1}", "@",
		".a", "a/.b", "a.", "a.lock", "a.lock/b", "refs/heads/\x7f",
	} {
		if err := platform.ValidateBranch(bad); !platform.IsKind(err, platform.Invalid) || platform.AsError(err).Hint == "" {
			t.Errorf("%q is taken: %v", bad, err)
		}
	}
}
