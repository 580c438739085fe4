#!/usr/bin/env bash
# The steps of action.yml.
#
#   action.sh install   Puts the release INPUT_VERSION (that of Cargo.toml beside this file) from
#                       below RELEASES on the PATH of the steps that follow.
#   action.sh run       Calls romfeed with each line of INPUT_RUN.
#
# The runner gives RUNNER_OS, RUNNER_ARCH, RUNNER_TOOL_CACHE and GITHUB_PATH. Needs curl, tar or
# unzip, and sha256sum or shasum; on Windows, it is run by the bash of git. Where gh is there, with
# GH_TOKEN, it also tells whether the release of REPOSITORY was made by that repository's workflow.
set -euo pipefail

fail() {
    printf '::error title=romfeed::%s\n' "$*"
    exit 1
}

# Prints the name that releases give the machine.
find_target() {
    case ${RUNNER_OS}-${RUNNER_ARCH} in
        Linux-X64) echo x86_64-unknown-linux-musl ;;
        Linux-ARM64) echo aarch64-unknown-linux-musl ;;
        macOS-X64) echo x86_64-apple-darwin ;;
        macOS-ARM64) echo aarch64-apple-darwin ;;
        Windows-X64) echo x86_64-pc-windows-msvc ;;
    esac
}

download() { # FROM TO
    curl --fail --silent --show-error --location --proto-redir =https --retry 3 \
        --output "$2" -- "$1"
}

# Prints the SHA-256 of a file.
digest() {
    if command -v sha256sum >/dev/null; then
        sha256sum <"$1"
    else
        shasum -a 256 <"$1"
    fi | cut -d ' ' -f 1
}

# Fails unless a file was made by the release workflow of REPOSITORY, as its attestation says. Only
# github.com has those, so elsewhere REPOSITORY is empty; and only gh reads them.
attest() {
    [[ -n ${REPOSITORY:-} ]] || return 0
    if ! gh attestation verify --help >/dev/null 2>&1; then
        printf '::notice title=romfeed::no gh here that knows attestations: only the digest is checked\n'
        return 0
    fi
    gh attestation verify "$1" --repo "$REPOSITORY" --signer-workflow "$REPOSITORY/.github/workflows/release.yml" >&2 ||
        fail "${1##*/} has no attestation of $REPOSITORY: it is not what its workflow released"
}

# Gets the archive $2, holds it against the digest in the release's SHA256SUMS and its attestation,
# and unpacks its only folder into $1.
fetch() {
    local folder=$1 archive=$2 from=$RELEASES/v$version/$2
    mkdir -p "${folder%/*}"
    # Beside it, so that the folder is there whole or not at all.
    new=$(mktemp -d "${folder%/*}/new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    download "$from" "$new/$archive" || fail "cannot get $from: is $version a release?"
    local sums=$RELEASES/v$version/SHA256SUMS told found
    download "$sums" "$new/SHA256SUMS" || fail "cannot get $sums"
    told=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1 }' "$new/SHA256SUMS")
    [[ -n $told ]] || fail "$sums does not name $archive"
    found=$(digest "$new/$archive")
    [[ $found == "$told" ]] || fail "$from is not what was released: its SHA-256 is $found, not $told"
    attest "$new/$archive"
    case $archive in
        *.zip) unzip -q "$new/$archive" -d "$new" ;;
        *) tar -xzf "$new/$archive" -C "$new" ;;
    esac
    mv "$new/${archive%%".$ending"}" "$folder"
}

install() {
    local here target version=${INPUT_VERSION#v} ending=tar.gz
    here=$(dirname -- "${BASH_SOURCE[0]}")
    : "${version:=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/Cargo.toml" | head -n 1)}"
    [[ $version =~ ^[0-9A-Za-z.+-]+$ ]] || fail "the version is not one: $version"
    target=$(find_target)
    [[ -n $target ]] || fail "there is no release for $RUNNER_OS on $RUNNER_ARCH: install romfeed with cargo"
    [[ $RUNNER_OS != Windows ]] || ending=zip
    local cache=$RUNNER_TOOL_CACHE
    [[ $RUNNER_OS != Windows ]] || cache=$(cygpath --unix "$cache")
    local folder=$cache/romfeed/$version/$target
    [[ -d $folder ]] || fetch "$folder" "romfeed-$version-$target.$ending"
    "$folder/romfeed" --version || fail "romfeed $version does not run on this machine"
    [[ $RUNNER_OS != Windows ]] || folder=$(cygpath --windows "$folder")
    printf '%s\n' "$folder" >>"$GITHUB_PATH"
}

run() {
    local line list word words
    while IFS= read -r line || [[ -n $line ]]; do
        [[ ! $line =~ ^[[:space:]]*(#|$) ]] || continue
        [[ $line != *\\ ]] || fail "a call has one line: $line"
        # Quotes and backslashes are as in a shell, and nothing is expanded. The dots keep words
        # that are empty.
        list=$(xargs printf '%s.\n' <<<"$line") || fail "a quotation does not end: $line"
        words=()
        while IFS= read -r word; do
            words+=("${word%.}")
        done <<<"$list"
        printf '> romfeed %s\n' "$line"
        romfeed "${words[@]}" </dev/null
    done <<<"$INPUT_RUN"
}

case ${1-} in
    install | run) "$1" ;;
    *) fail "action.sh knows install and run" ;;
esac
