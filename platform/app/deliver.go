package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/hook"
)

// What one sender may ask: wrong tries of one source, and right ones of one webhook.
var (
	wrongRate = hook.Rate{Burst: 20, Period: 6 * time.Second}
	rightRate = hook.Rate{Burst: 60, Period: time.Second}
)

// AdmitWebhook says, before a body is read, whether one may come for the webhook of that id. An
// unknown id answers like a wrong signature.
func (s *Service) AdmitWebhook(ctx context.Context, id, source string) error {
	h, err := s.Webhooks.WebhookByID(ctx, id)
	if platform.IsKind(err, platform.NotFound) {
		return s.wrongTry("", source)
	}
	if err != nil {
		return err
	}
	if s.wrongTries.Full(s.Now(), h.ID+" "+source, wrongRate) { // who knows the address cannot shut out others
		return tooManyDeliveries(wrongRate.Period)
	}
	return nil
}

// wrongTry counts, and gives the answer to everything that is wrong.
func (s *Service) wrongTry(id, source string) error {
	if wait, ok := s.wrongTries.Take(s.Now(), id+" "+source, wrongRate); !ok {
		return tooManyDeliveries(wait)
	}
	return hook.ErrUnsigned
}

func tooManyDeliveries(wait time.Duration) error {
	return platform.Errorf(platform.TooMany, "too_many_deliveries", "Too many deliveries came.").
		WithHint("Wait %d seconds and send it again.", int(wait/time.Second)+1)
}

// Deliver takes what a Git host sends to the webhook of that id: it checks the signature, remembers
// the delivery, and begins a deployment when it tells of a push to the branch that the app is bound
// to. What it led to stands in the answer; errors are for what was not accepted.
func (s *Service) Deliver(ctx context.Context, id, source string, r hook.Request) (platform.Delivery, error) {
	h, err := s.Webhooks.WebhookByID(ctx, id)
	if platform.IsKind(err, platform.NotFound) {
		return platform.Delivery{}, s.wrongTry("", source)
	}
	if err != nil {
		return platform.Delivery{}, err
	}
	app, err := s.Store.AppByID(ctx, h.AppID)
	if err != nil || app.State != platform.AppActive {
		return platform.Delivery{}, s.wrongTry("", source)
	}
	r.Now = s.Now()
	m, err := hook.Read(r, h.Secret)
	d := platform.Delivery{
		AppID: app.ID, At: s.Now().UTC(), Provider: m.Provider, Event: m.Event, Key: m.Key, Digest: m.Digest,
		Repositories: m.Repositories, Outcome: platform.DeliveryReceived,
	}
	if errors.Is(err, hook.ErrUnsigned) {
		s.unsigned(ctx, d)
		return platform.Delivery{}, s.wrongTry(h.ID, source)
	}
	if wait, ok := s.rightOnes.Take(s.Now(), h.ID, rightRate); !ok {
		return platform.Delivery{}, tooManyDeliveries(wait)
	}
	if err != nil {
		return platform.Delivery{}, err
	}
	return s.accept(ctx, app, d, m)
}

// unsigned lets the owner see that somebody came with a wrong secret; mostly it is the owner.
func (s *Service) unsigned(ctx context.Context, d platform.Delivery) {
	d.Outcome, d.Text = platform.DeliveryRefused, "The signature is missing or wrong. Put the webhook's secret in where it is configured; a new one: lugsail webhooks rotate"
	if _, err := s.Webhooks.RecordDelivery(ctx, &d); err != nil {
		slog.WarnContext(ctx, "delivery not recorded", "app", d.AppID, "error", err)
	}
}

func (s *Service) accept(ctx context.Context, app platform.App, d platform.Delivery, m hook.Message) (platform.Delivery, error) {
	d.Provider, d.Event = m.Provider, m.Event
	remote, push, verdict, err := s.judge(ctx, app, m)
	if err != nil {
		return d, err
	}
	d.Branch, d.Commit, d.Title = push.Branch, push.Commit, push.Title
	if verdict != nil {
		d.Outcome, d.Text = verdict.outcome, verdict.text
	}
	before, err := s.Webhooks.RecordDelivery(ctx, &d)
	if err != nil {
		return d, err
	}
	switch {
	case before != nil && before.Outcome == platform.DeliveryReceived:
		return d, errUnderWay // whether it will be a repeat, nobody knows yet
	case before != nil:
		again := *before
		again.Outcome, again.Text = platform.DeliveryRepeated, "This delivery came before: "+before.Text
		return again, nil
	case verdict != nil:
		return d, nil
	}
	return s.deployDelivery(ctx, app, *remote, d)
}

// errUnderWay makes the Git host show that this one was not taken, so that it is sent again.
var errUnderWay = platform.Errorf(platform.Conflict, "delivery_under_way", "The same delivery came a moment ago and is being looked at.").
	WithHint("Send it again in a minute if it was not deployed.")

// verdict is the end of a delivery that deploys nothing.
type verdict struct {
	outcome platform.DeliveryOutcome
	text    string
}

func ignored(format string, args ...any) *verdict {
	return &verdict{platform.DeliveryIgnored, fmt.Sprintf(format, args...)}
}

// judge finds the push that deploys, or says why none does.
func (s *Service) judge(ctx context.Context, app platform.App, m hook.Message) (*platform.Remote, hook.Push, *verdict, error) {
	remote, err := s.remoteOf(ctx, app)
	if err != nil {
		return nil, hook.Push{}, nil, err
	}
	if m.Ping {
		return remote, hook.Push{}, &verdict{platform.DeliveryPing, "The webhook works: pushes will be deployed from now on."}, nil
	}
	if remote == nil {
		return nil, hook.Push{}, ignored("%s is not bound to a repository any more.", app.Name), nil
	}
	if !names(m.Repositories, remote.URL) {
		return remote, hook.Push{}, &verdict{platform.DeliveryRefused, "This came from another repository than the one that the app is bound to, " + remote.URL + "."}, nil
	}
	if len(m.Pushes) == 0 {
		return remote, hook.Push{}, ignored("Only pushes deploy; this is the event %q.", m.Event), nil
	}
	push, v := choose(*remote, m)
	return remote, push, v, nil
}

func names(addresses []string, address string) bool {
	for _, a := range addresses {
		if platform.SameRepository(a, address) {
			return true
		}
	}
	return false
}

// choose finds the push to the branch that the app is bound to. Where neither the app nor the
// message says which one it is, any branch may be it: one that is not brings nothing new.
func choose(remote platform.Remote, m hook.Message) (hook.Push, *verdict) {
	want, last := remote.Branch, m.Pushes[0]
	if want == "" {
		want = m.Default
	}
	for _, p := range m.Pushes {
		if p.Branch == "" || want != "" && p.Branch != want {
			continue
		}
		if last = p; !p.Deleted {
			return p, nil
		}
	}
	switch {
	case last.Tag:
		return last, ignored("A tag was pushed; only branches deploy.")
	case last.Deleted:
		return last, ignored("The branch %s was deleted; what was deployed goes on serving.", last.Branch)
	}
	return last, ignored("The branch %s was pushed; only %s deploys.", last.Branch, branchOf(remote))
}

func (s *Service) deployDelivery(ctx context.Context, app platform.App, remote platform.Remote, d platform.Delivery) (platform.Delivery, error) {
	actor := platform.Actor{Name: d.Provider, Via: "webhook"}
	cause := "push to " + branchOf(remote) + ", by webhook"
	if len(d.Commit) >= 7 {
		cause = "push of " + d.Commit[:7] + ", by webhook"
	}
	started, err := s.pull(ctx, actor, app, remote, false, cause)
	if err != nil {
		d.Outcome, d.Text = platform.DeliveryFailed, platform.AsError(err).Message
	} else {
		d.Outcome, d.Deployment = platform.DeliveryDeployed, started.Number
		d.Text = fmt.Sprintf("Deployment #%d fetches and deploys %s.", started.Number, branchOf(remote))
	}
	if updateErr := s.Webhooks.UpdateDelivery(context.WithoutCancel(ctx), d); updateErr != nil {
		slog.ErrorContext(ctx, "outcome of a delivery not recorded", "app", app.ID, "error", updateErr)
	}
	return d, err
}

// Redeliver does again what a delivery asked for, as the app is bound today.
func (s *Service) Redeliver(ctx context.Context, actor platform.Actor, name string, id int64) (platform.Delivery, error) {
	app, err := s.find(ctx, actor, name, platform.ActionDeploy)
	if err != nil {
		return platform.Delivery{}, err
	}
	old, err := s.Webhooks.DeliveryByID(ctx, app.ID, id)
	if err != nil {
		return platform.Delivery{}, err
	}
	if old.Branch == "" || len(old.Repositories) == 0 {
		return platform.Delivery{}, platform.Errorf(platform.Conflict, "nothing_to_redeliver", "Delivery %d told of no push to a branch, so there is nothing to do again.", id).
			WithHint("To fetch and deploy the newest commit: lugsail deploy --pull")
	}
	m := hook.Message{Provider: old.Provider, Event: old.Event, Repositories: old.Repositories, Pushes: []hook.Push{{Branch: old.Branch, Commit: old.Commit, Title: old.Title}}}
	d := platform.Delivery{
		AppID: app.ID, At: s.Now().UTC(), Repositories: old.Repositories, Outcome: platform.DeliveryReceived, Redelivers: old.ID,
	}
	d, err = s.accept(ctx, app, d, m)
	if err == nil {
		s.event(ctx, actor, app, "webhook.redelivered", fmt.Sprintf("delivery %d: %s", old.ID, d.Text))
	}
	return d, err
}
