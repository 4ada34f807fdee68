//! A connection to either database, for the statements that both take.

use diesel::pg::PgConnection;
use diesel::sqlite::SqliteConnection;

/// A borrowed connection to either database.
pub(super) enum AnyConnection<'a> {
    Postgres(&'a mut PgConnection),
    Sqlite(&'a mut SqliteConnection),
}

impl<'a> From<&'a mut PgConnection> for AnyConnection<'a> {
    fn from(connection: &'a mut PgConnection) -> Self {
        Self::Postgres(connection)
    }
}

impl<'a> From<&'a mut SqliteConnection> for AnyConnection<'a> {
    fn from(connection: &'a mut SqliteConnection) -> Self {
        Self::Sqlite(connection)
    }
}

/// Runs an expression with the connection inside an [`AnyConnection`], as diesel's own multi-connection does. That one is of no
/// use here: it owns its connections, and it has no ON CONFLICT.
macro_rules! on_either {
    ($connection:expr, |$inner:ident| $body:expr) => {
        match $connection {
            $crate::store::connection::AnyConnection::Postgres(inner) => {
                let $inner: &mut diesel::pg::PgConnection = inner;
                $body
            }
            $crate::store::connection::AnyConnection::Sqlite(inner) => {
                let $inner: &mut diesel::sqlite::SqliteConnection = inner;
                $body
            }
        }
    };
}
pub(super) use on_either;
