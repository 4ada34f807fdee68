//! Database URLs. What is none is refused without a word of it: it may hold a password.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use super::postgres_url::PostgresUrl;

/// Where a market is kept. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `postgresql://user:password@host:port/database?options`, as libpq reads it.
    Postgres(PostgresUrl),
    /// `sqlite:///relative.db` or `sqlite:////absolute.db`, as SQLAlchemy writes it.
    Sqlite(PathBuf),
}

/// A text that is no database URL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "this is not a database URL: {problem}. Use postgresql://user:password@host:5432/happystock, \
     sqlite:///relative.db or sqlite:////absolute/path.db"
)]
pub struct InvalidUrl {
    problem: String,
}

impl FromStr for DatabaseUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |problem: &str| Err(InvalidUrl { problem: problem.to_owned() });
        let Some((scheme, rest)) = text.split_once("://") else {
            return invalid("it has no scheme");
        };
        match scheme {
            "postgres" | "postgresql" => {
                PostgresUrl::parse(scheme, rest).map(Self::Postgres).map_err(|problem| InvalidUrl { problem })
            }
            "sqlite" => match rest.strip_prefix('/') {
                None => invalid("after sqlite: come three slashes and a relative path, or four and an absolute one"),
                Some("" | "/" | ":memory:") => invalid("it names no file; a market is kept in a file"),
                Some(path) if path.contains('?') => invalid("options after ? are not supported"),
                Some(path) if path.starts_with("file:") => invalid("the file is named by its path, without file:"),
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
            Self::Postgres(url) => fmt::Display::fmt(url, f),
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
    }

    #[test]
    fn refuses_what_is_neither_without_a_word_of_it() {
        for text in [
            "",
            "s3cret.db",
            "mysql://u:s3cret@h/db",
            "u:s3cret@h/db",
            "sqlite://s3cret.db",
            "sqlite:///",
            "sqlite:///file:s3cret.db",
            "sqlite:///s3cret.db?mode=ro",
        ] {
            let error = text.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(!error.contains("s3cret") && !error.contains("mysql"), "{error}");
        }
    }
}
