#!/bin/sh
# Installs or upgrades Lugsail on Debian 12/13 or Ubuntu 22.04/24.04, without questions.
# Stand in a checkout of the repository (it is built) or in an unpacked release, and run ./install.sh
# Nothing happens before the last line was read, so a download that breaks off does no harm.
set -eu

usage() {
	cat <<'TEXT'
usage: ./install.sh [OPTIONS]

Installs Lugsail, or upgrades it when it is there already.

  --domain DOMAIN            apps answer on NAME.DOMAIN, the console on console.DOMAIN
  --acme-email E-MAIL        for the account at the certificate authority
  --acme-directory URL       another certificate authority; "off" means Lugsail's own
  --acme-roots FILE          roots to trust when speaking to it
  --public-ip ADDRESS        address that visitors reach this machine at (default: found out)
  --base-domain-suffix NAME  wildcard DNS used without a domain (default: sslip.io)
  --http-port PORT           default 80
  --https-port PORT          default 443
  --ssh-port PORT            for git over SSH, default 2222; "off" means none
  --data-dir DIRECTORY       default /var/lib/lugsail
  --run-dir DIRECTORY        default /run/lugsail
  --key-file FILE            default /etc/lugsail/master.key
  --config FILE              default /etc/lugsail/config.yaml
  --log-dir DIRECTORY        default /var/log/lugsail
  --bin FILE                 where the program goes; default /usr/local/bin/lugsail
  --docker-host SOCKET       default unix:///var/run/docker.sock
  --no-docker-setup          leave the Docker Engine and its settings alone
  --registry-port PORT       default 5005
  --app-pool NETWORK         default 10.201.0.0/16
  --build-subnet NETWORK     default 10.200.0.0/24
  --watch-seconds SECONDS    default 60

  --restore ADDRESS          bring everything back from a backup, on a server without Lugsail; asks for its password
  --restore-id ID            which backup; the newest when it is left out

  --uninstall                stop and remove Lugsail; data is kept
  --purge                    uninstall, and remove apps' images, data and settings too
  --yes                      do not ask before --purge
  --help                     this text
TEXT
}

# --- words on the terminal ---------------------------------------------------

colours() {
	bold='' red='' green='' dim='' plain=''
	if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
		bold=$(printf '\033[1m') red=$(printf '\033[31m') green=$(printf '\033[32m')
		dim=$(printf '\033[2m') plain=$(printf '\033[0m')
	fi
}

say() { printf '%s\n' "$*"; }

step() {
	current=$1
	say "$bold==>$plain $1"
	printf '\n==> %s\n' "$1" >>"$LOG"
}

# fail MESSAGE [WHAT TO DO]
fail() {
	failed=told
	printf '%sError:%s %s\n' "$red" "$plain" "$1" >&2
	[ -z "${2:-}" ] || printf '→ %s\n' "$2" >&2
	exit 1
}

# quietly runs a command with its output in the log; what it says on failure is shown.
quietly() {
	clock &
	clock=$!
	status=0
	"$@" >"$tmp/output" 2>&1 || status=1
	stop_clock
	cat "$tmp/output" >>"$LOG"
	[ $status -eq 0 ] || tail -n 12 "$tmp/output" >&2
	return $status
}

# clock tells that long work goes on, until it is ended. It ends by itself when what it tells of is gone.
clock() {
	waited=0
	while sleep 1 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
		waited=$((waited + 1))
		if [ $((waited % 20)) -eq 0 ]; then say "    ${dim}still at work after $waited seconds$plain"; fi
	done
}

# A shell that was only just forked loses the signals that can be caught: one that cannot be caught ends it.
stop_clock() {
	[ -n "$clock" ] || return 0
	kill -KILL "$clock" 2>/dev/null || true
	wait "$clock" 2>/dev/null || true
	clock=''
}

finish() {
	status=$?
	trap '' EXIT INT TERM HUP
	stop_clock
	if [ "$undo" = yes ]; then take_back; fi
	[ -z "${tmp:-}" ] || rm -rf "$tmp"
	if [ $status -ne 0 ] && [ "$failed" != told ]; then
		printf '%sError:%s It stopped at: %s.\n' "$red" "$plain" "$current" >&2
		if [ "$logging" = yes ]; then printf '→ The full log is in %s. Running this again is safe.\n' "$LOG" >&2; fi
	fi
	exit $status
}

# --- options -------------------------------------------------------------------

options() {
	action=install docker=yes yes=no purge=no restore='' restore_id='' config=/etc/lugsail/config.yaml
	BIN=/usr/local/bin/lugsail
	LOG=/var/log/lugsail/install.log
	settings=''
	while [ $# -gt 0 ]; do
		name=$1 value=''
		case $name in
		--*=*) value=${name#*=} name=${name%%=*} given=yes ;;
		*) given=no ;;
		esac
		case $name in
		--domain | --acme-email | --acme-directory | --acme-roots | --public-ip | --base-domain-suffix | --http-port | --https-port | --ssh-port | \
			--data-dir | --run-dir | --key-file | --docker-host | --registry-port | --app-pool | --build-subnet | --watch-seconds | --config | --log-dir | --bin | --restore | --restore-id)
			if [ $given = no ]; then
				[ $# -gt 1 ] || fail "$name needs a value." "./install.sh --help shows all options."
				value=$2
				shift
			fi
			case $value in
			*[!A-Za-z0-9./:@_%+,~?=\&-]*) fail "The value of $name has a character that no such value has." "./install.sh --help shows all options." ;;
			esac
			case $name in
			--config) config=$value ;;
			--bin) BIN=$value ;;
			--restore) restore=$value ;;
			--restore-id) restore_id=$value ;;
			--log-dir) LOG=$value/install.log settings="$settings $name=$value" ;;
			*) settings="$settings $name=$value" ;;
			esac
			;;
		--no-docker-setup) docker=no ;;
		--uninstall) action=uninstall ;;
		--purge) action=uninstall purge=yes ;;
		--yes) yes=yes ;;
		--help | -h)
			usage
			exit 0
			;;
		*) fail "There is no option $1." "./install.sh --help shows all options." ;;
		esac
		shift
	done
}

become_root() {
	[ "$(id -u)" -ne 0 ] || return 0
	if ! command -v sudo >/dev/null 2>&1; then
		fail "This must run as root, and there is no sudo here." "Become root with: su -   Then run it again."
	fi
	say "Lugsail is installed as root; sudo may ask for your password."
	failed=told # what follows speaks for itself
	exec sudo env "PATH=$PATH" sh "$here/install.sh" "$@"
}

# --- checks ----------------------------------------------------------------------

check_system() {
	[ "$(uname -s)" = Linux ] || fail "This is not Linux." "Lugsail runs on Debian 12 and 13, Ubuntu 22.04 and 24.04."
	case $(uname -m) in
	x86_64 | aarch64) ;;
	*) fail "This machine is $(uname -m); Lugsail runs on x86_64 (amd64) and aarch64 (arm64)." ;;
	esac
	command -v apt-get >/dev/null 2>&1 || fail "This system has no apt-get." "Lugsail runs on Debian 12 and 13, Ubuntu 22.04 and 24.04."
	system=$(. /etc/os-release && printf '%s %s' "$ID" "${VERSION_ID:-}")
	case $system in
	'debian 12'* | 'debian 13'* | 'ubuntu 22.04'* | 'ubuntu 24.04'*) ;;
	*) say "${dim}This is $system; Lugsail is made for Debian 12 and 13, Ubuntu 22.04 and 24.04. It goes on.$plain" ;;
	esac
}

# port_of NAME DEFAULT: from the options, else from the settings file, else the default.
port_of() {
	for s in $settings; do
		case $s in "--$1-port="*) echo "${s#*=}" && return ;; esac
	done
	sed -n "s/^$1_port: *\"\{0,1\}\([0-9]*\).*/\1/p" "$config" 2>/dev/null | grep . || echo "$2"
}

# ssh_port_of prints the port of git over SSH, or "off".
ssh_port_of() {
	for s in $settings; do
		case $s in --ssh-port=*) echo "${s#*=}" && return ;; esac
	done
	sed -n 's/^ssh_port: *"\{0,1\}\([0-9a-z]*\).*/\1/p' "$config" 2>/dev/null | grep . || echo 2222
}

# A port that is taken is worth saying before anything is built. Later the program names who holds it.
check_ports() {
	if [ -x "$BIN" ]; then return 0; fi
	for port in "$(port_of http 80)" "$(port_of https 443)" "$(ssh_port_of)"; do
		case $port in '' | 0 | *[!0-9]*) continue ;; esac
		hex=$(printf '%04X' "$port")
		if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v p=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == p { found = 1 } END { exit !found }'; then
			who=$( (ss -Hltnp "sport = :$port" 2>/dev/null || true) | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1 (process \2)/p' | head -n 1)
			fail "Port $port is in use by ${who:-another program}." "Stop that program, or choose other ports: ./install.sh --http-port 8080 --https-port 8443 --ssh-port 2223"
		fi
	done
}

# --- packages ----------------------------------------------------------------------

packages() {
	missing=''
	need() { # need PACKAGE FILE...: one of the files shows that it is there
		package=$1
		shift
		for file; do
			if [ -e "$file" ]; then return 0; fi
		done
		missing="$missing $package"
	}
	need git /usr/bin/git
	need mmdebstrap /usr/bin/mmdebstrap
	need debian-archive-keyring /usr/share/keyrings/debian-archive-keyring.gpg
	need restic /usr/bin/restic
	need openssh-client /usr/bin/ssh-keygen
	need ca-certificates /etc/ssl/certs/ca-certificates.crt
	need iptables /usr/sbin/iptables /sbin/iptables
	if [ $docker = yes ] && ! command -v dockerd >/dev/null 2>&1; then missing="$missing docker.io"; fi
	if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null || true)" = Y ]; then
		need apparmor /usr/sbin/apparmor_parser /sbin/apparmor_parser
	fi
	if [ $from = checkout ]; then
		command -v make >/dev/null 2>&1 || missing="$missing make"
		command -v npm >/dev/null 2>&1 || missing="$missing nodejs npm" # the console's scripts and styles
		need zstd /usr/bin/zstd
	fi
	[ -n "$missing" ] || return 0
	step "Installing$missing"
	export DEBIAN_FRONTEND=noninteractive
	apt_update || say "${dim}Not every list of packages could be fetched. It goes on with those that could.$plain"
	# shellcheck disable=SC2086 # a list of words
	apt --no-install-recommends install $missing || fail "Packages cannot be installed:$missing" "Check what apt-get says: apt-get install$missing"
}

# Another apt may run on a fresh machine for some minutes: wait for it.
apt() { quietly apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"; }

# The lists have a lock of their own, for which apt-get does not wait.
apt_update() {
	tries=0
	while ! apt-get -q -y update >"$tmp/lists" 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 60 ] || ! grep -q 'Could not get lock' "$tmp/lists"; then
			cat "$tmp/lists" >>"$LOG"
			return 1
		fi
		sleep 5
	done
	cat "$tmp/lists" >>"$LOG"
}

# --- the program -------------------------------------------------------------------

find_program() {
	if [ -f "$here/go.mod" ] && [ -f "$here/Makefile" ]; then
		from=checkout
	elif [ -f "$here/lugsail" ] && [ -f "$here/SHA256SUMS" ]; then
		from=release
	else
		fail "There is neither the source nor a built program beside install.sh." \
			"Run it in a checkout of the repository, or in an unpacked release."
	fi
}

# go_of FILE: prints the minor version of Go 1, nothing when it is not Go.
go_minor() { "$1" env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p'; }

# Go 1.21 and newer fetch the exact version that go.mod names by themselves.
find_go() {
	for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go-1.*/bin/go /snap/bin/go; do
		if [ -x "$go" ]; then
			minor=$(go_minor "$go")
			if [ "${minor:-0}" -ge 21 ]; then return 0; fi
		fi
	done
	return 1
}

build() {
	if ! find_go; then
		step "Installing Go"
		apt_update || true
		apt --no-install-recommends install golang-go || true
		find_go || apt --no-install-recommends install golang-1.23-go || true
		find_go || fail "Building Lugsail needs Go 1.21 or newer, and this distribution has none." \
			"Install Go from https://go.dev/dl into /usr/local/go and run this again, or use a release of Lugsail, which needs no Go."
	fi
	step "Building Lugsail (the first time takes some minutes)"
	[ -n "${HOME:-}" ] || export HOME=/root
	PATH=$(dirname "$go"):$PATH GO=$go quietly make -j2 -C "$here" --no-print-directory GO="$go" build || fail "Lugsail cannot be built." "The full log is in $LOG."
	program=$here/bin/lugsail
}

verify() {
	(cd "$here" && grep ' [ *]lugsail$' SHA256SUMS | sha256sum -c - >/dev/null 2>&1) ||
		fail "The program does not have the checksum that SHA256SUMS names." "The download is damaged. Fetch the release again."
	program=$here/lugsail
	"$program" version >/dev/null 2>&1 || fail "The program of this release does not run on this machine ($(uname -m))." "Fetch the release for this architecture."
}

# place puts the program where it belongs in one step, and keeps the one before with its settings.
place() {
	replaced=no
	if [ -x "$BIN" ]; then
		if ! cmp -s "$program" "$BIN"; then
			cp -p "$BIN" "$BIN.previous"
			replaced=yes
		fi
		if [ -f "$config" ]; then cp -p "$config" "$tmp/config"; fi
		undo=yes
	fi
	mkdir -p "${BIN%/*}"
	cp "$program" "$BIN.new"
	chmod 755 "$BIN.new"
	sync "$BIN.new" 2>/dev/null || sync
	mv -f "$BIN.new" "$BIN"
}

# take_back returns to the program and the settings that place has kept.
take_back() {
	undo=no
	if [ -f "$tmp/config" ]; then cp -p "$tmp/config" "$config"; fi
	if [ $replaced = yes ]; then mv -f "$BIN.previous" "$BIN"; fi
}

# --- setting up ----------------------------------------------------------------------

lugsail() { "$BIN" "$@" --config "$config"; }

# told runs a command of the program, which says itself what went wrong.
told() {
	if "$BIN" "$@" --config "$config" >"$tmp/output" 2>"$tmp/errors"; then
		cat "$tmp/output" "$tmp/errors" >>"$LOG"
		cat "$tmp/output"
		return 0
	fi
	cat "$tmp/output" "$tmp/errors" >>"$LOG"
	cat "$tmp/output"
	cat "$tmp/errors" >&2
	failed=told
	exit 1
}

systemd() { [ -d /run/systemd/system ]; }

# restore_all brings a backup in before anything is set up: the settings are among what comes back.
restore_all() {
	if [ -z "$restore" ]; then return 0; fi
	if [ -z "${LUGSAIL_BACKUP_PASSWORD:-}" ] && [ -t 0 ]; then
		printf 'Password of the backups: '
		trap 'stty echo; exit 130' INT TERM HUP
		stty -echo
		read -r LUGSAIL_BACKUP_PASSWORD || true
		stty echo
		trap 'exit 130' INT TERM HUP
		printf '\n'
	fi
	export LUGSAIL_BACKUP_PASSWORD="${LUGSAIL_BACKUP_PASSWORD:-}"
	step "Restoring from $restore"
	set -- --from "$restore"
	if [ -n "$restore_id" ]; then set -- "$@" --backup "$restore_id"; fi
	# shellcheck disable=SC2086 # a list of words without spaces, checked in options
	told host restore "$@" $settings </dev/null
}

set_up() {
	manage=''
	if [ $docker = yes ] && ! systemd; then manage=--manage-docker=true; fi
	# shellcheck disable=SC2086 # lists of words without spaces, checked in options
	told host setup $settings $manage
}

prepare() {
	step "Preparing builds (base image, builder, runtimes)"
	rm -f "$tmp/prepare.failed"
	{ lugsail host prepare 2>"$tmp/errors" || echo failed >"$tmp/prepare.failed"; } | while IFS= read -r line; do
		say "    $dim$line$plain"
		printf '%s\n' "$line" >>"$LOG"
	done
	cat "$tmp/errors" >>"$LOG"
	if [ -e "$tmp/prepare.failed" ]; then
		cat "$tmp/errors" >&2
		failed=told
		printf '→ The full log is in %s. Running this again is safe.\n' "$LOG" >&2
		exit 1
	fi
}

running() { [ -x "$BIN" ] && lugsail service status >/dev/null 2>&1; }

start() {
	told service install
	if [ $upgrade = yes ]; then
		step "Restarting"
		if ! quietly lugsail service restart || ! quietly lugsail host wait; then go_back; fi
	else
		step "Starting"
		told service start
		told host wait
	fi
	undo=no
}

# go_back returns to the program before, when the new one does not come up; and to the database that it knows,
# when the new one has changed it already.
go_back() {
	came_back=no
	take_back
	lugsail service install >>"$LOG" 2>&1 || true
	if lugsail service restart >>"$LOG" 2>&1; then
		older_database
		if lugsail host wait >>"$LOG" 2>&1; then came_back=yes; fi
	fi
	if [ $came_back = yes ]; then
		fail "The new version did not come up. The one before runs again, with its settings.$kept" "The full log is in $LOG."
	fi
	fail "The new version did not come up, and the one before does not come up again.$kept" \
		"The logs say why: $BIN service logs   Live apps stay reachable while the proxy runs: $BIN service status"
}

# older_database does nothing where the program before knows the database as it is.
older_database() {
	if ! lugsail db restore --older --yes >"$tmp/output" 2>&1; then tail -n 2 "$tmp/output" >&2; fi
	cat "$tmp/output" >>"$LOG"
	kept=$(sed -n 's/^The database of before is kept: \(.*\)/ Its database is the copy from before the upgrade; the newer one is kept: \1/p' "$tmp/output")
}

# Where the firewall of the distribution is on, visitors would not get through.
firewall() {
	if command -v ufw >/dev/null 2>&1 && ufw status 2>/dev/null | grep -q '^Status: active'; then
		for port in "$(port_of http 80)" "$(port_of https 443)" "$(ssh_port_of)"; do
			case $port in '' | 0 | *[!0-9]*) continue ;; esac
			if ufw status | grep -q "^$port\(/tcp\)\{0,1\} .*ALLOW"; then continue; fi # the owner's rule, or ours
			if quietly ufw allow "$port/tcp" comment Lugsail; then say "${dim}Opened port $port in ufw.$plain"; fi
		done
	fi
}

# close_firewall takes back what firewall has opened.
close_firewall() {
	command -v ufw >/dev/null 2>&1 || return 0
	ufw status 2>/dev/null | sed -n 's|^\([0-9]*/tcp\) .*# Lugsail$|\1|p' | sort -u | while read -r rule; do
		quietly ufw delete allow "$rule" || true
	done
}

install_all() {
	began=$(date +%s)
	check_system
	find_program
	check_ports
	packages
	if [ $from = checkout ]; then build; else verify; fi
	upgrade=no
	if running; then upgrade=yes; fi
	# shellcheck disable=SC2086 # a list of words
	"$program" host check --config "$config" $settings || { failed=told && exit 1; }
	step "Setting up"
	place
	restore_all
	set_up
	if [ $docker = yes ]; then told host prepare-docker; fi
	told host restore-images
	start
	prepare
	firewall
	say ""
	say "${green}Lugsail runs.$plain"
	lugsail host summary
	say "${dim}That took $(($(date +%s) - began)) seconds.$plain"
}

# bring_back puts the program where --uninstall took it away: the data that is left is removed by it.
bring_back() {
	find_program
	program=$here/bin/lugsail
	if [ $from != checkout ]; then verify; elif [ ! -x "$program" ]; then build; fi
	place
}

uninstall() {
	if [ ! -x "$BIN" ] && { [ $purge = no ] || [ ! -f "$config" ]; }; then
		fail "Lugsail is not installed here." "If only parts of it are left, install it again and then uninstall it."
	fi
	if [ $purge = yes ] && [ $yes = no ]; then
		[ -t 0 ] || fail "--purge removes every app and all data for ever." "Add --yes to go on without a question."
		printf 'This removes every app and all data for ever. Type purge to go on: '
		read -r answer
		[ "$answer" = purge ] || fail "Nothing was removed."
	fi
	if [ ! -x "$BIN" ]; then bring_back; fi
	step "Stopping Lugsail"
	told service uninstall
	step "Removing its containers and networks"
	if [ $purge = yes ]; then told host remove --purge; else told host remove; fi
	close_firewall
	rm -f "$BIN" "$BIN.previous" "$BIN.new"
	if [ $purge = yes ]; then
		say "Lugsail and all its data are gone. The Docker Engine and its settings are left as they are."
	else
		say "Lugsail is gone. Its data is kept; ./install.sh brings it back, ./install.sh --purge removes it."
	fi
}

main() {
	failed=no current="the start" logging=no tmp='' from='' undo=no clock='' replaced=no kept=''
	# What other programs say is read in English; and a plain su leaves out where root's programs lie.
	export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
	colours
	here=$(cd "$(dirname "$0")" && pwd)
	trap finish EXIT
	trap 'exit 130' INT TERM HUP
	options "$@"
	become_root "$@"
	umask 022
	tmp=$(mktemp -d)
	# What removes the log's directory cannot write into it.
	if [ "$action" = uninstall ]; then LOG=$tmp/log; else mkdir -p -m 750 "${LOG%/*}"; fi
	: >"$LOG"
	chmod 600 "$LOG"
	[ "$action" = install ] || uninstall
	if [ "$action" = install ]; then
		logging=yes
		install_all
	fi
}

main "$@"
