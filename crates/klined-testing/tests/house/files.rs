//! What holds for every file of the repository: it is short, and it names no place of somebody's machine.

use super::sources::written;
use klined_testing::repository;

/// A longer file is two rooms.
const LINES_MAX: usize = 400;
/// Files that somebody wrote as a program. What is generated or is a table of data has other endings or is in `dist`.
const PROGRAMS: [&str; 8] = [".rs", ".ts", ".js", ".mjs", ".py", ".sh", ".sql", ".ci/run"];

/// Besides programs, what a leftover may stand in.
const TEXTS: [&str; 13] = [
    ".md",
    ".toml",
    ".json",
    ".yml",
    ".yaml",
    ".service",
    ".conf",
    ".env",
    ".env.example",
    ".html",
    ".css",
    ".txt",
    ".gitignore",
];
/// The folders at the root of a machine, by which a path is known from a route such as `/v2/stocks`.
const ROOTS: [&str; 23] = [
    "Users", "bin", "boot", "builds", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "nix", "opt", "private",
    "proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var",
];
/// The absolute paths that the programs are about, as beginnings, and why each may be named.
const LEGITIMATE: [(&str, &str); 27] = [
    ("/etc/nginx", "where nginx has its configuration, in the example of deploy/nginx"),
    ("/usr", "where a system's package manager puts programs and libraries, ours by deploy/install.sh among them"),
    ("/bin/sh", "the shell of a script"),
    ("/bin/bash", "the shell of a script"),
    ("/bin/kill", "systemd reloads a daemon with it"),
    ("/bin", "the prefix of the Binance dialect's routes, no folder"),
    ("/etc/klined", "the settings of an installed market"),
    ("/etc/systemd/system", "the units of an installed market"),
    ("/var/lib/klined", "the database of an installed market"),
    ("/var/log/klined", "the logs of an installed market"),
    ("/run/systemd/system", "says whether systemd runs"),
    ("/run/postgresql", "the folder of PostgreSQL's socket"),
    ("/dev/null", "nowhere"),
    ("/dev/full", "a device that takes no byte, in tests of a full disk"),
    ("/dev/fd", "a file by its descriptor, as a shell hands it over"),
    ("/proc", "what the kernel says of a process"),
    (
        "/tmp/klined-postgres.XXXXXX",
        "a throw-away server: the server's own user must be able to reach it, which a private $TMPDIR may prevent",
    ),
    ("/var/lib/market.db", "a URL in a unit test"),
    ("/opt/kafka/bin/kafka-broker-api-versions.sh", "a program in Kafka's image"),
    ("/run/api-key", "a file in a container"),
    ("/etc/prometheus", "the configuration in Prometheus's image"),
    ("/etc/grafana/provisioning", "the configuration in Grafana's image"),
    ("/var/lib/grafana", "the data in Grafana's image"),
    ("/var/lib/postgresql/data", "the data in PostgreSQL's image"),
    ("/var/lib/kafka/data", "the data in Kafka's image"),
    ("/var/lib/clickhouse", "the data in ClickHouse's image"),
    ("/var/lib/questdb", "the data in QuestDB's image"),
];
/// Those of them that may be named only whole: below them is somebody's own.
const WHOLE: [&str; 2] = ["/bin", "/dev/null"];

/// The absolute paths in a text: a slash that continues no name, and a folder of a machine's root after it.
fn absolute_paths<'a>(text: &'a str, roots: &[&str]) -> Vec<&'a str> {
    let continues = |before: &str| {
        // A quote that ends a name goes on with it: `"$folder"/run`.
        let unquoted = before.trim_end_matches('"');
        let before = if unquoted.ends_with(|c: char| c.is_alphanumeric() || c == '}') { unquoted } else { before };
        let name = before.trim_end_matches('/');
        // In a URL of a file the path has a slash of its own after the three.
        let is_in_url = name.ends_with(':') && before.len() - name.len() >= 3;
        !is_in_url
            && before.ends_with(|c: char| c.is_alphanumeric() || "_.$}/)>*-~%".contains(c))
            && !before.ends_with("->")
    };
    let mut found = Vec::new();
    for (at, _) in text.match_indices('/').filter(|&(at, _)| !continues(&text[..at])) {
        let is_part = |c: char| c.is_alphanumeric() || "_.-/".contains(c);
        let path = &text[at..];
        let path = path[..path.find(|c| !is_part(c)).unwrap_or(path.len())].trim_end_matches(['.', '/', '-']);
        if roots.contains(&path.split('/').nth(1).unwrap_or_default()) {
            found.push(path);
        }
    }
    found
}

fn is_legitimate(path: &str) -> bool {
    LEGITIMATE.iter().any(|(allowed, _)| {
        let below = path.strip_prefix(allowed);
        below.is_some_and(|below| below.is_empty() || (below.starts_with('/') && !WHOLE.contains(allowed)))
    })
}

#[test]
fn no_file_is_too_long() {
    let files = written(&PROGRAMS);
    let lines = files.iter().map(|(path, text)| (path, text.lines().count()));
    let long: Vec<String> = lines
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| format!("{path} has {lines} lines"))
        .collect();
    assert!(long.is_empty(), "more than {LINES_MAX} lines: {}", long.join(", "));
}

#[test]
fn no_file_names_a_place_on_somebodys_machine() {
    // The folder in which this checkout lies is somebody's, whatever its name.
    let here = repository("").canonicalize().unwrap();
    let own = here.iter().nth(1).filter(|_| here.iter().count() > 2).map(|name| name.to_string_lossy().into_owned());
    let roots: Vec<&str> = ROOTS.into_iter().chain(own.as_deref()).collect();
    let files = written(&[&PROGRAMS[..], &TEXTS[..]].concat());
    // The list of what is allowed is in this file, and so are examples of what is not.
    let others = files.iter().filter(|(path, _)| !path.ends_with("tests/house/files.rs"));
    let mut leftovers = Vec::new();
    for (file, text) in others {
        for (number, line) in (1..).zip(text.lines()) {
            let strange = absolute_paths(line, &roots).into_iter().filter(|path| !is_legitimate(path));
            leftovers.extend(strange.map(|path| format!("{file}:{number}: {path}")));
        }
    }
    assert!(leftovers.is_empty(), "paths outside of the repository:\n{}", leftovers.join("\n"));
}

#[test]
fn a_path_is_distinguished_from_a_route_and_a_relative_one() {
    let found = |text| absolute_paths(text, &ROOTS);
    assert_eq!(found("cp \"$dir/log\" /tmp/five/month.log; x"), ["/tmp/five/month.log"]);
    assert_eq!(found("see `/home/me/notes.md`."), ["/home/me/notes.md"]);
    assert_eq!(found("sqlite:////var/x/m.db and sqlite:///data.db"), ["/var/x/m.db"]);
    assert_eq!(found("--out=/root/x,/opt/y"), ["/root/x", "/opt/y"]);
    assert_eq!(found("#!/usr/bin/env bash"), ["/usr/bin/env"]);
    for text in [
        "GET /v2/stocks",
        "http://host/etc/x",
        "target/tmp",
        "../usr/x",
        "$root/etc",
        "a/b",
        "{}/tmp/x",
        "1/var",
        "\"$a\"/run",
    ] {
        assert!(found(text).is_empty(), "{text}: {:?}", found(text));
    }
    assert!(is_legitimate("/usr/local/bin") && is_legitimate("/etc/klined/klined.env"));
    assert!(
        !is_legitimate("/tmp/five")
            && !is_legitimate("/tmp")
            && !is_legitimate("/etc/klinedx")
            && !is_legitimate("/dev/sda")
    );
}
