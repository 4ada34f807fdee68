# Servers of the tests that run on Java: their libraries come from Maven once, and stay. For scripts that have a function `fail`.

# fetch_jars DIRECTORY VERSION GROUP:ARTIFACT:VERSION...
#
# Puts the artifacts with all that they need at run time into DIRECTORY, unless this VERSION is there already. Several tests may
# call it at once.
fetch_jars() {
    local directory=$1 version=$2 work group artifact number
    shift 2
    [ -f "$directory/.whole-$version" ] && return 0
    command -v mvn >/dev/null || fail "mvn is missing: install maven"
    mkdir -p "$directory"
    # Maven takes a relative path from where its project is.
    directory=$(cd "$directory" && pwd)
    exec 9>"$directory/.lock"
    flock 9
    if [ ! -f "$directory/.whole-$version" ]; then
        work=$(mktemp -d)
        {
            echo '<project><modelVersion>4.0.0</modelVersion><groupId>klined</groupId><artifactId>servers-for-tests</artifactId>'
            echo '<version>0</version><dependencies>'
            for coordinate in "$@"; do
                IFS=: read -r group artifact number <<<"$coordinate"
                echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$number</version></dependency>"
            done
            echo '</dependencies></project>'
        } >"$work/pom.xml"
        mvn -q -B -f "$work/pom.xml" dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$directory" >"$work/log" 2>&1 ||
            fail "mvn cannot fetch $*: $(tail -3 "$work/log")"
        rm -rf "$work"
        touch "$directory/.whole-$version"
    fi
    exec 9>&-
}
