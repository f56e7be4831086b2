package app

import (
	"context"
	"fmt"

	"github.com/lugsail/lugsail/platform"
)

// NameAnswer says whether an app can have a name.
type NameAnswer struct {
	Name    string          // as it was asked
	Refused *platform.Error // why it cannot; nil when it can
	Instead string          // a name near it that is free; "" when it is free itself or none was found
}

// NameFree looks whether a new app could be called so. Whoever may not see the app that has the name
// learns only that it is taken.
func (s *Service) NameFree(ctx context.Context, actor platform.Actor, name string) (NameAnswer, error) {
	if !platform.Can(actor, platform.ActionManage, "") {
		return NameAnswer{}, forbidden()
	}
	answer := NameAnswer{Name: name}
	err := platform.ValidateAppName(name)
	if err == nil {
		err = s.nameTaken(ctx, actor, name)
	}
	if err == nil {
		return answer, nil
	}
	if answer.Refused = platform.AsError(err); answer.Refused.Kind == platform.Internal {
		return answer, err
	}
	answer.Instead, err = s.nearName(ctx, actor, name)
	return answer, err
}

func (s *Service) nameTaken(ctx context.Context, actor platform.Actor, name string) error {
	_, err := s.Store.AppByName(ctx, name)
	switch {
	case platform.IsKind(err, platform.NotFound):
		return nil
	case err != nil:
		return fmt.Errorf("looking for the name: %w", err)
	}
	taken := platform.Errorf(platform.Conflict, "app_exists", "There is already an app named %s.", name).WithHint("Choose another name.")
	return s.takenByTrash(ctx, actor, name, taken)
}

// nearName finds a free name that says the same.
func (s *Service) nearName(ctx context.Context, actor platform.Actor, name string) (string, error) {
	base := platform.AppNameOf(name)
	if base == "" {
		return "", nil
	}
	for _, try := range []string{base, "my-" + base, base + "-2", base + "-3", base + "-app"} {
		if platform.ValidateAppName(try) != nil {
			continue
		}
		err := s.nameTaken(ctx, actor, try)
		if err == nil {
			return try, nil
		}
		if !platform.IsKind(err, platform.Conflict) {
			return "", err
		}
	}
	return "", nil
}
