# Programs of Debian's packages for tests, unpacked and not installed: nothing of them starts by itself. For scripts that have a function `fail`.

# The package and those that it needs and the system lacks.
missing_packages() { # package
    apt-get -s install --no-install-recommends "$1" 2>/dev/null | awk '/^Inst/ { print $2 }'
}

# unpack_package DIRECTORY PACKAGE
#
# Unpacks a package with all that it needs into DIRECTORY, unless it is there already. Several tests may call it at once.
unpack_package() {
    [ -f "$1/.whole" ] && return 0
    command -v apt-get >/dev/null || fail "there is no apt-get, with which Debian's package $2 is fetched"
    mkdir -p "$1"
    exec 9>"$1/.lock"
    flock 9
    if [ ! -f "$1/.whole" ]; then
        local wanted work file
        wanted=$(missing_packages "$2")
        if [ -z "$wanted" ]; then
            if [ "$(id -u)" = 0 ]; then apt-get update -q >/dev/null; else sudo -n apt-get update -q >/dev/null; fi
            wanted=$(missing_packages "$2")
        fi
        [ -n "$wanted" ] || fail "the system's packages have no $2"
        work=$(mktemp -d)
        # shellcheck disable=SC2086 # several names
        (cd "$work" && apt-get download -q $wanted >log 2>&1) || fail "apt-get cannot fetch $2: $(tail -3 "$work/log")"
        for file in "$work"/*.deb; do dpkg -x "$file" "$1"; done
        rm -rf "$work"
        touch "$1/.whole"
    fi
    exec 9>&-
}

# Where an unpacked package has its libraries.
libraries_in() { # directory
    local machine
    machine=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")
    echo "$1/usr/lib/$machine:$1/lib/$machine"
}
