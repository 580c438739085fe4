#!/usr/bin/env bash
# The steps of action.yml.
#
#   action.sh install   Puts the release INPUT_VERSION (default: the version in Cargo.toml next to
#                       this file), downloaded from below RELEASES, on the PATH of later steps. If it
#                       is `source`, cargo compiles the commit that is checked out here.
#   action.sh run       Calls romfeed with each line of INPUT_RUN. If one leaves out a zip or a source, the
#                       others follow, and the output left-out is true.
#
# The runner sets RUNNER_OS, RUNNER_ARCH, RUNNER_TOOL_CACHE, GITHUB_PATH and GITHUB_OUTPUT. Needs curl, tar or
# unzip, and sha256sum or shasum; on Windows, git's bash runs it. If gh is installed, with GH_TOKEN,
# it also verifies that the release of REPOSITORY was made by that repository's workflow.
set -euo pipefail

fail() {
    printf '::error title=romfeed::%s\n' "$*"
    exit 1
}

# Prints the name of this machine in releases.
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

# Fails unless the attestation of a file says that the release workflow of REPOSITORY made it. Only
# github.com has attestations, so elsewhere REPOSITORY is empty; and only gh can read them.
attest() {
    [[ -n ${REPOSITORY:-} ]] || return 0
    if ! gh attestation verify --help >/dev/null 2>&1; then
        printf '::notice title=romfeed::gh is missing or too old to verify attestations: only the digest is checked\n'
        return 0
    fi
    gh attestation verify "$1" --repo "$REPOSITORY" --signer-workflow "$REPOSITORY/.github/workflows/release.yml" >&2 ||
        fail "\`${1##*/}\` has no attestation of \`$REPOSITORY\`: its workflow did not release this file"
}

# Downloads the archive $2, checks it against the release's SHA256SUMS and its attestation, and
# unpacks its only folder as $1.
fetch() {
    local folder=$1 archive=$2 from=$RELEASES/v$version/$2
    mkdir -p "${folder%/*}"
    # Next to it, so that the folder appears complete or not at all.
    new=$(mktemp -d "${folder%/*}/new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    download "$from" "$new/$archive" || fail "cannot download \`$from\`: is there a release \`$version\`?"
    local sums=$RELEASES/v$version/SHA256SUMS expected found
    download "$sums" "$new/SHA256SUMS" || fail "cannot download \`$sums\`"
    expected=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1 }' "$new/SHA256SUMS")
    [[ -n $expected ]] || fail "\`$sums\` does not name \`$archive\`"
    found=$(digest "$new/$archive")
    [[ $found == "$expected" ]] || fail "\`$from\` differs from the released file: its SHA-256 is \`$found\`, not \`$expected\`"
    attest "$new/$archive"
    case $archive in
        *.zip) unzip -q "$new/$archive" -d "$new" ;;
        *) tar -xzf "$new/$archive" -C "$new" ;;
    esac
    mv "$new/${archive%%".$ending"}" "$folder"
}

# Compiles the commit that is checked out next to this file, with what releases have, as $1/romfeed.
compile() {
    local folder=$1
    mkdir -p "${folder%/*}"
    new=$(mktemp -d "${folder%/*}/new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    cargo install --locked --no-track --features s3 --path "$here" --root "$new" >&2 ||
        fail "cannot compile \`$here\`"
    mv "$new/bin" "$folder"
}

install() {
    local here version=${INPUT_VERSION#v} ending=tar.gz cache=$RUNNER_TOOL_CACHE name
    here=$(dirname -- "${BASH_SOURCE[0]}")
    : "${version:=$(sed -n 's/^version = "\(.*\)"/\1/p' "$here/Cargo.toml" | head -n 1)}"
    [[ $version =~ ^[0-9A-Za-z.+-]+$ ]] || fail "not a version: \`$version\`"
    if [[ $version == source ]]; then
        name=$(git -C "$here" rev-parse HEAD) || fail "\`$here\` is not a checkout of romfeed"
    else
        name=$(find_target)
        [[ -n $name ]] ||
            fail "there is no release for \`$RUNNER_OS\` on \`$RUNNER_ARCH\`: set \`version: source\`"
    fi
    [[ $RUNNER_OS != Windows ]] || { ending=zip && cache=$(cygpath --unix "$cache"); }
    local folder=$cache/romfeed/$version/$name
    if [[ -d $folder ]]; then
        :
    elif [[ $version == source ]]; then
        compile "$folder"
    else
        fetch "$folder" "romfeed-$version-$name.$ending"
    fi
    "$folder/romfeed" --version || fail "romfeed \`$version\` does not run on this machine"
    [[ $RUNNER_OS != Windows ]] || folder=$(cygpath --windows "$folder")
    printf '%s\n' "$folder" >>"$GITHUB_PATH"
}

# Returns whether exit code 1 of a command means that the rest is published.
publishes_rest() { # WORD…
    local word found=1
    for word; do
        case $word in
            generate | publish) found=0 ;;
            --exit-code) return 1 ;;
        esac
    done
    return "$found"
}

run() {
    local line list word words status left_out=
    while IFS= read -r line || [[ -n $line ]]; do
        [[ ! $line =~ ^[[:space:]]*(#|$) ]] || continue
        [[ $line != *\\ ]] || fail "a command must be on one line: \`$line\`"
        # Quotes and backslashes work as in a shell, and nothing is expanded. The dots preserve
        # empty words.
        list=$(xargs printf '%s.\n' <<<"$line") || fail "a quotation mark is not closed: \`$line\`"
        words=()
        while IFS= read -r word; do
            words+=("${word%.}")
        done <<<"$list"
        printf '> romfeed %s\n' "$line"
        status=0
        romfeed "${words[@]}" </dev/null || status=$?
        if [[ $status == 1 ]] && publishes_rest "${words[@]}"; then
            left_out=1
        elif [[ $status != 0 ]]; then
            exit "$status"
        fi
    done <<<"$INPUT_RUN"
    [[ -n $left_out ]] || return 0
    printf '::error title=romfeed::something was left out, and the rest goes on: the messages of the commands name it\n'
    printf 'left-out=true\n' >>"$GITHUB_OUTPUT"
}

case ${1-} in
    install | run) "$1" ;;
    *) fail "usage: action.sh install | run" ;;
esac
