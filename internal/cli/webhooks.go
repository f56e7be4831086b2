package cli

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

type webhook struct {
	URL       string    `json:"url"`
	CreatedAt time.Time `json:"created_at"`
	RotatedAt time.Time `json:"rotated_at"`
}

type delivery struct {
	ID         int64     `json:"id"`
	At         time.Time `json:"at"`
	Provider   string    `json:"provider"`
	Event      string    `json:"event"`
	Branch     string    `json:"branch"`
	Commit     string    `json:"commit"`
	Title      string    `json:"commit_title"`
	Outcome    string    `json:"outcome"`
	Text       string    `json:"text"`
	Deployment *int      `json:"deployment"`
	Redelivers *int64    `json:"redelivers"`
}

func (d delivery) deploymentText() string {
	if d.Deployment == nil {
		return "-"
	}
	return "#" + strconv.Itoa(*d.Deployment)
}

func (p *program) webhooks() *cobra.Command {
	c := &cobra.Command{
		Use: "webhooks", Short: "Deploy by itself what is pushed to GitHub, GitLab, Gitea or Bitbucket", Args: args(0, 0),
		Long: "Show the app's webhook and what it was told.\n\nTurn it on:  lugsail webhooks on   (after lugsail deploy --git URL)\n" +
			"It prints an address and a secret, to be put in at the Git host.",
		RunE: func(cmd *cobra.Command, _ []string) error { return p.showWebhook(cmd) },
	}
	on := &cobra.Command{Use: "on", Short: "Turn the webhook on, and print its address and secret", Args: args(0, 0), RunE: p.turnWebhookOn}
	rotate := &cobra.Command{Use: "rotate", Short: "Make a new secret; the one before is worth nothing any more", Args: args(0, 0), RunE: p.turnWebhookOn}
	off := &cobra.Command{Use: "off", Short: "Turn the webhook off", Args: args(0, 0), RunE: p.turnWebhookOff}
	list := &cobra.Command{
		Use: "list", Short: "List what was delivered, the newest first", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.listDeliveries(cmd) },
	}
	show := &cobra.Command{Use: "show DELIVERY", Short: "Show one delivery", Args: args(1, 1), RunE: p.showDelivery}
	again := &cobra.Command{Use: "redeliver DELIVERY", Short: "Do again what a delivery asked for", Args: args(1, 1), RunE: p.redeliver}
	c.AddCommand(on, rotate, off, list, show, again)
	return c
}

func (p *program) showWebhook(cmd *cobra.Command) error {
	c, name, err := p.target(cmd.Context())
	if err != nil {
		return err
	}
	var answer struct{ Webhook *webhook }
	raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "webhook"), nil, &answer)
	if err != nil {
		return err
	}
	if answer.Webhook == nil || p.json {
		return p.answer(raw, func() {
			p.printf("%s has no webhook. Turn it on: lugsail webhooks on%s\n", name, p.named())
		})
	}
	p.printf("%s\nIts secret was made %s; a new one: lugsail webhooks rotate%s\n\n", clean(answer.Webhook.URL), ago(answer.Webhook.RotatedAt), p.named())
	return p.listDeliveries(cmd)
}

func (p *program) turnWebhookOn(cmd *cobra.Command, _ []string) error {
	c, name, err := p.target(cmd.Context())
	if err != nil {
		return err
	}
	var answer struct {
		Secret  string
		Webhook webhook
	}
	raw, err := c.call(cmd.Context(), http.MethodPost, path(name, "webhook"), struct{}{}, &answer)
	if err != nil {
		return err
	}
	return p.answer(raw, func() {
		p.printf("Put these in where the repository's webhooks are configured. The secret is shown this once.\n\n")
		p.table([][]string{
			{"Address", answer.Webhook.URL}, {"Secret", answer.Secret}, {"Content type", "application/json"}, {"Events", "pushes"},
		})
		p.printf("\n  GitHub     Settings → Webhooks → Add webhook\n  GitLab     Settings → Webhooks → Add new webhook: the secret as secret token or as signing token\n" +
			"  Gitea      Settings → Webhooks → Add webhook → Gitea (Forgejo: the same)\n  Bitbucket  Repository settings → Webhooks → Add webhook\n\n")
		p.printf("What it was told, and what that led to: lugsail webhooks%s\n", p.named())
	})
}

func (p *program) turnWebhookOff(cmd *cobra.Command, _ []string) error {
	c, name, err := p.target(cmd.Context())
	if err != nil {
		return err
	}
	if _, err := c.call(cmd.Context(), http.MethodDelete, path(name, "webhook"), nil, nil); err != nil {
		return err
	}
	return p.done(map[string]string{"off": name}, "The webhook of %s is off: its address answers nobody any more. Remove it at the Git host, too.\n", name)
}

func (p *program) listDeliveries(cmd *cobra.Command) error {
	c, name, err := p.target(cmd.Context())
	if err != nil {
		return err
	}
	var answer struct{ Deliveries []delivery }
	raw, err := c.call(cmd.Context(), http.MethodGet, path(name, "webhook", "deliveries"), nil, &answer)
	if err != nil {
		return err
	}
	return p.answer(raw, func() {
		if len(answer.Deliveries) == 0 {
			p.printf("Nothing was delivered yet. A Git host's page of the webhook can send a test.\n")
			return
		}
		rows := [][]string{{"DELIVERY", "WHEN", "FROM", "EVENT", "BRANCH", "COMMIT", "OUTCOME", "DEPLOYMENT"}}
		for _, d := range answer.Deliveries {
			rows = append(rows, []string{
				strconv.FormatInt(d.ID, 10), ago(d.At), d.Provider, d.Event, d.Branch, commitText(d.Commit, d.Title), d.Outcome, d.deploymentText(),
			})
		}
		p.table(rows)
	})
}

func (p *program) showDelivery(cmd *cobra.Command, words []string) error {
	return p.oneDelivery(cmd, words[0], http.MethodGet, "", nil)
}

func (p *program) redeliver(cmd *cobra.Command, words []string) error {
	return p.oneDelivery(cmd, words[0], http.MethodPost, "/redeliver", struct{}{})
}

func (p *program) oneDelivery(cmd *cobra.Command, word, method, more string, body any) error {
	id, err := number(word, "#")
	if err != nil {
		return err
	}
	c, name, err := p.target(cmd.Context())
	if err != nil {
		return err
	}
	var answer struct{ Delivery delivery }
	raw, err := c.call(cmd.Context(), method, path(name, "webhook", "deliveries", id)+more, body, &answer)
	if err != nil {
		return err
	}
	return p.answer(raw, func() { p.describeDelivery(answer.Delivery) })
}

func (p *program) describeDelivery(d delivery) {
	rows := [][]string{
		{"Delivery", strconv.FormatInt(d.ID, 10)},
		{"When", ago(d.At)},
		{"From", d.Provider},
		{"Event", d.Event},
		{"Branch", d.Branch},
		{"Commit", commitText(d.Commit, d.Title)},
		{"Outcome", d.Outcome + ". " + d.Text},
	}
	if d.Redelivers != nil {
		rows = append(rows, []string{"Repeats", fmt.Sprintf("delivery %d", *d.Redelivers)})
	}
	if d.Deployment != nil {
		rows = append(rows, []string{"Deployment", fmt.Sprintf("#%d; watch it: lugsail deployments %d%s", *d.Deployment, *d.Deployment, p.named())})
	}
	p.table(rows)
}
