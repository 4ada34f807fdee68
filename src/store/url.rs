//! Database URLs.
//!
//! A PostgreSQL URL is split here and not by the `url` crate, because libpq takes URLs that are none by that crate's standard: a user
//! without a host, or several hosts. libpq gets the text as it is; here it matters only that it names a database, and that no
//! password in it is ever shown, whether or not anything can read the URL.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use klined_service::secrets::redact;
pub use klined_service::secrets::without_passwords_of;
use thiserror::Error;

/// Where a market is kept. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `postgresql://user:password@host:port/database?options`, as libpq reads it.
    Postgres(String),
    /// `sqlite:///relative.db` or `sqlite:////absolute.db`, as SQLAlchemy writes it.
    Sqlite(PathBuf),
}

/// A text that is no database URL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "\"{shown}\" is not a database URL: {problem}. Use postgresql://user:password@host:5432/happystock, \
     sqlite:///relative.db or sqlite:////absolute/path.db"
)]
pub struct InvalidUrl {
    shown: String,
    problem: &'static str,
}

impl FromStr for DatabaseUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |problem| Err(InvalidUrl { shown: redact(text), problem });
        let Some((scheme, rest)) = text.split_once("://") else {
            return invalid("it has no scheme");
        };
        match scheme {
            "postgres" | "postgresql" => {
                let database =
                    rest.split(['?', '#']).next().and_then(|path| path.split_once('/')).map(|(_, name)| name);
                if database.is_none_or(str::is_empty) {
                    return invalid("it names no database");
                }
                Ok(Self::Postgres(text.to_owned()))
            }
            "sqlite" => match rest.strip_prefix('/') {
                None => invalid("after sqlite: come three slashes and a relative path, or four and an absolute one"),
                Some("" | "/" | ":memory:") => invalid("it names no file; a market is kept in a file"),
                Some(path) if path.contains('?') => invalid("options after ? are not supported"),
                Some(path) => Ok(Self::Sqlite(PathBuf::from(path))),
            },
            _ => invalid("its scheme is neither postgresql nor sqlite"),
        }
    }
}

impl DatabaseUrl {
    /// The URL of an SQLite file.
    #[must_use]
    pub fn of_file(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}

impl DatabaseUrl {
    /// The SQLite file that is not there yet, though its directory is: opening would make it.
    #[must_use]
    pub fn missing_file(&self) -> Option<&Path> {
        let Self::Sqlite(path) = self else { return None };
        (!path.exists() && self.directory().is_some_and(Path::is_dir)).then_some(path)
    }

    /// The directory of an SQLite file.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        let Self::Sqlite(path) = self else { return None };
        Some(path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(url) => f.write_str(&redact(url)),
            Self::Sqlite(path) => write!(f, "sqlite:///{}", path.display()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_kinds() {
        let sqlite = |text: &str| match text.parse().unwrap() {
            DatabaseUrl::Sqlite(path) => path,
            DatabaseUrl::Postgres(_) => PathBuf::new(),
        };
        assert_eq!(sqlite("sqlite:///market.db"), Path::new("market.db"));
        assert_eq!(sqlite("sqlite:////var/lib/market.db"), Path::new("/var/lib/market.db"));
        assert!(matches!("postgresql://u@h/db".parse(), Ok(DatabaseUrl::Postgres(_))));
        for text in [
            "postgres:///happystock?host=/run/postgresql",
            "postgresql://market@/happystock",
            "postgresql://market:s3cret@one:5432,two:5433/happystock?target_session_attrs=read-write",
            "postgresql://%2Frun%2Fpostgresql/happystock",
            "postgresql://[::1]:5432/happystock",
        ] {
            assert!(matches!(text.parse(), Ok(DatabaseUrl::Postgres(url)) if url == text), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_neither() {
        for text in
            ["", "market.db", "mysql://h/db", "sqlite://market.db", "sqlite:///", "postgresql://h", "postgresql://h/"]
        {
            assert!(text.parse::<DatabaseUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn never_shows_a_password() {
        for text in [
            "postgresql://user:s3cret@host/db",
            "postgresql://user:s3cr@et@host/db?sslmode=disable",
            "postgresql:///db?user=u&password=s3cret",
            "postgresql://user:s3cret@one:5432,two:5433/db",
            "postgresql://user:s3cret@/db",
            "mysql://user:s3cret@host/db",
            "user:s3cret@host/db",
        ] {
            let shown =
                text.parse::<DatabaseUrl>().map_or_else(|error| error.to_string(), |url| format!("{url} {url:?}"));
            assert!(!shown.contains("s3cr"), "{shown}");
        }
    }
}
