#!/bin/sh
# What an owner does on a machine with systemd, as root there. usage: owner.sh PART
set -eu
ca=/var/lib/lugsail/proxy/ca/ca.crt
page() { curl -sS --max-time 30 --cacert $ca --resolve "$1.localhost:443:127.0.0.1" "https://$1.localhost$2"; }
fail() { echo "FAIL: $*" && exit 1; }
want() { page hello / | grep -qx "$1" || fail "the page is: $(page hello / 2>&1)"; }

install() {
	cd /root/release
	./install.sh | tee /root/install.out
	systemctl is-active docker lugsail lugsail-proxy lugsail-http.socket lugsail-https.socket lugsail-control.socket
	systemctl is-enabled lugsail lugsail-firewall lugsail-proxy lugsail-http.socket lugsail-https.socket lugsail-control.socket
	said=$(systemd-analyze verify /etc/systemd/system/lugsail* 2>&1 | grep -i lugsail || true)
	[ -z "$said" ] || fail "systemd says of the units: $said"
}

push() {
	token=$(sed -n 's|.*/setup/\([A-Za-z0-9_-]*\).*|\1|p' /root/install.out | head -n 1)
	answer=$(curl -sS --cacert $ca --resolve console.localhost:443:127.0.0.1 -H 'Content-Type: application/json' \
		-d "{\"token\":\"$token\",\"email\":\"ada@example.com\",\"password\":\"correct horse battery\",\"name\":\"machine\"}" \
		https://console.localhost/api/v1/setup)
	LUGSAIL_TOKEN=$(echo "$answer" | sed -n 's/.*"secret":"\([^"]*\)".*/\1/p') lugsail login https://console.localhost --token --ca-file $ca
	git config --global user.name Ada
	git config --global user.email ada@example.com
	mkdir /root/hello
	cd /root/hello
	git init -q -b main
	echo '{"name":"hello","scripts":{"start":"node server.js"}}' >package.json
	echo "require('http').createServer((_, res) => res.end('one')).listen(process.env.PORT)" >server.js
	git add .
	git commit -qm one
	lugsail create hello
	git push lugsail main
	want one
}

faults() {
	systemctl kill -s KILL lugsail
	want one
	systemctl kill -s KILL lugsail-proxy
	want one
	systemctl restart lugsail-proxy lugsail
	want one
	systemctl restart docker
	want one
	systemctl kill -s KILL docker
	want one
	for again in 1 2 3 4 5; do # more often than Debian's unit would start it again
		until systemctl is-active -q docker; do sleep 0.2; done
		systemctl kill -s KILL docker
		sleep 0.5
	done
	until docker info >/dev/null 2>&1; do sleep 0.2; done
	want one
	cd /root/hello
	sed -i "s/one/two/" server.js
	git commit -qam two
	git push lugsail main
	want two
}

serves() { page hello /; }

booted() { # F16, F40: the rules were in before Docker started apps
	at() { systemctl show "$1" --property="$2" --value; }
	[ "$(at lugsail-firewall Result)" = success ] || fail "the rules at boot: $(journalctl --no-pager -u lugsail-firewall)"
	rules=$(at lugsail-firewall ExecMainExitTimestampMonotonic)
	engine=$(at docker ExecMainStartTimestampMonotonic)
	if [ "$rules" -eq 0 ] || [ "$rules" -gt "$engine" ]; then fail "rules at $rules, Docker at $engine"; fi
	iptables -S DOCKER-USER 1 | grep -q LUGSAIL-FORWARD || fail "Docker does not ask our rules first: $(iptables -S DOCKER-USER)"
}

upgraded() { # F40: the packages of Docker are upgraded in the middle of a deployment
	cd /root/hello
	sed -i "s/two/three/" server.js
	git commit -qam three
	git push lugsail main >/root/push.out 2>&1 &
	push=$!
	until lugsail deployments --json | tr -d ' \n' | grep -q '"state":"running"'; do
		kill -0 $push || fail "the push ended: $(cat /root/push.out)"
		sleep 0.1
	done
	apt-get -q -y -o Dpkg::Use-Pty=0 install --reinstall docker.io containerd runc >/dev/null
	until docker info >/dev/null 2>&1; do sleep 0.2; done
	wait $push || echo "the push was interrupted: $(tail -n 5 /root/push.out)"
	until ! lugsail deployments --json | tr -d ' \n' | grep -Eq '"state":"(running|waiting)"'; do sleep 0.2; done
	lugsail deployments
	if ! page hello / | grep -qx three; then
		want two # what served goes on, and the timeline says what happened
		lugsail deployments --json | tr -d ' \n' | grep -q '"state":"failed"' || fail "nobody is told: $(lugsail deployments)"
		git commit -q --allow-empty -m "three again"
		git push lugsail main
	fi
	want three
}

again() { # an upgrade, and away and back
	cd /root/release
	./install.sh
	want three
	./install.sh --uninstall
	if ls /etc/systemd/system/lugsail* 2>/dev/null; then fail "units are left"; fi
	[ ! -e /etc/systemd/system/docker.service.d/lugsail.conf ] || fail "the drop-in is left"
	./install.sh
	want three
}

purge() {
	cd /root/release
	./install.sh --purge --yes
	for left in /etc/systemd/system/lugsail* /etc/systemd/system/docker.service.d/lugsail.conf /var/lib/lugsail /etc/lugsail /run/lugsail /var/log/lugsail /usr/local/bin/lugsail; do
		[ ! -e "$left" ] || fail "$left is left"
	done
	[ -z "$(docker ps -aq)$(docker images -aq)$(docker volume ls -q)" ] || fail "$(docker ps -a) $(docker images -a) $(docker volume ls)"
	[ "$(docker network ls -q | wc -l)" = 3 ] || fail "$(docker network ls)"
	if getent passwd lugsail-proxy; then fail "its user is left"; fi
}

"$1"
