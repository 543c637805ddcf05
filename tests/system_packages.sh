#!/bin/sh
# The two programs that some tests need and pip cannot bring. Installs them where it is root on Debian; elsewhere it
# says in one sentence each what is missing, and those tests skip with the same sentence (never in CI).
missing=
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing="$missing chromium"
command -v bwrap >/dev/null || missing="$missing bubblewrap"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing$missing with apt-get"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
  exit
fi
for package in $missing; do
  case $package in
    chromium) echo "chromium is missing, the browser tests will skip: install it (Debian: apt-get install chromium)" ;;
    bubblewrap) echo "bubblewrap is missing, the sandbox tests will skip: install it (Debian: apt-get install bubblewrap)" ;;
  esac
done
[ -z "$CI" ]
