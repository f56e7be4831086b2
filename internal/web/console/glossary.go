package console

import (
	"fmt"
	"strings"
)

// term is a word that a person may not know yet: a sentence, and what AWS calls it.
type term struct {
	Word string // "A release"
	Text string
	AWS  string // "" where there is nothing alike
}

// Within is the word in the middle of a sentence: "a release", and "CPU" as it is.
func (t term) Within() string {
	if len(t.Word) > 1 && 'A' <= t.Word[1] && t.Word[1] <= 'Z' {
		return t.Word
	}
	return strings.ToLower(t.Word[:1]) + t.Word[1:]
}

// glossary explains the console's words in place. The keys stand in the templates: {{help "release"}}.
var glossary = map[string]term{
	"app":          {"An app", "One thing that you run here: its code, its settings, its address and its history.", "an Elastic Beanstalk environment, or a Lightsail container service"},
	"release":      {"A release", "What is built, together with the config vars and the plan of that moment. It has a number and never changes, so you can always go back to it.", "an application version with its configuration"},
	"deployment":   {"A deployment", "One try to bring something live. When it fails, what served before goes on serving.", "an Elastic Beanstalk environment update"},
	"rollback":     {"A roll back", "The contents of an older release go live again, under a new number. Nothing is built, so it takes about a second.", "redeploying an earlier application version"},
	"replica":      {"A replica", "One running copy of the app. Several share the visitors, and one may fail without anybody noticing.", "an instance behind a load balancer, or an ECS task"},
	"volume":       {"A volume", "A directory of the app that stays when replicas come and go: uploads, databases, whatever must not be lost.", "an EBS volume, or a Lightsail block storage disk"},
	"backup":       {"A backup", "A copy of the whole server that lies somewhere else. A snapshot lies on the server, and is lost with its disk.", "AWS Backup"},
	"snapshot":     {"A snapshot", "A copy of what an app keeps, as it was at one moment: the files of its volumes and the rows of its databases. It lies on this server, so it helps against mistakes, and not against the loss of the disk.", "EBS snapshots and RDS snapshots, made together"},
	"add-on":       {"An add-on", "A database or a cache for your apps. It runs on this server, keeps its data in a volume, and only the apps that are bound to it reach it.", "RDS for databases, ElastiCache for caches; a Lightsail database"},
	"public-port":  {"A public port", "A port of this server that leads to an add-on: for the addresses that you name, for as long as you say. What goes through it is encrypted only where the database and the program do so.", "a public Lightsail database, but limited to addresses and ended by itself"},
	"binding":      {"A binding", "The tie between an app and an add-on. The app gets config vars by it, such as DATABASE_URL, and may reach the add-on over a network of their own.", "security groups together with a secret of Secrets Manager"},
	"blueprint":    {"A blueprint", "A stack that is ready to run: the programs, their settings, the database and the volumes that belong to it, made in one go.", "a Lightsail blueprint, or a Marketplace image"},
	"plan":         {"A plan", "How much processor, memory and disk each replica may use. It is a limit on this server, not a bill.", "a Lightsail bundle, or an instance type"},
	"config-var":   {"A config var", "A name with a value that the app reads from its environment. Passwords and keys belong here, not into the code.", "environment properties, or Parameter Store"},
	"process-type": {"A process type", "A command that the app runs under a name: web gets the visitors, others, such as worker, run beside it.", "an Elastic Beanstalk worker tier"},
	"dns-record":   {"A DNS record", "A line at the company where you bought the domain. It tells browsers which server a name leads to.", "a record set in Route 53"},
	"domain":       {"A domain", "A name of your own, such as shop.example.com, under which the app answers.", "a custom domain"},
	"certificate":  {"A certificate", "What lets browsers show the lock: proof that the name is yours. Lugsail gets and renews it by itself.", "AWS Certificate Manager"},
	"health-check": {"A health check", "Before a release gets visitors, and all the time after, Lugsail asks whether it still answers.", "a target group's health check"},
	"builder":      {"A builder", "What turns your code into something that runs: buildpacks find out by themselves, a Dockerfile says it step by step.", "an Elastic Beanstalk platform, or CodeBuild"},
	"branch":       {"The deploy branch", "The git branch whose pushes go live. Others are kept and do not deploy.", "the branch of a CodePipeline source"},
	"webhook":      {"A webhook", "An address that your Git host calls at each push, so that Lugsail fetches it by itself.", "a CodePipeline trigger"},
	"token":        {"A token", "A password for programs. It can do less than you, ends by itself, and can be revoked alone.", "an access key of an IAM user"},
	"ssh-key":      {"An SSH key", "A pair of files on your computer. The public half, added here, lets git and SFTP in without a password.", "a key pair"},
	"passkey":      {"A passkey", "Your phone, computer or security key signs you in with a fingerprint, a face or a PIN. Nothing to remember, nothing to steal.", "an MFA device of the type passkey"},
	"two-factor":   {"A second factor", "A six-digit code from an app on your phone, asked after the password. A stolen password alone is then worth nothing.", "virtual MFA"},
	"capacity":     {"Promised memory", "What the plans of all running apps may use together. Lugsail never promises more than the server has.", ""},
	"stop-grace":   {"The time to stop", "A replica that is stopped is asked first (SIGTERM) and has this long to finish what it does.", "the deregistration delay"},
	"request":      {"A request", "One thing that a browser or a program asks the app for: a page, a picture, an answer of its API. One visit makes several.", "RequestCount in CloudWatch"},
	"cpu":          {"CPU", "How much of a processor the app keeps busy. 100 % is one whole processor; an app with bursts may use more for a while.", "CPUUtilization in CloudWatch"},
	"memory":       {"Memory", "What all replicas hold together, without files that are only kept to be read again. A replica that needs more than its plan gives is ended and started again.", "MemoryUtilization in CloudWatch"},
	"traffic":      {"Traffic", "The bytes of what visitors send and get. Headers and encryption come on top.", "network in and out"},
	"answer-time":  {"The answer time", "How long visitors waited: half of all answers were faster than the median, 95 of 100 faster than p95.", "target response time in CloudWatch"},
}

func help(key string) (term, error) {
	t, ok := glossary[key]
	if !ok {
		return t, fmt.Errorf("there is no explanation for %q: see glossary.go", key)
	}
	return t, nil
}
