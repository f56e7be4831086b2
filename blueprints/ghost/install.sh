# Runs behind npm install. Ghost's package holds parts that npm installs for nobody but Ghost itself, so it is unpacked
# into node_modules, and pnpm installs there what Ghost's own lock file names.
set -eu
version=6.65.0
sum=0f7ebdaa2bce99f9f8630bc10f50e58ce1ac1e727304442106c8859c1643f868d6ac1a5d6506183479de89070a4152705289bc7875a69759f91512d02305453a
npm pack --silent "ghost@$version"
echo "$sum  ghost-$version.tgz" | sha512sum --check --quiet
mkdir -p node_modules/ghost
tar -xzf "ghost-$version.tgz" --strip-components=1 -C node_modules/ghost
rm "ghost-$version.tgz"
cd node_modules/ghost
pnpm install --prod --frozen-lockfile --ignore-scripts --config.node-linker=hoisted --store-dir "$PWD/.store" --loglevel=warn --config.update-notifier=false
rm -rf .store
