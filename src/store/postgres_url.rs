//! PostgreSQL URLs, taken apart as libpq takes them apart (`conninfo_uri_parse`, libpq 18).
//!
//! What libpq would read as something else than its writer meant is refused here, because libpq quotes what it cannot read, and
//! that may be a password. No error of this module repeats a part of the text. A URL that passes means the same to libpq, which
//! then never says a word of its password.

use std::fmt;

use percent_encoding::percent_decode_str;

/// The options that libpq knows.
const OPTIONS: [&str; 51] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_issuer",
    "oauth_scope",
    "options",
    "passfile",
    "password",
    "port",
    "replication",
    "require_auth",
    "requirepeer",
    "scram_client_key",
    "scram_server_key",
    "service",
    "ssl",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslkeylogfile",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];
/// Those that hold a secret.
const SECRETS: [&str; 5] = ["password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"];
/// From this likeness on, of at most 1, an unknown option is taken for a known one that was misspelt.
const LIKENESS_MIN: f64 = 0.75;

/// A URL that libpq reads as its writer meant it. Shown without its passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    /// Up to the database, as it is written.
    head: String,
    /// The same with `***` in place of the password.
    shown_head: String,
    /// Names and values, as they are written.
    options: Vec<(String, String)>,
}

impl PostgresUrl {
    /// Reads what follows `postgresql://`.
    ///
    /// # Errors
    /// What is wrong with it, without a word of it.
    pub fn parse(scheme: &str, rest: &str) -> Result<Self, String> {
        if rest.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
            return Err(
                "it has a blank or a control character, which is written as %20 or another percent code".to_owned()
            );
        }
        check_percent_codes(rest)?;
        let (credentials, place) = split_credentials(rest);
        let (place, options) = place.split_once('?').map_or((place, None), |(place, options)| (place, Some(options)));
        let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
        check_hosts(hosts)?;
        if database.is_empty() {
            return Err("it names no database".to_owned());
        }
        if database.contains(['@', '/', ':']) {
            return Err(misplaced());
        }
        let options = match options {
            None | Some("") => Vec::new(),
            Some(options) => options.split('&').map(option).collect::<Result<Vec<_>, _>>()?,
        };
        let shown_credentials = credentials.map(|credentials| match credentials.split_once(':') {
            Some((user, _)) => format!("{user}:***@"),
            None => format!("{credentials}@"),
        });
        let head_with = |credentials: &str| format!("{scheme}://{credentials}{place}");
        Ok(Self {
            head: head_with(&credentials.map(|credentials| format!("{credentials}@")).unwrap_or_default()),
            shown_head: head_with(&shown_credentials.unwrap_or_default()),
            options,
        })
    }

    /// The value of an option, decoded; of several the last one, as libpq does.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<String> {
        let found = self.options.iter().rfind(|(written, _)| decoded(written) == name);
        found.map(|(_, value)| decoded(value))
    }

    /// The same URL with an option's value, whatever it had.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.options.retain(|(written, _)| decoded(written) != name);
        let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
        self.options.push((name.to_owned(), value.to_string()));
        self
    }

    /// The URL for libpq, with its passwords.
    #[must_use]
    pub fn for_libpq(&self) -> String {
        written(&self.head, &self.options, |_, value| value)
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = |name: &str, value| if SECRETS.contains(&&*decoded(name)) { "***" } else { value };
        f.write_str(&written(&self.shown_head, &self.options, masked))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn written<'a>(head: &str, options: &'a [(String, String)], value_of: impl Fn(&'a str, &'a str) -> &'a str) -> String {
    let mut text = head.to_owned();
    for (place, (name, value)) in options.iter().enumerate() {
        let separator = if place == 0 { '?' } else { '&' };
        text.push_str(&format!("{separator}{name}={}", value_of(name, value)));
    }
    text
}

/// What libpq takes for the credentials: what is before the first `@`, unless a slash comes earlier.
fn split_credentials(rest: &str) -> (Option<&str>, &str) {
    match rest.find(['@', '/']) {
        Some(end) if rest[end..].starts_with('@') => (Some(&rest[..end]), &rest[end + 1..]),
        _ => (None, rest),
    }
}

/// Hosts and ports are checked strictly: what is neither may be the end of a password.
fn check_hosts(hosts: &str) -> Result<(), String> {
    hosts.split(',').try_for_each(|place| {
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, ""),
            Some((host, port)) => (host, port.strip_prefix(':').ok_or_else(misplaced)?),
            None => place.split_once(':').unwrap_or((place, "")),
        };
        let is_host = host.chars().all(|letter| letter.is_alphanumeric() || "-._~%:".contains(letter));
        let is_port = port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0);
        if is_host && is_port { Ok(()) } else { Err(misplaced()) }
    })
}

/// One `name=value`.
fn option(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("an option after the ? is not name=value")?;
    if value.contains('=') {
        return Err("the value of an option has a raw =, which is written as %3D".to_owned());
    }
    let known = decoded(name);
    if OPTIONS.contains(&known.as_str()) {
        return Ok((name.to_owned(), value.to_owned()));
    }
    let nearest = OPTIONS.iter().map(|option| (strsim::jaro_winkler(option, &known), option));
    let nearest =
        nearest.filter(|(likeness, _)| *likeness >= LIKENESS_MIN).max_by(|one, other| one.0.total_cmp(&other.0));
    let hint = nearest.map(|(_, option)| format!("; the nearest one is {option}")).unwrap_or_default();
    Err(format!("libpq has no option of the name of one of those after the ?{hint}"))
}

/// Every percent sign begins the code of a byte, and no byte is zero.
fn check_percent_codes(text: &str) -> Result<(), String> {
    for (at, _) in text.match_indices('%') {
        let code = text.as_bytes().get(at + 1..at + 3);
        if !code.is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit) && code != b"00") {
            return Err(
                "a percent sign is not followed by two hexadecimal digits; % itself is written as %25".to_owned()
            );
        }
    }
    Ok(())
}

fn misplaced() -> String {
    "host, port or database cannot be read; in a user or password @ is written as %40, / as %2F, : as %3A and ? as %3F"
        .to_owned()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(rest: &str) -> Result<PostgresUrl, String> {
        PostgresUrl::parse("postgresql", rest)
    }

    #[test]
    fn what_libpq_reads_is_handed_on_as_it_is() {
        for rest in [
            "/happystock?host=/run/postgresql",
            "u@h/db",
            "market@/happystock",
            "market:s3cret@one:5432,two:5433/happystock?target_session_attrs=read-write",
            "%2Frun%2Fpostgresql/happystock",
            "[::1]:5432/happystock",
            "u:p?x#y&z=1@h/db?sslmode=verify-full&sslrootcert=ca.crt",
            "u:@h/db?options=-csearch_path%3Dtwo",
        ] {
            assert_eq!(parse(rest).map(|url| url.for_libpq()), Ok(format!("postgresql://{rest}")));
        }
    }

    #[test]
    fn what_libpq_would_read_otherwise_is_refused() {
        for (rest, words) in [
            ("h", "no database"),
            ("h/", "no database"),
            ("u:pa@ss@h/db", "@ is written as %40"),
            ("u:pa/ss@h/db", "/ as %2F"),
            ("u:12/34@h/db", "/ as %2F"),
            ("u:p ss@h/db", "%20"),
            ("u:p%zz@h/db", "%25"),
            ("u:p%4@h/db", "%25"),
            ("u:p%00@h/db", "%25"),
            ("h:0/db", "host, port"),
            ("h:70000/db", "host, port"),
            ("h/db?sslmode", "name=value"),
            ("h/db?options=-csearch_path=two", "%3D"),
            ("h/db?sslmod=require", "the nearest one is sslmode"),
            ("h/db?qqqq=1", "no option"),
        ] {
            let error = parse(rest).unwrap_err();
            assert!(error.contains(words), "{rest}: {error}");
        }
    }

    #[test]
    fn an_option_is_read_and_replaced_however_it_is_written() {
        let url = parse("h/db?sslmode=require&ssl%6dode=prefer&sslrootcert=system").unwrap();
        assert_eq!(url.option("sslmode").as_deref(), Some("prefer"));
        let url = url.with("sslmode", "verify-full").with("sslrootcert", "roots/a b.crt");
        let expected = "postgresql://h/db?sslmode=verify%2Dfull&sslrootcert=roots%2Fa%20b%2Ecrt";
        assert_eq!(url.for_libpq(), expected);
        assert_eq!(url.option("sslrootcert").as_deref(), Some("roots/a b.crt"));
    }

    /// The places of a URL in which a password stands.
    fn urls_with(password: &str) -> [String; 4] {
        [
            format!("market:{password}@127.0.0.1:5432/db"),
            format!("market:{password}@127.0.0.1:5432/db?sslmode=disable"),
            format!("127.0.0.1/db?user=market&password={password}&sslmode=disable"),
            format!("market:{password}@/db?sslpassword={password}"),
        ]
    }

    proptest! {
        /// What is shown does not depend on the password: it reveals nothing, not even by what is left out.
        #[test]
        fn what_is_shown_is_the_same_for_every_password(password in "[ -~]{1,24}") {
            for (url, other) in urls_with(&password).iter().zip(urls_with("other")) {
                if let Ok(url) = parse(url) {
                    let other = parse(&other).unwrap();
                    prop_assert_eq!(url.to_string(), other.to_string());
                    prop_assert_eq!(format!("{url:?}"), format!("{other:?}"));
                }
            }
        }

        /// Refusals are made of fixed words, and of names of libpq's options.
        #[test]
        fn a_refusal_repeats_nothing(password in "[ -~]{1,8}q7Xz[ -~]{1,8}q7Xz[ -~]{0,8}") {
            for error in urls_with(&password).iter().filter_map(|url| parse(url).err()) {
                prop_assert!(!error.contains("q7Xz"), "{}", error);
            }
        }

        #[test]
        fn a_password_in_percent_codes_is_always_taken(password in "[ -~]{1,24}") {
            let written = percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC).to_string();
            for url in urls_with(&written) {
                prop_assert!(parse(&url).is_ok(), "{}", url);
            }
        }
    }
}
