package deploy

import "context"

// runImport takes the place of the build where the image was made elsewhere.
func (w *walk) runImport(ctx context.Context) (string, error) {
	w.say("Image")
	b, err := w.c.Builds.Import(ctx, w.app, w.d, w.log)
	if err != nil {
		return "", err
	}
	w.build = b
	return b.Detected, w.sayKeeps(ctx)
}
