//! Passwords in URLs, which no message may show.

use percent_encoding::percent_decode_str;

/// The options of a URL that hold a password.
const SECRET_OPTIONS: [&str; 2] = ["password", "sslpassword"];

/// A text without the passwords of a URL, as they are written there and as they are decoded: a client library quotes a URL
/// that it cannot read, in whole or in part.
#[must_use]
pub fn without_passwords_of(url: &str, text: &str) -> String {
    passwords(url).iter().fold(text.to_owned(), |clean, password| clean.replace(password, "***"))
}

/// The passwords in a URL, the longest first, so that no part of one is replaced and the rest remains.
fn passwords(url: &str) -> Vec<String> {
    let (head, options) = url.split_once('?').unwrap_or((url, ""));
    let rest = head.split_once("://").map_or(head, |(_, rest)| rest);
    let in_head = rest.rsplit_once('@').and_then(|(credentials, _)| credentials.split_once(':')).map(|(_, word)| word);
    let in_options = options.split('&').filter_map(|option| match option.split_once('=') {
        Some((name, word)) if SECRET_OPTIONS.contains(&name) => Some(word),
        _ => None,
    });
    // libpq takes the credentials to end with the first @, so what it quotes may begin in the middle of a password.
    let parts = in_head.into_iter().flat_map(|word| word.split('@'));
    let mut found: Vec<String> = in_head
        .into_iter()
        .chain(parts)
        .chain(in_options)
        .flat_map(|word| [word.to_owned(), percent_decode_str(word).decode_utf8_lossy().into_owned()])
        .filter(|word| !word.is_empty())
        .collect();
    found.sort_by_key(|word| std::cmp::Reverse(word.len()));
    found.dedup();
    found
}

/// A URL with `***` in place of each password.
#[must_use]
pub fn redact(url: &str) -> String {
    let (head, options) = url.split_once('?').map_or((url, None), |(head, options)| (head, Some(options)));
    // The last @ before the path ends the credentials; a password may itself hold one.
    let (scheme, rest) = head.split_once("://").unwrap_or(("", head));
    let shown = match rest.rsplit_once('@') {
        Some((credentials, place)) => match credentials.split_once(':') {
            Some((user, _)) => format!("{user}:***@{place}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    let shown = if scheme.is_empty() { shown } else { format!("{scheme}://{shown}") };
    match options {
        None => shown,
        Some(options) => {
            let kept = options.split('&').map(|option| match option.split_once('=') {
                Some((name, _)) if SECRET_OPTIONS.contains(&name) => format!("{name}=***"),
                _ => option.to_owned(),
            });
            format!("{shown}?{}", kept.collect::<Vec<_>>().join("&"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_password_out_of_a_text_however_it_is_written() {
        for url in ["postgresql://u:s3cr%65t@h/db", "u:s3cr@et@h/db", "postgresql:///db?user=u&password=s3cret"] {
            let text = "bad: \"s3cr%65t\" \"s3cret\" s3cr@et in host \"et@h\"";
            let clean = without_passwords_of(url, text);
            assert!(passwords(url).iter().all(|password| !clean.contains(password)), "{url}: {clean}");
        }
        assert_eq!(without_passwords_of("postgresql://u@h/db", "no password"), "no password");
        assert_eq!(passwords("x://u:a%20b%zz%4@h"), ["a%20b%zz%4", "a b%zz%4"]);
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("clickhouse://user:s3cr@et@host/db", "clickhouse://user:***@host/db"),
            ("u:s3cret@h", "u:***@h"),
            ("postgresql://h/db?password=s3cret&a=b", "postgresql://h/db?password=***&a=b"),
            ("kafka://h:9092", "kafka://h:9092"),
        ] {
            assert_eq!(redact(url), shown);
        }
    }
}
